"""The one form of tar that an air-gap bundle has: plain files, nothing about who or when.

Every header is the only one there is for its name and size, so there is nothing in it to
misunderstand. Steps: docs/specs/airgap.md, section 1. Source: POSIX.1-2017, `pax`, "ustar".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from sealing.canonical import Buffer
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)
_NAME_CHARS: Final = 100
_SIZE_AT: Final = slice(124, 136)


def header(name: str, size: int) -> bytes:
    """Return the header of a file: mode 0644, owner 0, time 0."""
    before = name.encode("ascii").ljust(_NAME_CHARS, b"\0") + b"0000644\0" + b"0000000\0" * 2
    before += b"%011o\0" % size + b"0" * 11 + b"\0"
    after = b"0" + bytes(_NAME_CHARS) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2
    after = after.ljust(BLOCK - len(before) - 8, b"\0")
    checksum = sum(before) + sum(after) + 8 * ord(" ")
    return before + b"%06o\0 " % checksum + after


def padding(size: int) -> bytes:
    """Return the zeros after a file of that size."""
    return bytes(-size % BLOCK)


class TarReader:
    """Gives one file after another from a stream that is read once. Raises `SealError` only."""

    def __init__(self, stream: BinaryIO) -> None:
        """Take a stream at its start."""
        self._stream = stream
        self._left = 0
        self._padding = 0

    def next(self) -> tuple[str, int] | None:
        """Return name and size of the next file, or None at the end of a whole archive."""
        if self._left or self._padding:
            raise _malformed("a file was not read to its end")
        block = self._exactly(BLOCK)
        if not any(block):
            if any(self._exactly(BLOCK)) or self._stream.read(1):
                raise _malformed("something follows the end")
            return None
        name, size = _parsed(block)
        self._left, self._padding = size, -size % BLOCK
        return name, size

    def chunks(self) -> Iterator[Buffer]:
        """Give the bytes of the file, and check at their end that only zeros fill its block."""
        while self._left:
            chunk = self._exactly(min(self._left, limits.CHUNK_BYTES))
            self._left -= len(chunk)
            yield chunk
        if any(self._exactly(self._padding)):
            raise _malformed("the padding of a file is not zero")
        self._padding = 0

    def _exactly(self, count: int) -> bytes:
        parts, missing = [], count
        while missing:
            part = self._stream.read(missing)
            if not part:
                raise _malformed(f"it ends {missing} bytes early")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


def _parsed(block: bytes) -> tuple[str, int]:
    """Return name and size if `block` is the very header of them."""
    raw, digits = block[:_NAME_CHARS].rstrip(b"\0"), block[_SIZE_AT][:-1]
    if not digits.isdigit() or set(digits) & set(b"89") or not raw.isascii():
        raise _malformed("a header names no plain file")
    name, size = raw.decode("ascii"), int(digits, 8)
    if header(name, size) != block:
        raise _malformed("a header is not the one of a plain file of ours")
    return name, size


def _malformed(why: str) -> SealError:
    return SealError(SealRefusal.STORE_MALFORMED, f"archive: {why}")
