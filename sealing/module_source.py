"""A module on its way into an artifact: in memory, or in a file that is read as often as needed.

A large module is never in memory as a whole. It is read several times instead (to list what it is
made of, to encrypt it, to upload it, to upload it again), and each time has to give the same bytes:
other ones would be encrypted with key and nonce of the first, and two ciphertexts under one key
stream tell the difference of their plaintexts.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Iterator
from functools import cached_property
from typing import Final, Protocol, overload

from sealing import limits
from sealing.canonical import Buffer, digest_of
from sealing.errors import SealError, SealRefusal

_BLOCK: Final = limits.MODULE_BLOCK_BYTES


class ByteView(Protocol):
    """What a reader of a module needs: a memoryview has it, and so has a file read in windows."""

    def __len__(self) -> int:
        """Return the number of bytes."""

    @overload
    def __getitem__(self, at: int, /) -> int: ...
    @overload
    def __getitem__(self, at: slice, /) -> Buffer: ...


class ModuleSource(Protocol):
    """A module in clear that gives the same bytes however often it is asked."""

    @property
    def digest(self) -> str:
        """The digest of all bytes."""

    @property
    def size(self) -> int:
        """The number of bytes."""

    def view(self) -> ByteView:
        """Return the bytes for reading here and there."""

    def chunks(self) -> Iterator[Buffer]:
        """Give all bytes from the start."""


class ModuleBytes:
    """A module that is in memory anyway. It is not copied."""

    def __init__(self, data: Buffer) -> None:
        self._view = memoryview(data).cast("B")
        self.size = len(self._view)

    @cached_property
    def digest(self) -> str:
        """The digest of all bytes."""
        return digest_of(self._view)

    def view(self) -> ByteView:
        """Return the bytes for reading here and there."""
        return self._view

    def chunks(self) -> Iterator[Buffer]:
        """Give all bytes from the start."""
        for start in range(0, self.size, _BLOCK):
            yield self._view[start : start + _BLOCK]


class ModuleFile:
    """A module in a file, read once here: from then on it gives those bytes or raises `SealError`.

    Takes the descriptor over, which is closed when nobody holds the module any more. Reads at
    positions of its own, so several threads may read at once. Raises `SealError`: too large, or
    not readable.
    """

    def __init__(self, descriptor: int) -> None:
        self._fd = descriptor
        weakref.finalize(self, os.close, descriptor)
        self.size = os.fstat(descriptor).st_size
        if self.size > limits.MODULE_BYTES:
            detail = f"module is {self.size} bytes, limit {limits.MODULE_BYTES}"
            raise SealError(SealRefusal.TOO_LARGE, detail)
        whole = hashlib.sha256()
        blocks: list[bytes] = []
        for index in range(-(-self.size // _BLOCK)):
            data = self._read(index)
            whole.update(data)
            blocks.append(hashlib.sha256(data).digest())
        self._blocks = tuple(blocks)
        self.digest = f"sha256:{whole.hexdigest()}"

    def view(self) -> ByteView:
        """Return the bytes for reading here and there; one block of them is kept."""
        return _Window(self)

    def chunks(self) -> Iterator[Buffer]:
        """Give all bytes from the start."""
        return (self.block(index) for index in range(len(self._blocks)))

    def block(self, index: int) -> bytes:
        """Return one block, or raise if it is not what it was at first."""
        data = self._read(index)
        grown = os.fstat(self._fd).st_size != self.size
        if grown or hashlib.sha256(data).digest() != self._blocks[index]:
            detail = "the module's file changed while it was being sealed"
            raise SealError(SealRefusal.MODULE_CHANGED, detail)
        return data

    def _read(self, index: int) -> bytes:
        start = index * _BLOCK
        expected = min(_BLOCK, self.size - start)
        parts: list[bytes] = []
        while expected:
            try:
                part = os.pread(self._fd, expected, start)
            except OSError as error:
                detail = f"the module's file: {error.strerror}"
                raise SealError(SealRefusal.STORE_UNUSABLE, detail) from error
            if not part:
                raise SealError(SealRefusal.MODULE_CHANGED, "the module's file became shorter")
            parts.append(part)
            start += len(part)
            expected -= len(part)
        return b"".join(parts)


class _Window:
    """Bytes of a file as if they were in memory. Holds the block that was read last."""

    def __init__(self, file: ModuleFile) -> None:
        self._file = file
        self._index = -1
        self._block = b""

    def __len__(self) -> int:
        return self._file.size

    @overload
    def __getitem__(self, at: int, /) -> int: ...
    @overload
    def __getitem__(self, at: slice, /) -> bytes: ...
    def __getitem__(self, at: int | slice, /) -> int | bytes:
        if isinstance(at, int):
            return self._load(at // _BLOCK)[at % _BLOCK]
        start, stop, _ = at.indices(self._file.size)
        parts: list[bytes] = []
        while start < stop:
            index, offset = divmod(start, _BLOCK)
            parts.append(self._load(index)[offset : offset + stop - start])
            start += len(parts[-1])
        return b"".join(parts)

    def _load(self, index: int) -> bytes:
        if index != self._index:
            self._block, self._index = self._file.block(index), index
        return self._block


def source_of(module: Buffer | ModuleSource) -> ModuleSource:
    """Return `module` as a source, whatever it is."""
    if isinstance(module, (bytes, bytearray, memoryview)):
        return ModuleBytes(module)
    return module


def fixed_source_of(module: Buffer | ModuleSource) -> ModuleSource:
    """Return `module` as a source that nobody can change any more: what may be encrypted twice.

    Copies a buffer that somebody could still write to.
    """
    if isinstance(module, (bytearray, memoryview)):
        return ModuleBytes(bytes(module))
    return source_of(module)
