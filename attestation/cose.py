"""COSE_Sign1 (RFC 9052 section 4.2): one signature, one algorithm that the caller names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestation import cbor
from attestation.cbor import Tagged
from attestation.errors import EvidenceError, Refusal
from attestation.keys import PublicKey

TAG: Final = 18
ALGORITHM: Final = 1
CRITICAL: Final = 2
# RFC 9053 section 2.1: identifier -> (curve, hash, bytes of each half of a signature).
_ECDSA: Final[Mapping[int, tuple[str, hashes.HashAlgorithm, int]]] = {
    -7: ("secp256r1", hashes.SHA256(), 32),
    -35: ("secp384r1", hashes.SHA384(), 48),
    -36: ("secp521r1", hashes.SHA512(), 66),
}
ES256: Final = -7
ES384: Final = -35
ES512: Final = -36


@dataclass(frozen=True, slots=True)
class Sign1:
    """The four members. Nothing has been verified; `payload` is anybody's."""

    protected: bytes = field(repr=False)
    header: Mapping[Any, Any]
    unprotected: Mapping[Any, Any] = field(repr=False)
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def algorithm(self) -> Any:
        """The protected algorithm identifier, or None."""
        return self.header.get(ALGORITHM)


def parse_sign1(value: Any, *, what: str) -> Sign1:
    """Return the members of a decoded COSE_Sign1, tagged 18 or bare.

    Raises `EvidenceError` `malformed` for another shape, a detached payload or critical headers,
    none of which is understood here.
    """
    if isinstance(value, Tagged) and value.tag == TAG:
        value = value.value
    if not isinstance(value, list) or len(value) != 4:
        raise _malformed(what, "is not a COSE_Sign1")
    protected, unprotected, payload, signature = value
    if not all(isinstance(one, bytes) for one in (protected, payload, signature)):
        raise _malformed(what, "has a member that is no byte string")
    if not isinstance(unprotected, dict):
        raise _malformed(what, "has no map of unprotected headers")
    header = cbor.decode(protected, what=f"{what} header") if protected else {}
    if not isinstance(header, dict) or CRITICAL in header or CRITICAL in unprotected:
        raise _malformed(what, "has critical headers, or its header is no map")
    if header.keys() & unprotected.keys():
        raise _malformed(what, "names a header twice")
    return Sign1(protected, header, unprotected, payload, signature)


def verify_sign1(
    message: Sign1, key: PublicKey, *, allowed: Collection[int], what: str, aad: bytes = b""
) -> None:
    """Return if `key` made the signature with the message's algorithm, one of `allowed`.

    ECDSA only, raw r||s of exactly twice the curve's length. Raises `EvidenceError`:
    `alg-mismatch` or `signature-invalid`.
    """
    algorithm = message.algorithm
    if not isinstance(algorithm, int) or algorithm not in allowed or algorithm not in _ECDSA:
        raise EvidenceError(Refusal.ALG_MISMATCH, f"{what}: algorithm is {algorithm!r}")
    curve, digest, half = _ECDSA[algorithm]
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != curve:
        # A key of another kind cannot have made it: the signer is somebody else.
        raise EvidenceError(Refusal.SIGNATURE_INVALID, f"{what}: key is not on {curve}")
    if len(message.signature) != 2 * half:
        raise EvidenceError(Refusal.SIGNATURE_INVALID, f"{what}: signature has a wrong length")
    r, s = (int.from_bytes(one, "big") for one in _halves(message.signature, half))
    try:
        key.verify(encode_dss_signature(r, s), to_be_signed(message, aad), ec.ECDSA(digest))
    except InvalidSignature as error:
        raise EvidenceError(Refusal.SIGNATURE_INVALID, f"{what}: signature is invalid") from error


def to_be_signed(message: Sign1, aad: bytes = b"") -> bytes:
    """Return the Sig_structure (RFC 9052 section 4.4)."""
    return cbor.encode(["Signature1", message.protected, aad, message.payload])


def _halves(signature: bytes, half: int) -> tuple[bytes, bytes]:
    return signature[:half], signature[half:]


def _malformed(what: str, detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"{what} {detail}")
