"""A public key as PKCS#11 tokens tell it: curve parameters and a point."""

from __future__ import annotations

from typing import Final

from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey

_P256_SPKI: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
_ED25519_SPKI: Final = bytes.fromhex("302a300506032b6570032100")
# CKA_EC_PARAMS -> the head of a SubjectPublicKeyInfo. Ed25519 goes by a name or by its OID.
_HEAD_OF: Final = {
    bytes.fromhex("06082a8648ce3d030107"): _P256_SPKI,
    bytes.fromhex("06032b6570"): _ED25519_SPKI,
    b"\x13\x0cedwards25519": _ED25519_SPKI,
}
_POINT_BYTES: Final = {_P256_SPKI: 65, _ED25519_SPKI: 32}


def public_of_token(params: bytes, point: bytes) -> VerifyingKey:
    """Return the key with these CKA_EC_PARAMS and this CKA_EC_POINT, or raise `SealError`.

    The point is an OCTET STRING; some tokens leave its two bytes of head out.
    """
    head = _HEAD_OF.get(params)
    if head is None:
        detail = "the key on the token is neither ECDSA P-256 nor Ed25519"
        raise SealError(SealRefusal.KEY_INVALID, detail)
    size = _POINT_BYTES[head]
    if len(point) == size + 2 and point[:2] == bytes([0x04, size]):
        point = point[2:]
    if len(point) != size:
        raise SealError(SealRefusal.KEY_INVALID, "the point on the token has another length")
    return VerifyingKey.from_spki(head + point)
