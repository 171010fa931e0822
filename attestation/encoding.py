"""Text encodings read exactly: base64, base64url, JSON. Anything ambiguous is refused.

Each of these accepts one spelling of a value only, so that no bit of a signed or hashed text can
change without the result changing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any, Final

import rfc8785

from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_JSON_DEPTH, MAX_JSON_VALUES


def b64encode(data: bytes) -> str:
    """Return `data` as padded standard base64."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def b64decode(text: str | bytes, *, what: str) -> bytes:
    """Return the bytes of padded, canonical standard base64; raise `EvidenceError` otherwise."""
    try:
        raw = text.encode("ascii") if isinstance(text, str) else text
        data = binascii.a2b_base64(raw, strict_mode=True)
    except ValueError as error:
        raise EvidenceError(Refusal.MALFORMED, f"{what} is not base64") from error
    if binascii.b2a_base64(data, newline=False) != raw:
        raise EvidenceError(Refusal.MALFORMED, f"{what} is not canonical base64")
    return data


def b64url_encode(data: bytes) -> str:
    """Return `data` as base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_decode(text: str, *, what: str) -> bytes:
    """Return the bytes of unpadded, canonical base64url.

    The unused low bits of the last character must be zero: otherwise one signature would have
    several spellings. Raises `EvidenceError`.
    """
    try:
        raw = text.encode("ascii")
        data = base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise EvidenceError(Refusal.MALFORMED, f"{what} is not base64url") from error
    if b64url_encode(data) != text:
        raise EvidenceError(Refusal.MALFORMED, f"{what} is not canonical base64url")
    return data


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of a JSON object; raise `ValueError` for a name that is there twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=no_duplicates, parse_constant=_refuse_constant)


def _is_too_deep(value: Any) -> bool:
    """Return whether containers nest too deep, level by level: input may be hostile."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_JSON_DEPTH - 1):
        level = [
            child
            for item in level
            for child in (item.values() if type(item) is dict else item)
            if type(child) is dict or type(child) is list
        ]
    return any(level)


def parse_json(data: bytes, *, limit_bytes: int, what: str) -> Any:
    """Return the JSON value of `data`.

    Refused: over `limit_bytes`, not UTF-8, duplicate keys, NaN or infinities, anything after the
    value, deep nesting, more values than any document has. Raises `EvidenceError`.
    """
    if len(data) > limit_bytes:
        raise EvidenceError(Refusal.MALFORMED, f"{what} is {len(data)} bytes, limit {limit_bytes}")
    # Bounded before anything is built: each value but the first follows one of these.
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        raise EvidenceError(Refusal.MALFORMED, f"{what} has more than {MAX_JSON_VALUES} values")
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise EvidenceError(Refusal.MALFORMED, f"{what} is not strict JSON") from error
    if _is_too_deep(value):
        raise EvidenceError(Refusal.MALFORMED, f"{what} nests deeper than {MAX_JSON_DEPTH}")
    return value


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value of ours."""
    return rfc8785.dumps(value)


def sha256_digest(data: bytes) -> str:
    """Return `sha256:` and the lower-case hex digest of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
