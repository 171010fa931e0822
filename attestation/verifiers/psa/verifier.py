"""The main path: one PSA token in, verified claims out, in the order of the specification."""

from __future__ import annotations

from datetime import datetime

from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.keys import TrustedKey
from attestation.limits import MAX_ARM_TOKEN_BYTES
from attestation.policy import EvidencePolicy
from attestation.report_data import REPORT_DATA_BYTES, ExpectedReportData, UnsafeAnyReportData
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.arm.lifecycle import check_lifecycle
from attestation.verifiers.arm.reader import ClaimReader
from attestation.verifiers.arm.signer import verify_device
from attestation.verifiers.psa.claims import claims_of
from attestation.verifiers.psa.token import (
    PsaClaims,
    layout_of,
    parse_claims,
    parse_message,
    read_device,
)


def verify_psa(
    evidence: UnverifiedEvidence,
    *,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    endorsements: Endorsements,  # noqa: ARG001 - an attestation key is no certificate
    policy: EvidencePolicy,
    anchors: TrustAnchors,
    now: datetime,  # noqa: ARG001 - neither token nor key has dates
    trace: Trace = NO_TRACE,
) -> VerifiedClaims:
    """Return what the token proves, or raise `EvidenceError` with the most fundamental reason.

    Steps are those of docs/specs/evidence-psa.md. Not checked: the measurements; whether this
    token was shown before; whether the device's key was withdrawn.
    """
    # (1), (2) A key that the caller trusts for this device signed claims of a known profile.
    data = evidence.parts.get("token", b"")
    claims, signer = _authenticate(data, anchors, trace)

    # (3) The token was made for this request.
    trace.check("F1", "nonce", report_data.shown, claims.nonce)
    if not _is_for_request(claims.nonce, report_data):
        raise EvidenceError(Refusal.NONCE_MISMATCH, "nonce is not that of the request")

    # (4) The caller accepts such a device.
    check_lifecycle(claims.state, allow_debug=policy.cca.allow_debug, trace=trace, step="L1")
    return claims_of(claims, simulated=signer.simulated)


def _authenticate(data: bytes, anchors: TrustAnchors, trace: Trace) -> tuple[PsaClaims, TrustedKey]:
    # (1) Structure: one tagged COSE_Sign1 with the claims of a known profile.
    trace.check("T1", "length of the token", f"up to {MAX_ARM_TOKEN_BYTES}", len(data))
    message = parse_message(data)
    reader = ClaimReader.of(message.payload, "PSA token")
    layout = layout_of(reader)

    # (2) A key that the caller trusts for this device signed it.
    trace.check("K1", "ids of the device", "there", f"{len(message.payload)} bytes of claims")
    signer = verify_device(
        message,
        read_device(reader, layout),
        anchors.keys_for("psa"),
        what="PSA token",
        trace=trace,
        steps=("K2", "K5"),
    )
    trace.check("C", "claims of the token", "complete", lambda: message.algorithm)
    return parse_claims(reader, layout), signer


def _is_for_request(nonce: bytes, expected: ExpectedReportData | UnsafeAnyReportData) -> bool:
    # Devices with room for 32 bytes only are given the digest of the 64.
    if len(nonce) == REPORT_DATA_BYTES:
        return expected.matches(nonce)
    return expected.matches_sha256(nonce)
