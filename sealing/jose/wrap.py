"""How a JWE's content key is wrapped: RSA-OAEP, and ECDH-ES with AES key wrap (RFC 7518, 4.3, 4.6).

Unwrapping raises what the library raises (`ValueError`, `InvalidUnwrap`); `sealing.jose.jwe` makes
one refusal of all of them, so that nobody learns how far a key got.
"""

from __future__ import annotations

import struct
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from sealing.jose.base64url import b64url_encode
from sealing.jose.keys import CURVES, EC_ALGORITHMS, RSA_OAEP, JwePrivateKey, JwePublicKey


def wrap_key(content_key: bytes, recipient: JwePublicKey) -> tuple[bytes, dict[str, Any]]:
    """Return the wrapped key, and the header members that unwrapping it takes."""
    if isinstance(recipient.key, rsa.RSAPublicKey):
        return recipient.key.encrypt(content_key, _oaep(recipient.algorithm)), {}
    ephemeral = ec.generate_private_key(recipient.key.curve)
    wrapping_key = _derive(recipient.algorithm, ephemeral.exchange(ec.ECDH(), recipient.key))
    return aes_key_wrap(wrapping_key, content_key), {"epk": _point(ephemeral.public_key())}


def unwrap_key(
    algorithm: str,
    encrypted_key: bytes,
    ephemeral: ec.EllipticCurvePublicKey | None,
    key: JwePrivateKey,
) -> bytes:
    """Return the content key, or raise `ValueError` or `InvalidUnwrap`."""
    if isinstance(key.key, rsa.RSAPrivateKey):
        if algorithm in EC_ALGORITHMS:
            raise ValueError("wrapped for an elliptic key")
        return key.key.decrypt(encrypted_key, _oaep(algorithm))
    if ephemeral is None or ephemeral.curve.name != key.key.curve.name:
        raise ValueError("wrapped for another kind of key")
    return aes_key_unwrap(_derive(algorithm, key.key.exchange(ec.ECDH(), ephemeral)), encrypted_key)


def _oaep(algorithm: str) -> padding.OAEP:
    # RFC 7518: RSA-OAEP is OAEP with SHA-1, which ocicrypt writes for every PEM key. What OAEP
    # asks of its hash still holds for SHA-1; we write it only where a JWK says so.
    digest = hashes.SHA1() if algorithm == RSA_OAEP else hashes.SHA256()  # noqa: S303
    return padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None)


def _derive(algorithm: str, shared: bytes) -> bytes:
    """Return the wrapping key of the Concat KDF with empty party names (RFC 7518, 4.6.2)."""
    size = EC_ALGORITHMS[algorithm]
    name = algorithm.encode("ascii")
    other = struct.pack(">I", len(name)) + name + struct.pack(">III", 0, 0, 8 * size)
    return ConcatKDFHash(hashes.SHA256(), size, other).derive(shared)


def _point(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    curve, size = CURVES[key.curve.name]
    numbers = key.public_numbers()
    return {
        "kty": "EC",
        "crv": curve,
        "x": b64url_encode(numbers.x.to_bytes(size, "big")),
        "y": b64url_encode(numbers.y.to_bytes(size, "big")),
    }
