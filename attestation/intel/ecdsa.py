"""ECDSA on P-256 as Intel writes it: points and signatures as bare pairs of 32 bytes."""

from __future__ import annotations

from typing import Final, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from attestation.errors import EvidenceError, Refusal

# SubjectPublicKeyInfo of an uncompressed point on P-256 (RFC 5480), up to its coordinates. Keys
# read this way verify sooner than those made of a point.
_SPKI: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_SCHEME: Final = ec.ECDSA(hashes.SHA256())


def load_point(point: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key at x ‖ y; raise `EvidenceError` `signature-invalid` if it is off the curve.

    Nothing can verify under such a key, so that is what is wrong with what it "signed".
    """
    try:
        key = load_der_public_key(_SPKI + point)
    except ValueError as error:
        raise EvidenceError(Refusal.SIGNATURE_INVALID, "attestation key is no point") from error
    return cast("ec.EllipticCurvePublicKey", key)


def verify_raw(
    key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes, refusal: Refusal, what: str
) -> None:
    """Return if `key` made `signature` (r ‖ s, 64 bytes) over `signed`, else raise `refusal`."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), signed, _SCHEME)
    except InvalidSignature as error:
        raise EvidenceError(refusal, f"signature of {what} does not verify") from error
