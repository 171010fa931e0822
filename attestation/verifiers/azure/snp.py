"""Azure confidential guests on AMD SEV-SNP."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.azure.hcl import REPORT_SNP
from attestation.verifiers.azure.vtpm import Hardware, azure_claims, parse_given, verify_vtpm
from attestation.verifiers.snp.acceptance import check_policy
from attestation.verifiers.snp.claims import claims_of
from attestation.verifiers.snp.verifier import authenticate


def verify_azure_snp(
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

    Steps are those of docs/specs/evidence-azure.md. Not checked: the measurement, which is that
    of Azure's paravisor; what PCR values mean; whether this quote was shown before.
    """
    # (1) Structure of the HCL report, the quote and the PCR values.
    parts = evidence.parts
    given = parse_given(parts, REPORT_SNP, trace)

    # (2) The hardware report is authentic.
    report, chain = authenticate(
        {"report": given.hcl.hardware, "vek": parts.get("vek", b"")},
        endorsements=endorsements,
        policy=policy,
        anchors=anchors,
        now=now,
        trace=trace,
    )

    # (3) to (6) It is about this virtual TPM, which made this quote for this request.
    vtpm = verify_vtpm(
        parts, given, report.report_data, report_data=report_data, policy=policy, trace=trace
    )

    # (7) The caller accepts such a guest on such a platform; the VMPL is the paravisor's.
    # Only the paravisor, at VMPL 0, may speak: a tenant below it could write its runtime data.
    check_policy(report, chain, replace(policy.snp, max_vmpl=0), trace)
    of_report = claims_of(report, chain)
    hardware = Hardware(of_report.simulated, of_report.measurement, of_report.values)
    return azure_claims("azure-snp", hardware, vtpm)
