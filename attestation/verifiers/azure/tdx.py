"""Azure confidential guests on Intel TDX."""

from __future__ import annotations

from datetime import datetime

from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.evidence import UnverifiedEvidence
from attestation.intel.reports import TdReport
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.azure.hcl import REPORT_TDX
from attestation.verifiers.azure.tdreport import require_same_td
from attestation.verifiers.azure.vtpm import (
    Hardware,
    VerifiedVtpm,
    azure_claims,
    parse_given,
    verify_vtpm,
)
from attestation.verifiers.tdx.appraised import authenticate_td_quote
from attestation.verifiers.tdx.claims import td_claims


def verify_azure_tdx(
    evidence: UnverifiedEvidence,
    *,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    endorsements: Endorsements,
    policy: EvidencePolicy,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> VerifiedClaims:
    """Return what the evidence proves, or raise `EvidenceError` with the most fundamental reason.

    Steps are those of docs/specs/evidence-azure.md. Not checked: MRTD and RTMRs, which are those
    of Azure's paravisor; what PCR values mean; whether this quote was shown before.
    """
    # (1) Structure of the HCL report, the quote and the PCR values.
    parts = evidence.parts
    given = parse_given(parts, REPORT_TDX, trace)
    found: list[VerifiedVtpm] = []

    # (3) to (6) The TD quote is about this virtual TPM, which made this quote for this request.
    def check_binding(report: TdReport) -> None:
        trace.check("W2", "TDREPORT", "that of the TD quote", report.mrtd)
        require_same_td(given.hcl.hardware, report)
        bound = report.report_data
        vtpm = verify_vtpm(parts, given, bound, report_data=report_data, policy=policy, trace=trace)
        found.append(vtpm)

    # (2) and (7) The TD quote is authentic, the caller accepts such a TD on such a platform.
    td = authenticate_td_quote(
        parts.get("td_quote", b""),
        endorsements=endorsements,
        policy=policy,
        anchors=anchors,
        now=now,
        trace=trace,
        check_binding=check_binding,
    )
    hardware = Hardware(td.simulated, td.report.mrtd, td_claims(td))
    return azure_claims("azure-tdx", hardware, found[0])
