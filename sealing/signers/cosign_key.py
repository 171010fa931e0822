"""Key files of cosign: PKCS#8 in a NaCl secretbox, under scrypt, in JSON, in PEM.

Specification: docs/specs/documents.md, steps K7 to K10.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from collections.abc import Callable
from typing import Any, Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal
from sealing.keys import SigningKey
from sealing.protected_key import require_passphrase, to_pem
from sealing.signers.extras import need

LABEL: Final = "ENCRYPTED SIGSTORE PRIVATE KEY"
_OLD_LABEL: Final = "ENCRYPTED COSIGN PRIVATE KEY"
_PEM: Final = re.compile(
    rb"\s*-----BEGIN (?P<label>[A-Z ]{1,64})-----\r?\n(?P<body>[A-Za-z0-9+/=\r\n]+)"
    rb"-----END (?P=label)-----\s*"
)
_KDF, _CIPHER = "scrypt", "nacl/secretbox"
_SALT_BYTES = 32
_KEY_BYTES = 32
_NONCE_BYTES = 24
_TAG_BYTES = 16
_EXTRA = "cosign"
_WHAT = "a key file of cosign"


def _invalid(why: str) -> SealError:
    return SealError(SealRefusal.KEY_INVALID, f"{_WHAT}: {why}")


def is_cosign_key(pem: bytes) -> bool:
    """Say whether these bytes claim to be a key file of cosign."""
    head = pem.lstrip()[: len(LABEL) + 16]
    return any(f"-----BEGIN {label}-----".encode() in head for label in (LABEL, _OLD_LABEL))


def _members(value: Any, names: set[str], where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != names:
        raise _invalid(f"{where} does not have the members {', '.join(sorted(names))}")
    return value


def _bytes(value: Any, where: str, size: int | None = None) -> bytes:
    if not isinstance(value, str):
        raise _invalid(f"{where} is not a string")
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid(f"{where} is not base64") from error
    if _b64(data) != value:
        raise _invalid(f"{where} is not base64 in its one form")
    if size is not None and len(data) != size:
        raise _invalid(f"{where} is not {size} bytes")
    return data


def _cost(kdf: dict[str, Any]) -> int:
    """Return N, which with r = 8 and p = 1 is all that cosign ever varied."""
    params = _members(kdf["params"], {"N", "r", "p"}, "kdf.params")
    numbers = [params[name] for name in ("N", "r", "p")]
    known = [[n, limits.SCRYPT_R, limits.COSIGN_SCRYPT_P] for n in limits.COSIGN_SCRYPT_N]
    # A JSON true equals 1 in Python.
    if kdf["name"] != _KDF or bool in map(type, numbers) or numbers not in known:
        raise _invalid("not scrypt with the costs of cosign")
    return int(numbers[0])


def _block(pem: bytes) -> dict[str, Any]:
    if len(pem) > limits.PEM_BYTES:
        raise SealError(SealRefusal.TOO_LARGE, f"{_WHAT} is {len(pem)} bytes")
    found = _PEM.fullmatch(pem)
    if found is None or found["label"].decode() not in (LABEL, _OLD_LABEL):
        raise _invalid(f"not one PEM block {LABEL}")
    text = _bytes(re.sub(rb"\r?\n", b"", found["body"]).decode("ascii"), "the PEM block")
    value = canonical.parse_json(text, limit_bytes=limits.PEM_BYTES, what=_WHAT)
    return _members(value, {"kdf", "cipher", "ciphertext"}, "the file")


def parse_cosign_key(pem: bytes) -> tuple[int, bytes, bytes, bytes]:
    """Return scrypt's N, salt, nonce and sealed key. Costs nothing but reading.

    (1) One PEM block of at most 64 KiB. (2) One JSON object with exactly its members.
    (3) scrypt with a cost that cosign uses, a 32-byte salt. (4) secretbox, a 24-byte nonce.
    Raises `SealError`.
    """
    file = _block(pem)
    kdf = _members(file["kdf"], {"name", "params", "salt"}, "kdf")
    cipher = _members(file["cipher"], {"name", "nonce"}, "cipher")
    cost = _cost(kdf)
    salt = _bytes(kdf["salt"], "kdf.salt", _SALT_BYTES)
    if cipher["name"] != _CIPHER:
        raise _invalid(f"not sealed with {_CIPHER}")
    nonce = _bytes(cipher["nonce"], "cipher.nonce", _NONCE_BYTES)
    sealed = _bytes(file["ciphertext"], "ciphertext")
    if len(sealed) <= _TAG_BYTES:
        raise _invalid("ciphertext is too short")
    return cost, salt, nonce, sealed


def _derive(passphrase: bytes, salt: bytes, cost: int) -> bytes:
    kdf = Scrypt(salt=salt, length=_KEY_BYTES, n=cost, r=limits.SCRYPT_R, p=limits.COSIGN_SCRYPT_P)
    return kdf.derive(require_passphrase(passphrase))


def read_cosign_key(pem: bytes, passphrase: bytes) -> SigningKey:
    """Return the key of a cosign key file. Raises `SealError`."""
    cost, salt, nonce, sealed = parse_cosign_key(pem)
    nacl = need("nacl.secret", extra=_EXTRA, what=_WHAT)
    errors = need("nacl.exceptions", extra=_EXTRA, what=_WHAT)
    try:
        plain = nacl.SecretBox(_derive(passphrase, salt, cost)).decrypt(sealed, nonce)
    except errors.CryptoError as error:
        detail = f"{_WHAT} does not open: the passphrase is wrong, or the file is damaged"
        raise SealError(SealRefusal.KEY_PASSPHRASE, detail) from error
    return SigningKey.from_pkcs8(plain)


def write_cosign_key(
    key: SigningKey,
    passphrase: bytes,
    *,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> bytes:
    """Return a key file that cosign reads, with the cost that cosign writes.

    Raises `SealError` for a passphrase that no reader takes, or without the extra it needs.
    """
    nacl = need("nacl.secret", extra=_EXTRA, what=_WHAT)
    salt, nonce = entropy(_SALT_BYTES), entropy(_NONCE_BYTES)
    cost = limits.COSIGN_SCRYPT_N[1]
    box = nacl.SecretBox(_derive(passphrase, salt, cost))
    sealed = bytes(box.encrypt(key.to_pkcs8(), nonce).ciphertext)
    params = {"N": cost, "r": limits.SCRYPT_R, "p": limits.COSIGN_SCRYPT_P}
    file = {
        "kdf": {"name": _KDF, "params": params, "salt": _b64(salt)},
        "cipher": {"name": _CIPHER, "nonce": _b64(nonce)},
        "ciphertext": _b64(sealed),
    }
    # The order of members and the lack of spaces are cosign's.
    return to_pem(LABEL, json.dumps(file, separators=(",", ":")).encode())


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
