"""AWS Nitro Enclaves: from an attestation document to verified claims."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from attestation import cose
from attestation.claims import VerifiedClaims
from attestation.cose import verify_sign1
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.limits import CLOCK_SKEW_SECONDS, NSM_RESPONSE_BYTES
from attestation.policy import EvidencePolicy, NitroPolicy
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.nitro.chain import (
    NitroChain,
    check_revocation,
    known_chain,
    leaf_key,
    verify_chain,
)
from attestation.verifiers.nitro.claims import claims_of
from attestation.verifiers.nitro.document import MEASURED_PCRS, NitroDocument, parse_document
from attestation.x509.path import check_validity, period_of


def verify_nitro(
    evidence: UnverifiedEvidence,
    *,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    endorsements: Endorsements,
    policy: EvidencePolicy,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> VerifiedClaims:
    """Return what the document proves, or raise `EvidenceError` with the most fundamental reason.

    Steps are those of docs/specs/evidence-nitro.md. Not checked: PCRs against reference values;
    whether this document was shown before.
    """
    # (1) to (4) The document is authentic and of this time.
    document, chain = authenticate(
        evidence.parts,
        endorsements=endorsements,
        policy=policy.nitro,
        anchors=anchors,
        now=now,
        trace=trace,
    )

    # (5) The document was made for this request.
    trace.check("F1", "nonce", report_data.shown, document.nonce or b"")
    if not report_data.matches(document.nonce or b""):
        raise EvidenceError(Refusal.NONCE_MISMATCH, "nonce is not that of the request")

    # (6) The enclave was measured.
    debug = _check_measured(document, policy.nitro, trace)
    return claims_of(document, chain, debug=debug)


def authenticate(
    parts: Mapping[str, bytes],
    *,
    endorsements: Endorsements,
    policy: NitroPolicy,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> tuple[NitroDocument, NitroChain]:
    """Return a document that a security module made, and its chain. Not checked: what it says.

    `parts` are those of Nitro evidence. Raises `EvidenceError`.
    """
    # (1) Structure: one COSE_Sign1, ES384, exactly AWS's members.
    data = parts.get("document", b"")
    trace.check("D1", "length of the document at most", NSM_RESPONSE_BYTES, len(data))
    document = parse_document(data)

    # (2) The certificate inside signed the document, and leads to the pinned root.
    size = len(document.certificate)
    trace.check("G1", "certificate in the document", "for a key on P-384", f"{size} bytes")
    chain = known_chain(document, anchors)
    key = leaf_key(document) if chain is None else chain.key
    trace.check("G2", "signed by", "the certificate in it", document.module_id)
    verify_sign1(document.message, key, allowed=(cose.ES384,), what="Nitro document")
    trace.check("C3", "chain", "to a pinned root", f"{len(document.cabundle)} issuers")
    chain = chain or verify_chain(document, anchors)

    # (3) Dates, on every call.
    moment = document.signed_at if policy.unsafe_at_signed_time else now
    trace.check("V1", "certificates are valid", moment, lambda: period_of(chain.path))
    check_validity(chain.path, moment)
    trace.check("V3", "revocation lists", "none names it", f"{len(endorsements.crls)} given")
    check_revocation(chain, endorsements, moment)

    # (4) The document is neither old nor of the future.
    _check_age(document, policy, now, trace)
    return document, chain


def _check_age(document: NitroDocument, policy: NitroPolicy, now: datetime, trace: Trace) -> None:
    signed_at = document.signed_at
    latest = now + timedelta(seconds=CLOCK_SKEW_SECONDS)
    trace.check("T1", "signed at the latest", latest, signed_at)
    if signed_at > latest:
        raise EvidenceError(Refusal.TOKEN_NOT_YET_VALID, f"document is of {signed_at.isoformat()}")
    if policy.unsafe_at_signed_time:
        return
    earliest = now - timedelta(seconds=policy.max_age_seconds)
    trace.check("T2", "signed at the earliest", earliest, signed_at)
    if signed_at < earliest:
        raise EvidenceError(Refusal.TOKEN_EXPIRED, f"document is of {signed_at.isoformat()}")


def _check_measured(document: NitroDocument, policy: NitroPolicy, trace: Trace) -> bool:
    """Return whether the enclave is a debug one; refuse unless it is measured or may be one."""
    zero = [number for number in MEASURED_PCRS if not any(document.pcrs[number])]
    allowed = "PCR0 to PCR2 or none" if policy.allow_debug else "PCR0 to PCR2"
    trace.check("P1", "measured", allowed, lambda: f"all but {zero}" if zero else "PCR0 to PCR2")
    if not zero:
        return False
    # Debug mode clears all three; some only is nothing that a security module does.
    if not policy.allow_debug or len(zero) < len(MEASURED_PCRS):
        raise EvidenceError(Refusal.DEBUG_ENABLED, f"PCRs {zero} are all zeros")
    return True
