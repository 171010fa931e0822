"""CBOR (RFC 8949) read strictly and written deterministically.

Own code because a signed structure must have one meaning: duplicate keys, bytes after the end,
numbers not in their shortest form and unknown simple values are refused, nothing is converted.
Text is `str`, byte strings `bytes`, maps `dict`, arrays `list`; a tag is a `Tagged`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_CBOR_DEPTH, MAX_CBOR_ITEMS

_SIZES: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_LEAST: Final = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
_LEAST_BYTE: Final = bytes([_LEAST[24]])
_INDEFINITE: Final = 31
_BREAK: Final = 0xFF
_KEYS: Final = frozenset({int, str, bytes})
_SIMPLE: Final = {20: False, 21: True, 22: None}
_FLOATS: Final = {25: ">e", 26: ">f", 27: ">d"}


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value under a CBOR tag."""

    tag: int
    value: Any


@dataclass(slots=True)
class Budget:
    """How many values may still be read, for documents that are nested in others as bytes."""

    left: int


def decode(
    data: bytes, *, what: str, indefinite: bool = False, budget: Budget | None = None
) -> Any:
    """Return the one value of `data`.

    `indefinite` allows maps and arrays of indefinite length, which some signers write. Map keys
    are integers, text or bytes. Calls with one `budget` share the limit of values. Raises
    `EvidenceError`: `malformed`, or `trailing-data`.
    """
    reader = _Reader(data, what, indefinite=indefinite)
    if budget is not None:
        reader.items = MAX_CBOR_ITEMS - budget.left
    value = reader.value(0)
    if budget is not None:
        budget.left = MAX_CBOR_ITEMS - reader.items
    if reader.offset != len(data):
        raise EvidenceError(Refusal.TRAILING_DATA, f"{what}: bytes after its end")
    return value


class _Reader:
    def __init__(self, data: bytes, what: str, *, indefinite: bool) -> None:
        self.data = data
        self.what = what
        self.indefinite = indefinite
        self.offset = 0
        self.items = 0

    def fail(self, detail: str) -> EvidenceError:
        return EvidenceError(Refusal.MALFORMED, f"{self.what}: {detail} at byte {self.offset}")

    def value(self, depth: int) -> Any:
        self.items += 1
        if depth > MAX_CBOR_DEPTH or self.items > MAX_CBOR_ITEMS:
            raise self.fail("nested too deep or too many values")
        data, offset = self.data, self.offset
        # Numbers below 24 and what is shorter than that: most of what there is, so without a call.
        if offset < len(data) and (argument := data[offset] & 0x1F) < 24:
            kind, short = data[offset] >> 5, argument
            self.offset = offset + 1
        else:
            kind, short, argument = self._head()
        if kind < 2:
            return -1 - argument if kind else argument
        if kind == 2:
            return self._take(argument)
        if kind == 3:
            return self._text(argument)
        return self._other(kind, short, argument, depth)

    def _other(self, kind: int, short: int, argument: int, depth: int) -> Any:
        if kind == 4:
            return self._array(argument, depth)
        if kind == 5:
            return self._map(argument, depth)
        if kind == 6:
            return Tagged(argument, self.value(depth + 1))
        return self._simple(short, argument)

    def _head(self) -> tuple[int, int, int]:
        """Read a head whose argument is not in its first byte."""
        data, offset = self.data, self.offset
        if offset >= len(data):
            raise self.fail("cut off")
        first = data[offset]
        self.offset = offset + 1
        kind, short = first >> 5, first & 0x1F
        # Most lengths beyond that take one byte: digests and keys.
        if short == 24 and kind < 7 and data[offset + 1 : offset + 2] >= _LEAST_BYTE:
            self.offset = offset + 2
            return kind, short, data[offset + 1]
        if short == _INDEFINITE and kind in {4, 5} and self.indefinite:
            return kind, short, -1
        return kind, short, self._argument(kind, short)

    def _argument(self, kind: int, short: int) -> int:
        size = _SIZES.get(short)
        if size is None:
            raise self.fail("length that is not allowed here")
        argument = int.from_bytes(self._take(size), "big")
        if kind != 7 and argument < _LEAST[short]:
            raise self.fail("number not in its shortest form")
        return argument

    def _take(self, size: int) -> bytes:
        end = self.offset + size
        if end > len(self.data):
            raise self.fail("cut off")
        taken = self.data[self.offset : end]
        self.offset = end
        return taken

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.fail("text is not UTF-8") from error

    def _ended(self) -> bool:
        if self.data[self.offset : self.offset + 1] != bytes([_BREAK]):
            return False
        self.offset += 1
        return True

    def _array(self, count: int, depth: int) -> list[Any]:
        if count >= 0:
            return [self.value(depth + 1) for _ in range(count)]
        found: list[Any] = []
        while not self._ended():
            found.append(self.value(depth + 1))
        return found

    def _map(self, count: int, depth: int) -> dict[int | str | bytes, Any]:
        found: dict[int | str | bytes, Any] = {}
        while len(found) != count and not (count < 0 and self._ended()):
            key = self.value(depth + 1)
            if type(key) not in _KEYS:
                raise self.fail("map key is neither number, text nor bytes")
            if key in found:
                raise self.fail("map key is there twice")
            found[key] = self.value(depth + 1)
        return found

    def _simple(self, short: int, argument: int) -> Any:
        if short in _SIMPLE:
            return _SIMPLE[short]
        if short in _FLOATS:
            form = _FLOATS[short]
            return struct.unpack(form, argument.to_bytes(struct.calcsize(form), "big"))[0]
        raise self.fail("unknown simple value")


def encode(value: Any) -> bytes:
    """Return the deterministic form (RFC 8949 section 4.2.1) of a value `decode` could return.

    Floats are not written. Raises `TypeError` for anything else.
    """
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return _encoded_head(0, value) if value >= 0 else _encoded_head(1, -1 - value)
    if isinstance(value, bytes):
        return _encoded_head(2, len(value)) + value
    if isinstance(value, str):
        raw = value.encode()
        return _encoded_head(3, len(raw)) + raw
    if isinstance(value, list | tuple):
        return _encoded_head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        pairs = sorted((encode(key), encode(item)) for key, item in value.items())
        return _encoded_head(5, len(pairs)) + b"".join(key + item for key, item in pairs)
    if isinstance(value, Tagged):
        return _encoded_head(6, value.tag) + encode(value.value)
    raise TypeError(f"{type(value).__name__} has no CBOR form here")


def _encoded_head(kind: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([kind << 5 | argument])
    for short, size in _SIZES.items():
        if argument < 1 << 8 * size:
            return bytes([kind << 5 | short]) + argument.to_bytes(size, "big")
    raise TypeError("number is too large for CBOR")
