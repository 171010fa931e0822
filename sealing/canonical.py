"""Strict JSON, RFC 8785 canonical JSON, strict base64 and digests."""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NoReturn

from sealing import limits
from sealing.errors import SealError, SealRefusal

Buffer = bytes | bytearray | memoryview

_INTEGER_MAX: Final = 2**53 - 1
_VALUES_STEP: Final = 1024
# What the UTF-8 of characters beyond 16 bits begins with. As escapes they are not canonical.
_BEYOND_16_BITS: Final = bytes(range(0xF0, 0xF5))
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
# What it takes to write the members of all objects in the order of RFC 8785: nothing, sorting, or
# sorting some of them in another way.
_IN_ORDER, _BY_CODE_POINT, _BY_UTF16 = 0, 1, 2
# With neither floats nor large integers the output of these is RFC 8785 for objects whose names are
# in order, and for those whose names sort by UTF-16 as they do by code point.
_ORDERED: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
)
_SORTING: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


def malformed(what: str, why: str) -> SealError:
    """Return the error for a document that has the wrong structure."""
    return SealError(SealRefusal.MALFORMED, f"{what}: {why}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > limits.JSON_MEMBERS:
        detail = f"an object has {len(pairs)} members, limit {limits.JSON_MEMBERS}"
        raise SealError(SealRefusal.TOO_LARGE, detail)
    value = dict(pairs)
    if len(value) != len(pairs):
        raise SealError(SealRefusal.DUPLICATE_MEMBER, "an object names a member twice")
    return value


def _no_fraction(text: str) -> NoReturn:
    raise SealError(SealRefusal.MALFORMED, f"numbers are integers here, got {text[:32]}")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_no_fraction, parse_constant=_no_fraction
)


def most_values(size: int, *, dense: bool) -> int:
    """Return how many values a text of `size` bytes may hold, `dense` as `parse_json` has it."""
    if not dense:
        return limits.JSON_VALUES
    # In steps, so that a reader keeps few patterns.
    many = size // limits.JSON_VALUE_BYTES // _VALUES_STEP * _VALUES_STEP
    return min(max(many, limits.JSON_VALUES), limits.JSON_VALUES_MOST)


@lru_cache(maxsize=64)
def _more_values_than(count: int) -> re.Pattern[bytes]:
    """Return what matches a text of more than `count` values.

    Every value but the root stands behind one of [ { , outside of strings. No quantifier here gives
    anything back and a string may end with the text, so that time is linear for any text.
    """
    return re.compile(
        rb'(?:(?:[^"\[{,]++|"[^"\\]*+(?:\\.?[^"\\]*+)*+"?)*+[\[{,]){%d}+' % (count + 1),
        re.DOTALL,
    )


def require_affordable(data: bytes, what: str, *, dense: bool = False) -> None:
    """Refuse a text of more values than a reader should build, before it builds any."""
    # Strings may hold any number of these characters; they are passed over in a second look.
    marks = data.count(b",") + data.count(b"[") + data.count(b"{")
    if marks <= limits.JSON_VALUES:
        return
    most = most_values(len(data), dense=dense)
    if marks > most and _more_values_than(most).match(data):
        raise SealError(SealRefusal.TOO_LARGE, f"{what} holds more than {most} values")


def _check(value: Any, what: str) -> int:
    """Check depth and types, level by level; return what the names of all members are like."""
    names = _IN_ORDER
    level: list[Any] = [value]
    for depth in range(limits.JSON_DEPTH + 1):
        inner: list[Any] | None = [] if depth < limits.JSON_DEPTH else None
        for each in level:
            kind = type(each)
            # That is what documents are made of, so it comes first.
            if kind is str or kind is bool:
                continue
            if (
                kind is dict
                and len(each) == 1
                and inner is not None
                and type(next(iter(each))) is str
            ):
                inner += each.values()
            else:
                names |= _check_one(each, what, inner)
        if not inner:
            break
        level = inner
    return names


def _check_one(value: Any, what: str, inner: list[Any] | None) -> int:
    """Check a value and add what is inside to `inner`; return what names it has."""
    if isinstance(value, int):
        if not -_INTEGER_MAX <= value <= _INTEGER_MAX:
            raise malformed(what, "an integer is outside of +-(2**53 - 1)")
        return _IN_ORDER
    if value is None or isinstance(value, str):
        return _IN_ORDER
    if not isinstance(value, (dict, list, tuple)):
        raise malformed(what, f"holds a {type(value).__name__} that JSON here cannot hold")
    if inner is None:
        raise malformed(what, f"nested deeper than {limits.JSON_DEPTH}")
    if isinstance(value, dict):
        inner.extend(value.values())
        return _check_names(value, what)
    inner.extend(value)
    return _IN_ORDER


def _check_names(value: dict[Any, Any], what: str) -> int:
    try:
        text = "".join(value)
    except TypeError as error:
        raise malformed(what, "a member name is not a string") from error
    if len(value) < 2:
        return _IN_ORDER
    names = list(value)
    in_order = names == sorted(names)
    # Beyond 16 bits the order of UTF-16 is another one than that of code points.
    if text.isascii() or len(text.encode("utf-16-le", "surrogatepass")) == 2 * len(text):
        return _IN_ORDER if in_order else _BY_CODE_POINT
    # In order by both, or another object that is not would have this one sorted by code point.
    return _IN_ORDER if in_order and names == sorted(names, key=_utf16) else _BY_UTF16


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")


