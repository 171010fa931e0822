"""Key files in PEM, within their bounds. Which kinds of keys are taken is for others to say."""

from __future__ import annotations

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from sealing import limits
from sealing.errors import SealError, SealRefusal
from sealing.key_cost import require_affordable


def bounded(data: bytes, what: str) -> bytes:
    """Return the bytes of a key file, or raise `SealError` above the limit."""
    if len(data) > limits.PEM_BYTES:
        detail = f"{what} is {len(data)} bytes, limit {limits.PEM_BYTES}"
        raise SealError(SealRefusal.TOO_LARGE, detail)
    return data


def public_key_of(pem: bytes) -> object:
    """Return the key of a PEM `PUBLIC KEY` file, of whatever kind, or raise `SealError`."""
    try:
        return load_pem_public_key(bounded(pem, "public key"))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SealError(SealRefusal.KEY_INVALID, "not a PEM public key") from error


def private_key_of(pem: bytes, passphrase: bytes | None) -> object:
    """Return the key of a PEM file, of whatever kind: PKCS#8, encrypted or not, or an older form.

    Raises `SealError`, with `KEY_PASSPHRASE` when a passphrase is missing, needless or wrong.
    """
    # OpenSSL reads an empty passphrase as none at all.
    encrypted = b"ENCRYPTED" in bounded(pem, "private key")
    if encrypted != bool(passphrase):
        expected = "needs a passphrase" if encrypted else "is not encrypted"
        raise SealError(SealRefusal.KEY_PASSPHRASE, f"private key file {expected}")
    if encrypted:
        require_affordable(pem)
    try:
        return load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
        if not encrypted:
            raise SealError(SealRefusal.KEY_INVALID, "not a PEM private key") from error
        detail = "private key file does not open: wrong passphrase, or a damaged file"
        raise SealError(SealRefusal.KEY_PASSPHRASE, detail) from error
