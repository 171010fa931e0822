"""Intel TDX: from a quote and collateral to verified claims."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType

from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.evidence import UnverifiedEvidence
from attestation.intel.reports import TdReport
from attestation.policy import EvidencePolicy
from attestation.report_data import (
    ExpectedReportData,
    UnsafeAnyReportData,
    require_report_data,
)
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.tdx.appraised import authenticate_td_quote
from attestation.verifiers.tdx.claims import td_claims
from attestation.verifiers.tdx.event_log import check_event_log


def verify_tdx(
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

    Steps are those of docs/specs/evidence-tdx.md. Not checked: MRTD and RTMRs; whether this quote
    was shown before. Lists of revoked certificates come with collateral, so `policy.crl` is moot.
    """

    def check_binding(report: TdReport) -> None:
        require_report_data(report_data, report.report_data, trace, step="F1")

    td = authenticate_td_quote(
        evidence.parts.get("quote", b""),
        endorsements=endorsements,
        policy=policy,
        anchors=anchors,
        now=now,
        trace=trace,
        check_binding=check_binding,
    )
    log = evidence.parts.get("event_log")
    if log is not None:
        check_event_log(td.report, log, trace)
    values = td_claims(td)
    values["tee"] = "tdx"
    return VerifiedClaims(
        tee="tdx",
        simulated=td.simulated,
        measurement=td.report.mrtd,
        report_data=td.report.report_data,
        values=MappingProxyType(values),
    )
