"""Reads one CBOR map of a CoRIM: known keys by type, extensions counted, anything else refused."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from attestation.cbor import Tagged
from attestation.corim.model import OID, UUID, Validity
from attestation.errors import EvidenceError, Refusal

_EPOCH_TIME: Final = 1
_URI: Final = 32
_UUID_BYTES: Final = 16
# The last second that `datetime` knows; documents that are valid for ever name ones beyond it.
_LAST_SECOND: Final = 253402300799

Value = TypeVar("Value")


def malformed(what: str, detail: str) -> EvidenceError:
    """Return the refusal of a document whose `what` is not as it should be."""
    return EvidenceError(Refusal.MALFORMED, f"CoRIM: {what} {detail}")


class MapReader:
    """One map. Its keys are small numbers; negative ones and texts are extensions."""

    def __init__(self, found: Any, what: str, known: Collection[int]) -> None:
        if not isinstance(found, dict):
            raise malformed(what, "is not a map")
        own = {key for key in found if isinstance(key, int) and key >= 0}
        if not own <= set(known):
            raise malformed(what, "has an unknown member")
        self._found = found
        self._what = what
        self.extensions = len(found) - len(own)

    def has(self, key: int) -> bool:
        """Return whether the member is there."""
        return key in self._found

    def take(self, key: int, name: str) -> Any:
        """Return a member that has to be there."""
        if key not in self._found:
            raise malformed(self._what, f"has no {name}")
        return self._found[key]

    def read(self, key: int, name: str, read: Callable[[Any, str], Value]) -> Value | None:
        """Return what `read` makes of a member, or None if it is not there."""
        return read(self._found[key], f"{self._what}: {name}") if key in self._found else None

    def require_some(self) -> None:
        """Refuse a map without any member."""
        if not self._found:
            raise malformed(self._what, "is empty")


def text(value: Any, what: str) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise malformed(what, "is not a text")
    return value


def count(value: Any, what: str) -> int:
    """Return an integer that is not negative."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise malformed(what, "is not a number from zero")
    return value


def octets(value: Any, what: str) -> bytes:
    """Return a byte string."""
    if not isinstance(value, bytes):
        raise malformed(what, "is not a byte string")
    return value


def items(value: Any, what: str) -> list[Any]:
    """Return a list that is not empty."""
    if not isinstance(value, list) or not value:
        raise malformed(what, "is not a list of one or more")
    return value


def uri(value: Any, what: str) -> str:
    """Return a URI (tag 32)."""
    if not isinstance(value, Tagged) or value.tag != _URI:
        raise malformed(what, "is not a URI")
    return text(value.value, what)


def profile(value: Any, what: str) -> str:
    """Return a profile: a URI, or an object identifier as `oid:<hex>`."""
    if isinstance(value, Tagged) and value.tag == OID:
        return f"oid:{octets(value.value, what).hex()}"
    return uri(value, what)


def identifier(value: Any, what: str) -> str:
    """Return an id that is a text or a UUID (16 bytes, bare or under tag 37)."""
    if isinstance(value, Tagged) and value.tag == UUID:
        value = value.value
    if isinstance(value, bytes) and len(value) == _UUID_BYTES:
        return str(uuid.UUID(bytes=value))
    return text(value, what)


def validity(value: Any, what: str) -> Validity:
    """Return a period; its end has to be there."""
    found = MapReader(value, what, {0, 1})
    not_before = found.read(0, "not-before", moment)
    return Validity(not_before, moment(found.take(1, "not-after"), f"{what}: not-after"))


def moment(value: Any, what: str) -> datetime:
    """Return a time (tag 1), in whole seconds or with a fraction."""
    if not isinstance(value, Tagged) or value.tag != _EPOCH_TIME:
        raise malformed(what, "is not a time")
    return seconds(value.value, what)


def seconds(value: Any, what: str) -> datetime:
    """Return the time that a number of seconds since 1970 says."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise malformed(what, "is not a number of seconds")
    return datetime.fromtimestamp(min(max(value, 0), _LAST_SECOND), UTC)
