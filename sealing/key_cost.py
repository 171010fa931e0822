"""What opening an encrypted PEM file would cost, read from the file before anything is computed.

The file says how much memory and time its passphrase takes, and libraries do as they are told.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from sealing import limits
from sealing.errors import SealError, SealRefusal
from sealing.protected_key import LABEL

_LABEL: Final = LABEL.encode("ascii")
# Without RFC 1421 headers, which PKCS#8 has no use for: libraries pass over them and read on.
_BLOCK: Final = re.compile(
    b"-----BEGIN %b-----([A-Za-z0-9+/=\\s]*+)-----END %b-----" % (_LABEL, _LABEL)
)
# OpenSSL's older form: MD5, once.
_OLDER: Final = b"Proc-Type:"
_INTEGER, _OBJECT, _SEQUENCE = 0x02, 0x06, 0x30
_SCRYPT: Final = bytes.fromhex("2b06010401da47040b")
# PBES2 names its key derivation three sequences below the file's.
_DEPTH: Final = 8
# It has about ten objects and numbers.
_VALUES: Final = 32

_Value = tuple[int, bytes]


def require_affordable(pem: bytes) -> None:
    """Accept an encrypted file that costs no more than OpenSSL's would, or raise `SealError`."""
    blocks = _BLOCK.findall(pem)
    # A block in a form that is not read here may be one that a library opens all the same.
    unread = pem.count(_LABEL) - 2 * len(blocks)
    if unread or (not blocks and _OLDER not in pem):
        raise _invalid("private key file has a block that cannot be read, or none")
    for block in blocks:
        _require_affordable(_algorithm(block))


def _invalid(detail: str) -> SealError:
    return SealError(SealRefusal.KEY_INVALID, detail)


def _algorithm(block: bytes) -> list[_Value]:
    """Return the objects and numbers of the algorithm that a block is encrypted with."""
    try:
        data = base64.b64decode(b"".join(block.split()), validate=True)
    except binascii.Error as error:
        raise _invalid("private key file is not base64") from error
    tag, whole, _ = _value(data)
    if tag != _SEQUENCE:
        raise _invalid("private key file is not PKCS#8")
    tag, algorithm, _ = _value(whole)
    found = list(islice(_flat(tag, algorithm, _DEPTH), _VALUES + 1))
    if len(found) > _VALUES:
        raise _invalid("private key file names more than an algorithm needs")
    return found


def _require_affordable(found: list[_Value]) -> None:
    numbers = [int.from_bytes(body, "big") for tag, body in found if tag == _INTEGER]
    if (_OBJECT, _SCRYPT) not in found:
        affordable = max(numbers, default=0) <= limits.PEM_ROUNDS
    elif len(numbers) < 3:
        raise _invalid("private key file does not say all costs of scrypt")
    else:
        n, r, p = numbers[:3]
        affordable = n * r <= limits.PEM_SCRYPT_BLOCKS and n * r * p <= limits.PEM_SCRYPT_WORK
    if not affordable:
        raise _invalid("private key file asks for more memory or time than a passphrase is worth")


def _flat(tag: int, body: bytes, depth: int) -> Iterator[_Value]:
    if tag != _SEQUENCE:
        yield tag, body
        return
    if not depth:
        raise _invalid("private key file is nested too deep")
    while body:
        inner, value, body = _value(body)
        yield from _flat(inner, value, depth - 1)


def _value(data: bytes) -> tuple[int, bytes, bytes]:
    """Return tag and content of the first DER value, and what is behind it."""
    if len(data) < 2:
        raise _invalid("private key file is cut short")
    size, start = data[1], 2
    if size >= 0x80:
        start += size - 0x80
        size = int.from_bytes(data[2:start], "big")
    if len(data) < start + size:
        raise _invalid("private key file is cut short")
    return data[0], data[start : start + size], data[start + size :]
