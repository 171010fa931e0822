"""Writes attestation documents byte for byte as the security module does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from attestation import cbor, cose
from attestation.cose import Sign1, to_be_signed

ES384_HEADER: Final = cbor.encode({cose.ALGORITHM: cose.ES384})
_HALF: Final = 48
_SCHEME: Final = ec.ECDSA(hashes.SHA384(), deterministic_signing=True)


def encode_map(members: Iterable[tuple[str, Any]], *, indefinite: bool = False) -> bytes:
    """Return a map with its members in this order, as the module's own encoder keeps it.

    Since 2025 documents have a map of indefinite length; both forms are in use.
    """
    pairs = [cbor.encode(name) + cbor.encode(value) for name, value in members]
    body = b"".join(pairs)
    if indefinite:
        return b"\xbf" + body + b"\xff"
    return bytes([0xA0 | len(pairs)]) + body


def sign_raw(
    key: ec.EllipticCurvePrivateKey, payload: bytes, protected: bytes = ES384_HEADER
) -> bytes:
    """Return r || s over the Sig_structure of `payload`."""
    message = Sign1(protected, {}, {}, payload, b"")
    r, s = decode_dss_signature(key.sign(to_be_signed(message), _SCHEME))
    return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")


def encode_sign1(
    payload: bytes,
    signature: bytes,
    *,
    protected: bytes = ES384_HEADER,
    unprotected: Mapping[int, Any] | None = None,
    tagged: bool = False,
) -> bytes:
    """Return the COSE_Sign1 of these parts. The module writes no tag, and may."""
    members = [protected, dict(unprotected or {}), payload, signature]
    return (b"\xd2" if tagged else b"") + cbor.encode(members)