def _in_order(value: Any) -> Any:
    """Return the same with members in order."""
    if isinstance(value, dict):
        return {name: _in_order(value[name]) for name in sorted(value, key=_utf16)}
    if isinstance(value, (list, tuple)):
        return [_in_order(each) for each in value]
    return value


def _is_ordered(value: Any) -> bool:
    """Return whether the members of all objects stand in the order of UTF-16."""
    level: list[Any] = [value]
    while level:
        inner: list[Any] = []
        for each in level:
            if type(each) is dict:
                if len(each) > 1 and list(each) != sorted(each, key=_utf16):
                    return False
                inner += each.values()
            elif type(each) is list:
                inner += each
        level = inner
    return True


def _write(value: Any, names: int, what: str) -> bytes:
    encoder = _ORDERED
    if names & _BY_UTF16:
        value = _in_order(value)
    elif names & _BY_CODE_POINT:
        encoder = _SORTING
    try:
        return encoder.encode(value).encode("utf-8")
    except ValueError as error:  # lone surrogates
        raise malformed(what, "a string is not Unicode text") from error


def encode(value: Any) -> bytes:
    """Return the RFC 8785 form of `value`.

    Only null, booleans, integers up to 2**53 - 1, strings, lists and dicts exist here: no
    format of ours holds a fraction. Raises `SealError` for anything else.
    """
    return _write(value, _check(value, "value"), "value")


def _load(data: bytes, limit_bytes: int, what: str, *, dense: bool) -> Any:
    if len(data) > limit_bytes:
        raise SealError(SealRefusal.TOO_LARGE, f"{what} is {len(data)} bytes, limit {limit_bytes}")
    require_affordable(data, what, dense=dense)
    try:
        value = _DECODER.decode(bytes(data).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise malformed(what, "not UTF-8") from error
    except json.JSONDecodeError as error:
        raise malformed(what, f"not JSON at offset {error.pos}") from error
    except ValueError as error:  # More digits than the interpreter converts.
        raise malformed(what, "an integer is outside of +-(2**53 - 1)") from error
    except RecursionError as error:
        raise malformed(what, f"nested deeper than {limits.JSON_DEPTH}") from error
    _check_read(value, what)
    return value


def _check_read(value: Any, what: str) -> None:
    """Check depth and integers: the decoder builds nothing else that is to be refused."""
    level: list[Any] = [value]
    for depth in range(limits.JSON_DEPTH + 1):
        inner: list[Any] = []
        for each in level:
            kind = type(each)
            if kind is dict or kind is list:
                if depth == limits.JSON_DEPTH:
                    raise malformed(what, f"nested deeper than {limits.JSON_DEPTH}")
                inner += each if kind is list else each.values()
            elif kind is int and not -_INTEGER_MAX <= each <= _INTEGER_MAX:
                raise malformed(what, "an integer is outside of +-(2**53 - 1)")
        if not inner:
            break
        level = inner


def parse_json(data: bytes, *, limit_bytes: int, what: str, dense: bool = False) -> Any:
    """Return the value of one JSON text: UTF-8, no repeated member, no fraction, nothing after it.

    `dense` is for statements, whose lists may make up the whole of a large text. Says nothing about
    the byte form; `parse_canonical` does. Raises `SealError`.
    """
    value = _load(data, limit_bytes, what, dense=dense)
    if b"\\u" in data:  # The only way to write half of a surrogate pair.
        _write(value, _IN_ORDER, what)
    return value


def parse_canonical(data: bytes, *, limit_bytes: int, what: str, dense: bool = False) -> Any:
    """Return the value of a text that is exactly its own RFC 8785 form.

    Raises `SealError` as `parse_json` does, and when its one form is other bytes.
    """
    value = _load(data, limit_bytes, what, dense=dense)
    beyond = not data.isascii() and len(data.translate(None, _BEYOND_16_BITS)) != len(data)
    # An object keeps the order in which its members were read.
    written = _write(value, _IN_ORDER if beyond else _BY_CODE_POINT, what)
    if written != data or (beyond and not _is_ordered(value)):
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


def b64decode(value: Any, *, what: str, size: int | None = None) -> bytes:
    """Return the bytes of a standard, padded base64 string in its one canonical form.

    Raises `SealError`: not a string, foreign characters, wrong padding, unused bits set, or another
    number of bytes than `size` where that is given.
    """
    encoded = text(value, what)
    try:
        data = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as error:
        raise malformed(what, "not base64") from error
    if b64encode(data) != encoded:
        raise SealError(SealRefusal.NOT_CANONICAL, f"{what} is not canonical base64")
    if size is not None:
        require_size(data, size, what)
    return data


def require_size(data: bytes, size: int, what: str) -> None:
    """Accept exactly `size` bytes, or raise `SealError`."""
    if len(data) != size:
        raise malformed(what, f"{len(data)} bytes, expected {size}")


def digest_of(data: Buffer) -> str:
    """Return "sha256:" and the lower hex SHA-256 of `data`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def parse_digest(value: Any, *, what: str = "digest") -> str:
    """Return `value` if it is "sha256:" and 64 lower hex digits, or raise `SealError`."""
    if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
        raise malformed(what, "not a sha256 digest")
    return value
