"""Strict JSON, RFC 8785 canonical JSON, strict base64 and digests."""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NoReturn

import rfc8785

from sealing import limits
from sealing.errors import SealError, SealRefusal

Buffer = bytes | bytearray | memoryview

_INTEGER_MAX: Final = 2**53 - 1
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
# Every value but the root stands behind one of [ { , outside of strings. No quantifier here gives
# anything back and a string may end with the text, so that time is linear for any text.
_TOO_MANY_VALUES: Final = re.compile(
    rb'(?:(?:[^"\[{,]++|"[^"\\]*+(?:\\.?[^"\\]*+)*+"?)*+[\[{,]){%d}+' % (limits.JSON_VALUES + 1),
    re.DOTALL,
)
# With ASCII keys and neither floats nor large integers this encoder's output is RFC 8785.
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


def malformed(what: str, why: str) -> SealError:
    """Return the error for a document that has the wrong structure."""
    return SealError(SealRefusal.MALFORMED, f"{what}: {why}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise SealError(SealRefusal.DUPLICATE_MEMBER, "an object names a member twice")
    return value


def _integer(text: str) -> int:
    # Sixteen digits and a sign hold every safe integer; longer texts are never converted.
    if len(text) > 17 or abs(number := int(text)) > _INTEGER_MAX:
        raise SealError(SealRefusal.MALFORMED, "an integer is outside of +-(2**53 - 1)")
    return number


def _no_fraction(text: str) -> NoReturn:
    raise SealError(SealRefusal.MALFORMED, f"numbers are integers here, got {text[:32]}")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_no_fraction,
    parse_constant=_no_fraction,
)


def _check_count(data: bytes, what: str) -> None:
    """Refuse a text of more values than a reader should build, before it builds any."""
    # Strings may hold any number of these characters; they are passed over in a second look.
    marks = data.count(b",") + data.count(b"[") + data.count(b"{")
    if marks > limits.JSON_VALUES and _TOO_MANY_VALUES.match(data):
        detail = f"{what} holds more than {limits.JSON_VALUES} values"
        raise SealError(SealRefusal.TOO_LARGE, detail)


def _check(value: Any, what: str, depth: int = limits.JSON_DEPTH) -> bool:
    """Check depth and types; return whether every member name is ASCII.

    Exact types first: that is what documents are made of, and this runs for every one of them.
    """
    kind = type(value)
    if kind is dict or isinstance(value, dict):
        if depth == 0:
            raise malformed(what, f"nested deeper than {limits.JSON_DEPTH}")
        ascii_names = _check_names(value, what)
        return _check_all(value.values(), what, depth - 1) and ascii_names
    if kind is list or isinstance(value, (list, tuple)):
        if depth == 0:
            raise malformed(what, f"nested deeper than {limits.JSON_DEPTH}")
        return _check_all(value, what, depth - 1)
    if value is None or isinstance(value, (bool, str)):
        return True
    if not isinstance(value, int) or abs(value) > _INTEGER_MAX:
        raise malformed(what, f"holds a {kind.__name__} that JSON here cannot hold")
    return True


def _check_all(values: Iterable[Any], what: str, depth: int) -> bool:
    ascii_names = True
    for each in values:
        kind = type(each)
        # Every value is looked at, also behind a name that is not ASCII.
        if kind is not str and kind is not bool and not _check(each, what, depth):
            ascii_names = False
    return ascii_names


def _check_names(value: dict[Any, Any], what: str) -> bool:
    try:
        return "".join(value).isascii()
    except TypeError as error:
        raise malformed(what, "a member name is not a string") from error


def _write(value: Any, *, ascii_names: bool, what: str) -> bytes:
    try:
        if ascii_names:
            return _ENCODER.encode(value).encode("utf-8")
        return rfc8785.dumps(value)
    except ValueError as error:  # lone surrogates
        raise malformed(what, "a string is not Unicode text") from error


