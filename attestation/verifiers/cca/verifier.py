"""The main path: one CCA token in, verified claims out, in the order of the specification."""

from __future__ import annotations

import hmac
from datetime import datetime

from attestation.claims import VerifiedClaims
from attestation.cose import Sign1, verify_sign1
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.keys import TrustedKey
from attestation.limits import MAX_ARM_TOKEN_BYTES
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.arm.lifecycle import check_lifecycle
from attestation.verifiers.arm.reader import ClaimReader
from attestation.verifiers.arm.signer import ALGORITHMS, verify_device
from attestation.verifiers.cca.claims import claims_of
from attestation.verifiers.cca.platform import PlatformClaims, parse_platform, read_device
from attestation.verifiers.cca.realm import RealmClaims, RealmKey, parse_realm, read_key
from attestation.verifiers.cca.token import parse_token


def verify_cca(
    evidence: UnverifiedEvidence,
    *,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    endorsements: Endorsements,  # noqa: ARG001 - a platform key is no certificate
    policy: EvidencePolicy,
    anchors: TrustAnchors,
    now: datetime,  # noqa: ARG001 - neither token nor key has dates
    trace: Trace = NO_TRACE,
) -> VerifiedClaims:
    """Return what the token proves, or raise `EvidenceError` with the most fundamental reason.

    Steps are those of docs/specs/evidence-cca.md. Not checked: the measurements of realm and
    platform; whether this token was shown before; whether a platform key was withdrawn.
    """
    # (1) Structure: two tagged COSE_Sign1 in one collection.
    data = evidence.parts.get("token", b"")
    trace.check("T1", "length of the token", f"up to {MAX_ARM_TOKEN_BYTES}", len(data))
    token = parse_token(data)

    # (2) A platform key that the caller trusts signed the platform token.
    platform, signer = authenticate_platform(token.platform, anchors, trace)

    # (3) The platform named the realm's key, and that key signed the realm token.
    realm, key = _authenticate_realm(token.realm, platform, trace)

    # (4) The token was made for this request.
    trace.check("F1", "realm challenge", report_data.shown, realm.challenge)
    if not report_data.matches(realm.challenge):
        raise EvidenceError(Refusal.REPORT_DATA_MISMATCH, "challenge is not that of the request")

    # (5) The caller accepts such a platform.
    check_lifecycle(platform.state, allow_debug=policy.cca.allow_debug, trace=trace, step="L1")
    return claims_of(platform, realm, key, simulated=signer.simulated)


def authenticate_platform(
    message: Sign1, anchors: TrustAnchors, trace: Trace = NO_TRACE
) -> tuple[PlatformClaims, TrustedKey]:
    """Return what a platform says of itself, and whose key says so.

    Only the device's ids are read before the signature holds, to find its key.
    """
    size = len(message.payload)
    trace.check("K1", "ids of the device in the platform token", "there", f"{size} bytes of claims")
    claims = ClaimReader.of(message.payload, "platform token")
    device = read_device(claims)
    signer = verify_device(
        message,
        device,
        anchors.keys_for("cca"),
        what="platform token",
        trace=trace,
        steps=("K2", "K5"),
    )
    trace.check("P", "claims of the platform token", "complete", lambda: device.instance)
    return parse_platform(claims), signer


def _authenticate_realm(
    message: Sign1, platform: PlatformClaims, trace: Trace
) -> tuple[RealmClaims, RealmKey]:
    size = len(message.payload)
    trace.check("B1", "public key in the realm token", "a point", f"{size} bytes of claims")
    claims = ClaimReader.of(message.payload, "realm token")
    key = read_key(claims)
    trace.check("B3", f"{key.algorithm} of the realm key", platform.challenge, key.digest)
    if not hmac.compare_digest(key.digest, platform.challenge):
        raise EvidenceError(
            Refusal.REALM_PLATFORM_BINDING, "platform token does not name this realm key"
        )
    trace.check("B4", "signature of the realm token", "by the realm key", message.algorithm)
    verify_sign1(message, key.public, allowed=ALGORITHMS, what="realm token")
    trace.check("R", "claims of the realm token", "complete", lambda: key.digest)
    return parse_realm(claims), key
