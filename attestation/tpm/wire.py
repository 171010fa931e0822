"""Integers and sized buffers of the TPM 2.0 wire format: big-endian, nothing left over."""

from __future__ import annotations

import struct
from typing import Any

from attestation.errors import EvidenceError, Refusal


class Reader:
    """A cursor over one structure. Every method raises `EvidenceError` `malformed`."""

    __slots__ = ("_data", "_offset", "_what")

    def __init__(self, data: bytes, *, what: str) -> None:
        self._data = data
        self._offset = 0
        self._what = what

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        end = self._offset + size
        if end > len(self._data):
            raise self.fail("ends too early")
        taken = self._data[self._offset : end]
        self._offset = end
        return taken

    def u8(self) -> int:
        """Return the next byte."""
        return self.take(1)[0]

    def u16(self) -> int:
        """Return the next UINT16."""
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        """Return the next UINT32."""
        return int.from_bytes(self.take(4), "big")

    def u64(self) -> int:
        """Return the next UINT64."""
        return int.from_bytes(self.take(8), "big")

    def fixed(self, layout: struct.Struct) -> tuple[Any, ...]:
        """Return the members of the next structure of one size."""
        return layout.unpack(self.take(layout.size))

    def sized(self, limit: int) -> bytes:
        """Return the content of the next TPM2B, of at most `limit` bytes."""
        size = int.from_bytes(self.take(2), "big")
        if size > limit:
            raise self.fail(f"sized buffer of {size} bytes, limit {limit}")
        return self.take(size)

    @property
    def offset(self) -> int:
        """How many bytes were read."""
        return self._offset

    def finish(self) -> None:
        """Refuse bytes that were not read, as `trailing-data`."""
        if self._offset != len(self._data):
            raise EvidenceError(Refusal.TRAILING_DATA, f"{self._what}: bytes after its end")

    def fail(self, detail: str) -> EvidenceError:
        """Return the error for something wrong here."""
        return EvidenceError(Refusal.MALFORMED, f"{self._what}: {detail} at byte {self._offset}")


def u16(value: int) -> bytes:
    """Return a UINT16."""
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    """Return a UINT32."""
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    """Return a UINT64."""
    return value.to_bytes(8, "big")


def sized(content: bytes) -> bytes:
    """Return a TPM2B."""
    return u16(len(content)) + content
