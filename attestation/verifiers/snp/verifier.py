"""SEV-SNP: from an attestation report and its certificates to verified claims."""

from __future__ import annotations

from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.trust import TrustAnchors
from attestation.verifiers.snp import tcb
from attestation.verifiers.snp.acceptance import check_policy
from attestation.verifiers.snp.chain import VerifiedChain, verify_chain
from attestation.verifiers.snp.claims import claims_of
from attestation.verifiers.snp.products import product_of_cpuid
from attestation.verifiers.snp.report import NO_KEY, VLEK, SnpReport, parse_report
from attestation.verifiers.snp.validity import check_revocation, check_validity


def verify_snp(
    evidence: UnverifiedEvidence,
    *,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    endorsements: Endorsements,
    policy: EvidencePolicy,
    anchors: TrustAnchors,
    now: datetime,
) -> VerifiedClaims:
    """Return what the report proves, or raise `EvidenceError` with the most fundamental reason.

    Steps are those of docs/specs/evidence-snp.md. Not checked: the measurement; whether this
    report was shown before.
    """
    # (1) Structure: exactly 1184 bytes of a known version, every reserved byte zero.
    report = parse_report(evidence.parts.get("report", b""))

    # (2) Chain: VEK, ASK or ASVK, pinned ARK; names, constraints, signatures.
    kind = "vlek" if report.signing_key == VLEK else "vcek"
    chain = verify_chain(evidence.parts, kind, endorsements=endorsements, anchors=anchors)

    # (3) Dates and revocation, at the caller's time, on every call.
    check_validity(chain, now)
    check_revocation(chain, endorsements, policy.crl, now)

    # (4) The VEK signed exactly these bytes.
    _verify_signature(report, chain)

    # (5) Report, certificate and root speak of the same product, firmware and chip.
    _check_binding(report, chain)

    # (6) The report was made for this request.
    if not report_data.matches(report.report_data):
        raise EvidenceError(Refusal.REPORT_DATA_MISMATCH, "report data is not that of the request")

    # (7) The caller accepts such a guest on such a platform.
    check_policy(report, chain, policy.snp)
    return claims_of(report, chain)


def _verify_signature(report: SnpReport, chain: VerifiedChain) -> None:
    if report.signing_key == NO_KEY:
        raise EvidenceError(Refusal.SIGNATURE_INVALID, "report says that no key signed it")
    try:
        signature = encode_dss_signature(report.r, report.s)
        chain.vek.key.verify(signature, report.signed, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature as error:
        raise EvidenceError(Refusal.SIGNATURE_INVALID, "VEK did not sign this report") from error


def _check_binding(report: SnpReport, chain: VerifiedChain) -> None:
    vek = chain.vek
    if (report.signing_key == VLEK) != (vek.signing_key == "vlek"):
        raise EvidenceError(Refusal.BINDING, f"report names another key than a {vek.signing_key}")
    if report.has_cpuid:
        family, model, _ = report.cpuid
        if product_of_cpuid(family, model) is not vek.product:
            raise EvidenceError(
                Refusal.PRODUCT_MISMATCH,
                f"processor {family:#x}/{model:#x} is not {vek.product.name}",
            )
    if report.reported_tcb != vek.tcb:
        raise EvidenceError(
            Refusal.TCB_MISMATCH,
            f"reported TCB is {report.reported_tcb.hex()}, VEK is for {vek.tcb.hex()}",
        )
    tcb.check_reserved(report, vek.product)
    tcb.check_order(report, vek.product)
    # A VLEK names no chip, and the host may mask the chip id; policy judges the latter.
    if vek.chip_id is not None and any(report.chip_id):
        expected = vek.chip_id.ljust(len(report.chip_id), b"\0")
        if report.chip_id != expected:
            raise EvidenceError(Refusal.CHIP_ID_MISMATCH, "report is of another chip than the VEK")
