"""Private keys under a passphrase, as PEM `ENCRYPTED PRIVATE KEY` (RFC 5958, RFC 7914).

`cryptography` writes these with 2048 rounds of PBKDF2, which a graphics card tries millions of
times a second. Ours are scrypt and AES-256; `cryptography` and OpenSSL both read them.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sealing import limits
from sealing.errors import SealError, SealRefusal

LABEL: Final = "ENCRYPTED PRIVATE KEY"
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
# Object identifiers, as they stand in the file.
_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT: Final = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC: Final = bytes.fromhex("060960864801650304012a")
_SALT_BYTES = 16
_KEY_BYTES = 32
_LINE = 64


def require_passphrase(passphrase: bytes) -> bytes:
    """Return a passphrase that every reader takes, or raise `SealError`."""
    if not 1 <= len(passphrase) <= limits.PASSPHRASE_BYTES:
        detail = f"passphrase is not of 1 to {limits.PASSPHRASE_BYTES} bytes"
        raise SealError(SealRefusal.KEY_PASSPHRASE, detail)
    return passphrase


def to_pem(label: str, data: bytes) -> bytes:
    """Return `data` as one PEM block."""
    text = base64.b64encode(data).decode()
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def _integer(value: int) -> bytes:
    return _der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def encrypt_private_key(
    pkcs8: bytes,
    passphrase: bytes,
    *,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> bytes:
    """Return the PEM form of a PKCS#8 key under `passphrase`.

    Raises `SealError` for a passphrase that no reader takes.
    """
    salt, iv = entropy(_SALT_BYTES), entropy(algorithms.AES.block_size // 8)
    cost = (limits.PEM_SCRYPT_N, limits.SCRYPT_R, limits.PEM_SCRYPT_P)
    kdf = Scrypt(salt=salt, length=_KEY_BYTES, n=cost[0], r=cost[1], p=cost[2])
    pad = padding.PKCS7(algorithms.AES.block_size).padder()
    encryptor = Cipher(
        algorithms.AES(kdf.derive(require_passphrase(passphrase))), modes.CBC(iv)
    ).encryptor()
    sealed = encryptor.update(pad.update(pkcs8) + pad.finalize()) + encryptor.finalize()
    numbers = b"".join(map(_integer, (*cost, _KEY_BYTES)))
    scheme = _der(
        _SEQUENCE,
        _der(_SEQUENCE, _SCRYPT, _der(_SEQUENCE, _der(_OCTETS, salt), numbers)),
        _der(_SEQUENCE, _AES_256_CBC, _der(_OCTETS, iv)),
    )
    whole = _der(_SEQUENCE, _der(_SEQUENCE, _PBES2, scheme), _der(_OCTETS, sealed))
    return to_pem(LABEL, whole)