def encode(value: Any) -> bytes:
    """Return the RFC 8785 form of `value`.

    Only null, booleans, integers up to 2**53 - 1, strings, lists and dicts exist here: no
    format of ours holds a fraction. Raises `SealError` for anything else.
    """
    return _write(value, ascii_names=_check(value, "value"), what="value")


def _load(data: bytes, limit_bytes: int, what: str) -> tuple[Any, bool]:
    """Return the value of a text, and whether every member name in it is ASCII."""
    if len(data) > limit_bytes:
        raise SealError(SealRefusal.TOO_LARGE, f"{what} is {len(data)} bytes, limit {limit_bytes}")
    _check_count(data, what)
    try:
        value = _DECODER.decode(bytes(data).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise malformed(what, "not UTF-8") from error
    except json.JSONDecodeError as error:
        raise malformed(what, f"not JSON at offset {error.pos}") from error
    except RecursionError as error:
        raise malformed(what, f"nested deeper than {limits.JSON_DEPTH}") from error
    return value, _check(value, what)


def parse_json(data: bytes, *, limit_bytes: int, what: str) -> Any:
    """Return the value of one JSON text: UTF-8, no repeated member, no fraction, nothing after it.

    Says nothing about the byte form; `parse_canonical` does. Raises `SealError`.
    """
    value, ascii_names = _load(data, limit_bytes, what)
    if b"\\u" in data:  # The only way to write half of a surrogate pair.
        _write(value, ascii_names=ascii_names, what=what)
    return value


def parse_canonical(data: bytes, *, limit_bytes: int, what: str) -> Any:
    """Return the value of a text that is exactly its own RFC 8785 form.

    Raises `SealError` as `parse_json` does, and when re-encoding gives other bytes.
    """
    value, ascii_names = _load(data, limit_bytes, what)
    if _write(value, ascii_names=ascii_names, what=what) != data:
        raise SealError(SealRefusal.NOT_CANONICAL, f"{what} is not RFC 8785 canonical JSON")
    return value


def members(value: Any, names: Sequence[str], what: str) -> dict[str, Any]:
    """Return `value` as an object with exactly the members `names`.

    Raises `SealError`: no object, an unknown member, a missing member.
    """
    if not isinstance(value, dict):
        raise malformed(what, "not an object")
    for name in value:
        if name not in names:
            raise SealError(SealRefusal.UNKNOWN_MEMBER, f"{what} has unknown member {name[:64]}")
    for name in names:
        if name not in value:
            raise malformed(what, f"lacks member {name}")
    return value


def text(value: Any, what: str) -> str:
    """Return `value` as a string, or raise `SealError`."""
    if not isinstance(value, str):
        raise malformed(what, "not a string")
    return value


def whole(value: Any, what: str, *, least: int, most: int) -> int:
    """Return `value` as an integer within bounds (a boolean is none), or raise `SealError`."""
    if type(value) is not int or not least <= value <= most:
        raise malformed(what, f"not an integer from {least} to {most}")
    return value


def b64encode(data: Buffer) -> str:
    """Return standard padded base64."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def b64decode(value: Any, *, what: str) -> bytes:
    """Return the bytes of a standard, padded base64 string in its one canonical form.

    Raises `SealError`: not a string, foreign characters, wrong padding, or unused bits set.
    """
    encoded = text(value, what)
    try:
        data = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as error:
        raise malformed(what, "not base64") from error
    if b64encode(data) != encoded:
        raise SealError(SealRefusal.NOT_CANONICAL, f"{what} is not canonical base64")
    return data


def digest_of(data: Buffer) -> str:
    """Return "sha256:" and the lower hex SHA-256 of `data`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def parse_digest(value: Any, *, what: str = "digest") -> str:
    """Return `value` if it is "sha256:" and 64 lower hex digits, or raise `SealError`."""
    if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
        raise malformed(what, "not a sha256 digest")
    return value
