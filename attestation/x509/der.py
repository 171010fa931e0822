"""DER (ITU-T X.690 section 10) read exactly: one encoding per value, nothing left over."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_OID_BYTES

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OBJECT_IDENTIFIER: Final = 0x06
ENUMERATED: Final = 0x0A
UTF8_STRING: Final = 0x0C
SEQUENCE: Final = 0x30
SET: Final = 0x31
PRINTABLE_STRING: Final = 0x13
IA5_STRING: Final = 0x16
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18

# Date, then time. Hour 24, which some readers take for the next day's first, is none.
_TIME: Final = re.compile(rb"([0-9]{6}|[0-9]{8})((?:[01][0-9]|2[0-3])[0-9]{4}Z)")
# Four length bytes reach 4 GiB; no certificate needs more.
_MAX_LENGTH_BYTES: Final = 4
_TWO_OCTETS: Final = 0x82


def context(number: int, *, constructed: bool = True) -> int:
    """Return the tag byte of a context-specific tag below 31."""
    return (0xA0 if constructed else 0x80) | number


def malformed(detail: str) -> EvidenceError:
    """Return the error for bytes that are not DER of the expected structure."""
    return EvidenceError(Refusal.MALFORMED, detail)


class DerReader:
    """A cursor over the content of one DER value. Every method raises `EvidenceError`."""

    __slots__ = ("_data", "_offset", "_what")

    def __init__(self, data: bytes, *, what: str) -> None:
        self._data = data
        self._offset = 0
        self._what = what

    @property
    def at_end(self) -> bool:
        """Whether every byte has been read."""
        return self._offset == len(self._data)

    def peek(self) -> int | None:
        """Return the next tag byte without reading it, or None at the end."""
        return None if self.at_end else self._data[self._offset]

    def take(self, tag: int) -> bytes:
        """Return the content of the next value, which must have `tag`."""
        data, body = self._data, self._offset + 2
        # The short case of `take_raw`, without its calls: this is where parsing spends its time.
        if body <= len(data) and data[body - 2] == tag:
            end = body + data[body - 1]
            if end <= len(data) and end < body + 0x80:
                self._offset = end
                return data[body:end]
        return self.take_raw(tag)[1]

    def take_raw(self, tag: int) -> tuple[bytes, bytes]:
        """Return (whole encoding, content) of the next value, which must have `tag`."""
        data, start = self._data, self._offset
        if start + 1 >= len(data) or data[start] != tag:
            raise malformed(f"{self._what}: tag is {self.peek()}, expected {tag}, or no length")
        # Nearly every value is short, so its length is the byte itself, or that of a certificate.
        body, length = start + 2, data[start + 1]
        if length == _TWO_OCTETS and len(data) > body + 2 and data[body]:
            body, length = start + 4, data[body] << 8 | data[body + 1]
        elif length >= 0x80:
            body, length = self._long_length(start + 2, length & 0x7F)
        end = body + length
        if end > len(data):
            raise malformed(f"{self._what}: value ends behind its container")
        self._offset = end
        return data[start:end], data[body:end]

    def _long_length(self, offset: int, count: int) -> tuple[int, int]:
        """Return (offset of the content, its length); the length must be in its shortest form."""
        octets = self._data[offset : offset + count]
        if not 1 <= count <= _MAX_LENGTH_BYTES or len(octets) != count:
            raise malformed(f"{self._what}: length is indefinite, too long or cut off")
        length = int.from_bytes(octets, "big")
        if octets[0] == 0 or length < 0x80:
            raise malformed(f"{self._what}: length is not in its shortest form")
        return offset + count, length

    def reader(self, tag: int) -> DerReader:
        """Return a cursor over the content of the next value."""
        return DerReader(self.take(tag), what=self._what)

    def take_unsigned(self) -> int:
        """Return a non-negative INTEGER."""
        return unsigned(self.take(INTEGER), what=self._what)

    def take_oid(self) -> str:
        """Return an OBJECT IDENTIFIER in dotted form."""
        return oid(self.take(OBJECT_IDENTIFIER))

    def take_bits(self) -> bytes:
        """Return a BIT STRING of whole bytes."""
        content = self.take(BIT_STRING)
        if content[:1] != b"\x00":
            raise malformed(f"{self._what}: bit string is not whole bytes")
        return content[1:]

    def take_boolean_true(self) -> bool:
        """Return true if a BOOLEAN comes next; false, being the default, must be left out."""
        if self.peek() != BOOLEAN:
            return False
        if self.take(BOOLEAN) != b"\xff":
            raise malformed(f"{self._what}: boolean is not the DER form of true")
        return True

    def take_time(self) -> datetime:
        """Return a UTCTime or GeneralizedTime with seconds, in Z (RFC 5280 section 4.1.2.5)."""
        tag = UTC_TIME if self.peek() == UTC_TIME else GENERALIZED_TIME
        form = _TIME.fullmatch(self.take(tag))
        if form is None or len(form[1]) != (6 if tag == UTC_TIME else 8):
            raise malformed(f"{self._what}: time is not in the form of RFC 5280")
        date = form[1]
        if tag == UTC_TIME:
            date = (b"20" if date < b"50" else b"19") + date
        try:
            return datetime.fromisoformat((date + b"T" + form[2]).decode("ascii"))
        except ValueError as error:
            raise malformed(f"{self._what}: time does not exist") from error

    def finish(self) -> None:
        """Refuse bytes that no field claimed."""
        if not self.at_end:
            left = len(self._data) - self._offset
            raise malformed(f"{self._what}: {left} bytes after the last field")


def unsigned(content: bytes, *, what: str) -> int:
    """Return the value of INTEGER content; refused: empty, negative, not in the shortest form."""
    if not content or content[0] >= 0x80:
        raise malformed(f"{what}: integer is empty or negative")
    if len(content) > 1 and content[0] == 0 and content[1] < 0x80:
        raise malformed(f"{what}: integer is not in its shortest form")
    return int.from_bytes(content, "big")


@lru_cache(maxsize=256)
def oid(content: bytes) -> str:
    """Return the dotted form of OBJECT IDENTIFIER content; the same few come again and again."""
    if len(content) > MAX_OID_BYTES:
        raise malformed(f"object identifier is {len(content)} bytes, limit {MAX_OID_BYTES}")
    arcs: list[int] = []
    value, fresh = 0, True
    for octet in content:
        if fresh and octet == 0x80:
            raise malformed("object identifier: an arc is not in its shortest form")
        value = value << 7 | octet & 0x7F
        fresh = octet < 0x80
        if fresh:
            arcs.append(value)
            value = 0
    if not arcs or not fresh:
        raise malformed("object identifier is empty or cut off")
    top = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (top, arcs[0] - 40 * top, *arcs[1:]))


def single(data: bytes, tag: int, *, what: str) -> DerReader:
    """Return a cursor over the one value that `data` holds; more bytes are `trailing-data`."""
    outer = DerReader(data, what=what)
    content = outer.take(tag)
    if not outer.at_end:
        raise EvidenceError(Refusal.TRAILING_DATA, f"{what}: bytes after its end")
    return DerReader(content, what=what)
