"""Bytes as a TPM writes them: big-endian numbers and TPM2B sizes, in both directions."""

from __future__ import annotations

from attestation.tpm.codes import TpmError


def u16(value: int) -> bytes:
    """Return a UINT16."""
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    """Return a UINT32."""
    return value.to_bytes(4, "big")


def sized(content: bytes) -> bytes:
    """Return a TPM2B: the size in 16 bits, and the content."""
    return u16(len(content)) + content


class ResponseReader:
    """A cursor over one response. Every method raises `TpmError` where bytes are missing."""

    __slots__ = ("_data", "_offset")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        end = self._offset + size
        if end > len(self._data):
            raise TpmError.unreadable("answer is cut off")
        found = self._data[self._offset : end]
        self._offset = end
        return found

    def number(self, size: int) -> int:
        """Return an unsigned number of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def sized(self) -> bytes:
        """Return the content of a TPM2B."""
        return self.take(self.number(2))

    def rest(self) -> bytes:
        """Return everything that was not read yet."""
        return self.take(len(self._data) - self._offset)

    def finish(self) -> None:
        """Refuse bytes that no field claimed."""
        if self._offset != len(self._data):
            raise TpmError.unreadable(f"{len(self._data) - self._offset} bytes too many")
