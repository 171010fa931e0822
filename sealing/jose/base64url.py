"""Base64 as JOSE writes it: the URL alphabet, no padding, one form (RFC 7515 section 2)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from sealing import canonical
from sealing.errors import SealError, SealRefusal

_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*")


def b64url_encode(data: bytes) -> str:
    """Return the text of `data`."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_decode(value: Any, *, what: str, size: int | None = None) -> bytes:
    """Return the bytes of a text in its one form, `size` of them if given, or raise `SealError`."""
    text = canonical.text(value, what)
    if not _ALPHABET.fullmatch(text):
        raise canonical.malformed(what, "not base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise canonical.malformed(what, "not base64url") from error
    if b64url_encode(data) != text:
        raise SealError(SealRefusal.NOT_CANONICAL, f"{what} is not canonical base64url")
    if size is not None:
        canonical.require_size(data, size, what)
    return data
