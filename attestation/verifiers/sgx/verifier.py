"""Intel SGX: from a quote and collateral to verified claims."""

from __future__ import annotations

from datetime import datetime

from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.evidence import UnverifiedEvidence
from attestation.intel.appraisal import appraise_platform, authenticate_quote, require_tcb
from attestation.intel.reports import SgxReport
from attestation.policy import EvidencePolicy
from attestation.report_data import (
    ExpectedReportData,
    UnsafeAnyReportData,
    require_report_data,
)
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.sgx.acceptance import check_enclave, check_identity
from attestation.verifiers.sgx.claims import claims_of


def verify_sgx(
    evidence: UnverifiedEvidence,
    *,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    endorsements: Endorsements,
    policy: EvidencePolicy,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> VerifiedClaims:
    """Return what the quote proves, or raise `EvidenceError` with the most fundamental reason.

    Steps are those of docs/specs/evidence-sgx.md. Not checked: MRENCLAVE; whether this quote was
    shown before. Lists of revoked certificates come with collateral, so `policy.crl` is moot.
    """
    # (1) to (4) The quote is authentic.
    data = evidence.parts.get("quote", b"")
    quote, report, key = authenticate_quote(
        data, SgxReport, endorsements=endorsements, anchors=anchors, now=now, trace=trace
    )

    # (5) The quote was made for this request.
    require_report_data(report_data, report.report_data, trace, step="F1")

    # (6) The caller accepts such an enclave.
    check_enclave(report, policy.sgx, trace)

    # (7) Current collateral knows the platform, and the caller accepts its TCB.
    platform = appraise_platform(
        quote,
        key,
        endorsements=endorsements,
        policy=policy.intel,
        anchors=anchors,
        now=now,
        trace=trace,
    )
    require_tcb(platform, policy.intel, trace)
    check_identity(report, policy.sgx, trace)
    return claims_of(report, quote.version, platform)
