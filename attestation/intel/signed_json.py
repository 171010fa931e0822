"""Intel's JSON read exactly: what is signed and not understood could matter.

An object is decoded to a tuple of its members, which shows whether a name is there twice; every
reader of objects goes through `members`, or looks at all members itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_JSON_VALUES

Members = Mapping[str, Any]

_DECODER: Final = json.JSONDecoder(object_pairs_hook=tuple)

# Hour 24, which some readers take for the next day's first, is none.
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\dZ", re.ASCII)
_HEX: Final = re.compile(r"[0-9A-Fa-f]*")
_ADVISORIES: Final = re.compile(r"[A-Z0-9-]{1,64}+(?:,[A-Z0-9-]{1,64}+)*+")
_NONE: Final = frozenset[str]()


def names(text: str) -> frozenset[str]:
    """Return the words in `text` as a set of member names."""
    return frozenset(text.split())


def malformed(detail: str) -> EvidenceError:
    """Return the error for signed JSON of another form than Intel documents."""
    return EvidenceError(Refusal.MALFORMED, detail)


def decode(data: bytes, *, what: str) -> Any:
    """Return the JSON value of `data`, objects as tuples of their members, arrays as lists."""
    # Bounded before anything is built: each value but the first follows one of these.
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        raise malformed(f"{what} has more than {MAX_JSON_VALUES} values")
    try:
        return _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise malformed(f"{what} is not JSON") from error


def members(value: Any, required: frozenset[str], optional: frozenset[str] = _NONE) -> Members:
    """Return the object if it has every required member once and none but these."""
    if not isinstance(value, tuple):
        raise malformed("JSON of Intel has something else where an object belongs")
    found = dict(value)
    if len(found) != len(value):
        raise malformed("JSON of Intel has a member twice")
    names = found.keys()
    if names != required and not required <= names <= required | optional:
        odd = sorted((names ^ required) - optional)[:1]
        raise malformed(f"JSON of Intel has other members than expected, such as {odd}"[:120])
    return found


def items(value: Any, most: int) -> list[Any]:
    """Return the list if it is not empty and not longer than `most`."""
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise malformed(f"signed JSON lacks a list of 1 to {most} items")
    return value


def integer(value: Any, most: int) -> int:
    """Return an integer from 0 to `most`; true and false are none."""
    if type(value) is not int or not 0 <= value <= most:
        raise malformed(f"signed JSON lacks an integer up to {most}")
    return value


def hex_bytes(value: Any, length: int) -> bytes:
    """Return `length` bytes from hex of either case."""
    if not isinstance(value, str) or len(value) != 2 * length or not _HEX.fullmatch(value):
        raise malformed(f"signed JSON lacks {length} bytes in hex")
    return bytes.fromhex(value)


def moment(value: Any) -> datetime:
    """Return a time of the form 2025-06-19T10:16:03Z."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise malformed("signed JSON lacks a time")
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise malformed("signed JSON has a time that does not exist") from error


def choice(value: Any, allowed: frozenset[str]) -> str:
    """Return the text if it is one of these."""
    if not isinstance(value, str) or value not in allowed:
        raise malformed("signed JSON has a value that is not one of those documented")
    return value


def advisories(value: Any, most: int) -> tuple[str, ...]:
    """Return advisory names such as INTEL-SA-00615."""
    if not isinstance(value, list) or len(value) > most:
        raise malformed("signed JSON has no list of advisories")
    # All at once: a document has hundreds.
    if value and not (
        set(map(type, value)) == {str}
        and _ADVISORIES.fullmatch(text := ",".join(value))
        and text.count(",") == len(value) - 1
    ):
        raise malformed("signed JSON has an advisory that is not a name")
    return tuple(value)
