"""Intel TDX: from a quote and collateral to verified claims."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType

from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.intel.reports import TdReport
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.tdx.appraised import authenticate_td_quote
from attestation.verifiers.tdx.claims import td_claims


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
    if "event_log" in evidence.parts:
        raise EvidenceError(Refusal.UNSUPPORTED, "event logs of TDs are not read by this build")

    def check_report_data(report: TdReport) -> None:
        trace.check("F1", "report data", report_data.shown, report.report_data)
        if not report_data.matches(report.report_data):
            raise EvidenceError(
                Refusal.REPORT_DATA_MISMATCH, "report data is not that of the request"
            )

    td = authenticate_td_quote(
        evidence.parts.get("quote", b""),
        endorsements=endorsements,
        policy=policy,
        anchors=anchors,
        now=now,
        trace=trace,
        check_binding=check_report_data,
    )
    values = td_claims(td)
    values["tee"] = "tdx"
    return VerifiedClaims(
        tee="tdx",
        simulated=td.simulated,
        measurement=td.report.mrtd,
        report_data=td.report.report_data,
        values=MappingProxyType(values),
    )
