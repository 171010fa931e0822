"""A module with a signature inside, on its way into an artifact: never whole in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import overload

from sealing.canonical import Buffer
from sealing.keys import Signer
from sealing.module_source import ByteView, ModuleSource
from sealing.wasm.signature import behind_header, signature_parts


class SignedModule:
    """What `sign_module` returns, piece by piece; itself a `ModuleSource`."""

    def __init__(self, module: ModuleSource, key: Signer, *, delimiter: bytes) -> None:
        """Sign `module`; raises as `signature_parts`."""
        self._module = module
        self._head, self._tail = signature_parts(
            module.view(), module.chunks(), key, delimiter=delimiter
        )
        whole = hashlib.sha256()
        self.size = 0
        for piece in self.chunks():
            whole.update(piece)
            self.size += len(piece)
        self.digest = f"sha256:{whole.hexdigest()}"

    def view(self) -> ByteView:
        """Return the bytes for reading here and there."""
        return _Joined(self._head, self._module.view(), self._tail, self.size)

    def chunks(self) -> Iterator[Buffer]:
        """Give all bytes from the start."""
        yield self._head
        yield from behind_header(self._module.chunks())
        yield self._tail


class _Joined:
    """Head, module behind its header, and tail as if they were one."""

    def __init__(self, head: bytes, module: ByteView, tail: bytes, size: int) -> None:
        self._head, self._module, self._tail, self._size = head, module, tail, size
        self._tail_start = size - len(tail)
        # How much later a byte of the module stands here than there.
        self._shift = self._tail_start - len(module)

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int, /) -> int: ...
    @overload
    def __getitem__(self, at: slice, /) -> bytes: ...
    def __getitem__(self, at: int | slice, /) -> int | bytes:
        if isinstance(at, int):
            if at < len(self._head):
                return self._head[at]
            if at >= self._tail_start:
                return self._tail[at - self._tail_start]
            return self._module[at - self._shift]
        start, stop, _ = at.indices(self._size)
        first = self._head[start:stop]
        inner = slice(
            max(start, len(self._head)) - self._shift, min(stop, self._tail_start) - self._shift
        )
        middle = bytes(self._module[inner]) if inner.start < inner.stop else b""
        last = self._tail[max(start - self._tail_start, 0) : max(stop - self._tail_start, 0)]
        return first + middle + last
