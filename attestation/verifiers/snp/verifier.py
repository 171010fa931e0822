"""SEV-SNP: from an attestation report and its certificates to verified claims."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.report_data import (
    ExpectedReportData,
    UnsafeAnyReportData,
    require_report_data,
)
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.snp import tcb
from attestation.verifiers.snp.acceptance import check_policy
from attestation.verifiers.snp.chain import VerifiedChain, verify_chain
from attestation.verifiers.snp.claims import claims_of
from attestation.verifiers.snp.given_vek import with_given_vek
from attestation.verifiers.snp.products import product_of_cpuid
from attestation.verifiers.snp.report import NO_KEY, REPORT_BYTES, VLEK, SnpReport, parse_report
from attestation.verifiers.snp.validity import check_revocation
from attestation.x509.path import check_validity, period_of

_SCHEME: Final = ec.ECDSA(hashes.SHA384())


def verify_snp(
    evidence: UnverifiedEvidence,
    *,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    endorsements: Endorsements,
    policy: EvidencePolicy,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> VerifiedClaims:
    """Return what the report proves, or raise `EvidenceError` with the most fundamental reason.

    Steps are those of docs/specs/evidence-snp.md. Not checked: the measurement; whether this
    report was shown before.
    """
    # (1) to (5) The report is authentic.
    report, chain = authenticate(
        evidence.parts,
        endorsements=endorsements,
        policy=policy,
        anchors=anchors,
        now=now,
        trace=trace,
    )

    # (6) The report was made for this request.
    require_report_data(report_data, report.report_data, trace, step="F1")

    # (7) The caller accepts such a guest on such a platform.
    check_policy(report, chain, policy.snp, trace)
    return claims_of(report, chain)


def authenticate(
    parts: Mapping[str, bytes],
    *,
    endorsements: Endorsements,
    policy: EvidencePolicy,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> tuple[SnpReport, VerifiedChain]:
    """Return a report that a chip made, and the chain that says so. Not checked: what it says.

    `parts` are those of SNP evidence. Raises `EvidenceError`.
    """
    # (1) Structure: exactly 1184 bytes of a known version, every reserved byte zero.
    data = parts.get("report", b"")
    trace.check("R1", "length of the report", REPORT_BYTES, len(data))
    report = parse_report(data)

    # (2) Chain: VEK, ASK or ASVK, pinned ARK; names, constraints, signatures.
    kind = "vlek" if report.signing_key == VLEK else "vcek"
    trace.check("C", f"chain of the {kind}", "to a pinned root", lambda: sorted(parts))
    given = with_given_vek(parts, report, endorsements)
    chain = verify_chain(given, kind, endorsements=endorsements, anchors=anchors)

    # (3) Dates and revocation, at the caller's time, on every call.
    trace.check("D", "certificates are valid", now, lambda: period_of(chain.path))
    check_validity(reversed(chain.path), now)
    trace.check("D", "revocation list", policy.crl, lambda: f"{len(endorsements.crls)} given")
    check_revocation(chain, endorsements, policy.crl, now)

    # (4) The VEK signed exactly these bytes.
    trace.check("G", "signed by", chain.vek.signing_key, kind)
    _verify_signature(report, chain)

    # (5) Report, certificate and root speak of the same product, firmware and chip.
    _check_binding(report, chain, trace)
    return report, chain


def _verify_signature(report: SnpReport, chain: VerifiedChain) -> None:
    if report.signing_key == NO_KEY:
        raise EvidenceError(Refusal.SIGNATURE_INVALID, "report says that no key signed it")
    try:
        signature = encode_dss_signature(report.r, report.s)
        chain.vek.key.verify(signature, report.signed, _SCHEME)
    except InvalidSignature as error:
        raise EvidenceError(Refusal.SIGNATURE_INVALID, "VEK did not sign this report") from error


def _check_binding(report: SnpReport, chain: VerifiedChain, trace: Trace) -> None:
    vek = chain.vek
    trace.check("B", "product", vek.product.name, report.cpuid)
    if (report.signing_key == VLEK) != (vek.signing_key == "vlek"):
        raise EvidenceError(Refusal.BINDING, f"report names another key than a {vek.signing_key}")
    if report.has_cpuid:
        family, model, _ = report.cpuid
        if product_of_cpuid(family, model) is not vek.product:
            raise EvidenceError(
                Refusal.PRODUCT_MISMATCH,
                f"processor {family:#x}/{model:#x} is not {vek.product.name}",
            )
    trace.check("B", "reported TCB", vek.tcb, report.reported_tcb)
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
        trace.check("B", "chip id", expected, report.chip_id)
        if report.chip_id != expected:
            raise EvidenceError(Refusal.CHIP_ID_MISMATCH, "report is of another chip than the VEK")
