"""A bounded cursor over a WebAssembly binary. Errors give offsets and never content."""

from __future__ import annotations

from typing import Final, Self

from sealing import limits
from sealing.canonical import Buffer
from sealing.errors import SealError, SealRefusal
from sealing.module_source import ByteView

_U32_BYTES: Final = 5
_U64_BYTES: Final = 10


def malformed(offset: int, why: str) -> SealError:
    """Return the error for a module that breaks the binary format at `offset`."""
    return SealError(SealRefusal.MODULE_MALFORMED, f"module at offset {offset}: {why}")


def unsupported(offset: int, what: str) -> SealError:
    """Return the error for a part of the format that no bill of materials is written for yet."""
    return SealError(SealRefusal.MODULE_UNSUPPORTED, f"module at offset {offset}: {what}")


def require_at_most(offset: int, found: int, limit: int, what: str) -> None:
    """Accept `found` of something up to `limit`, or raise `SealError`."""
    if found > limit:
        detail = f"module at offset {offset}: {found} {what}, limit {limit}"
        raise SealError(SealRefusal.TOO_LARGE, detail)


class Work:
    """What a binary may cost: steps of up to a microsecond or so, more of them for a larger one.

    One for a whole binary with all that is inside.
    """

    __slots__ = ("_left", "_most")

    def __init__(self, size: int) -> None:
        self._most = self._left = limits.BILL_STEPS + size // limits.BILL_STEP_BYTES

    def take(self, offset: int, steps: int) -> None:
        """Count `steps`, or raise `SealError` where the binary is too small to ask for them."""
        self._left -= steps
        if self._left < 0:
            require_at_most(offset, self._most - self._left, self._most, "steps of reading")


class WasmReader:
    """Reads `data[start:end]` and not a byte outside of it; what it counts is `work`, if given."""

    __slots__ = ("_data", "_work", "end", "offset")

    def __init__(self, data: ByteView, start: int, end: int, work: Work | None = None) -> None:
        self._data = data
        self._work = work
        self.offset = start
        self.end = end

    @property
    def at_end(self) -> bool:
        """Whether every byte was read."""
        return self.offset == self.end

    def require_end(self) -> None:
        """Accept only a reader with nothing left, or raise `SealError`."""
        if not self.at_end:
            raise malformed(self.offset, f"{self.end - self.offset} bytes too many")

    def require_at_most(self, limit: int) -> None:
        """Accept only a reader with at most `limit` bytes left, or raise `SealError`."""
        require_at_most(self.offset, self.end - self.offset, limit, "bytes")

    def skip(self, count: int) -> None:
        """Pass the next `count` bytes without reading them, or raise `SealError`."""
        start, after = self.offset, self.offset + count
        if after > self.end:
            raise malformed(start, f"{count} bytes expected, {self.end - start} left")
        self.offset = after

    def take(self, count: int) -> Buffer:
        """Return the next `count` bytes, or raise `SealError`."""
        start = self.offset
        self.skip(count)
        return self._data[start : self.offset]

    def byte(self) -> int:
        """Return the next byte."""
        if self.offset >= self.end:
            raise malformed(self.offset, "ends too early")
        value = self._data[self.offset]
        self.offset += 1
        return value

    def u32(self) -> int:
        """Return an unsigned LEB128 number of 32 bits; padding up to five bytes is allowed."""
        if self.offset < self.end and (value := self._data[self.offset]) < 0x80:
            self.offset += 1
            return value
        return self._unsigned(_U32_BYTES, 32)

    def u64(self) -> int:
        """Return an unsigned LEB128 number of 64 bits."""
        return self._unsigned(_U64_BYTES, 64)

    def _unsigned(self, most_bytes: int, bits: int) -> int:
        start, value = self.offset, 0
        for index in range(most_bytes):
            byte = self.byte()
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                if value >> bits:
                    break
                return value
        raise malformed(start, f"number does not fit {bits} bits")

    def type_index(self) -> int:
        """Return a signed LEB128 number of 33 bits that is an index: it is not negative."""
        start = self.offset
        value = self.u32()
        last = self._data[self.offset - 1]
        # The sign: the fifth byte has room for it behind bit 32.
        if self.offset - start < _U32_BYTES and last & 0x40:
            raise malformed(start, "index is negative")
        return value

    def skip_signed(self, most_bytes: int) -> None:
        """Pass a signed LEB128 number of at most `most_bytes` bytes."""
        start = self.offset
        for _ in range(most_bytes):
            if self.byte() < 0x80:
                return
        raise malformed(start, "number is too long")

    def count(self, limit: int) -> int:
        """Return the length of a vector, or raise `SealError` above `limit`. A step for each."""
        start = self.offset
        value = self.u32()
        require_at_most(start, value, limit, "entries")
        self.spend(value)
        return value

    def spend(self, steps: int) -> None:
        """Count what reading costs, or raise `SealError` where it is too much."""
        if self._work is not None:
            self._work.take(self.offset, steps)

    def name(self, limit: int) -> str:
        """Return a UTF-8 name of at most `limit` bytes."""
        start = self.offset
        size = self.u32()
        if size > limit:
            require_at_most(start, size, limit, "entries")
        raw = self.take(size)
        try:
            return str(raw, "utf-8")
        except UnicodeDecodeError:
            # The cause would carry the bytes.
            raise malformed(start, "name is not UTF-8") from None

    def ahead(self, most: int) -> bytes:
        """Return up to `most` of the next bytes, which stay unread."""
        return bytes(self._data[self.offset : min(self.end, self.offset + most)])

    def part(self) -> Self:
        """Return a reader over the next length-prefixed part."""
        size = self.u32()
        start = self.offset
        self.skip(size)
        return type(self)(self._data, start, self.offset, self._work)
