"""Guest memory that we map ourselves, so that we know its size, its limit and when it was refused.

The engine asks for a memory, for growth and for its end through callbacks. The whole range is
reserved at once and never moves; what the guest does not have yet is not accessible, so the
engine's guard pages hold. Memory is left out of core files; unmapping gives the pages back to the
kernel, which clears them.
"""

from __future__ import annotations

import ctypes
import mmap
from ctypes import c_int, c_long, c_size_t, c_void_p
from typing import Any

from runner.engine.capi import (
    NO_FINALIZER,
    Finalizer,
    GetMemory,
    GrowMemory,
    LinearMemory,
    MemoryCreator,
    NewMemory,
)
from runner.engine.trampoline import shielded

_PROT_NONE = 0
_MAP_NORESERVE = 0x4000
_FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
_READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE
_MAP_FAILED = c_void_p(-1).value
_WRITABLE_VIEW = 0x200  # PyBUF_WRITE
_NO_BYTES = memoryview(b"")

_libc = ctypes.CDLL(None, use_errno=True)
_mmap = ctypes.CFUNCTYPE(
    c_void_p, c_void_p, c_size_t, c_int, c_int, c_int, c_long, use_errno=True
)(("mmap", _libc))  # fmt: skip
_mprotect = ctypes.CFUNCTYPE(c_int, c_void_p, c_size_t, c_int, use_errno=True)(("mprotect", _libc))
_madvise = ctypes.CFUNCTYPE(c_int, c_void_p, c_size_t, c_int)(("madvise", _libc))
_munmap = ctypes.CFUNCTYPE(c_int, c_void_p, c_size_t)(("munmap", _libc))
_view_of = ctypes.PYFUNCTYPE(ctypes.py_object, c_void_p, ctypes.c_ssize_t, c_int)(
    ("PyMemoryView_FromMemory", ctypes.pythonapi)
)


class GuestMemory:
    """One linear memory. `view` is all the guest has right now; it must not be kept."""

    def __init__(self, size: int, *, reserve: int, guard: int) -> None:
        # How far it can grow where it is.
        self.capacity = max(reserve, size)
        self._mapped = self.capacity + guard
        address = _mmap(None, self._mapped, _PROT_NONE, _FLAGS, -1, 0)
        if address in {None, _MAP_FAILED}:
            raise OSError(ctypes.get_errno(), "guest memory cannot be reserved")
        self.address: int = address
        self.size = 0
        self.view = _NO_BYTES
        _madvise(address, self._mapped, mmap.MADV_DONTDUMP)
        try:
            self.grow(size)
        except OSError:
            self.unmap()
            raise

    def grow(self, size: int) -> None:
        """Make the first `size` bytes accessible. Raises `OSError`."""
        if size > self.size:
            added = self.address + self.size
            if _mprotect(added, size - self.size, _READ_WRITE):
                raise OSError(ctypes.get_errno(), "guest memory cannot be made accessible")
            self.size = size
            self.view = _view_of(self.address, size, _WRITABLE_VIEW)

    def unmap(self) -> None:
        """Give everything back. Nobody may hold a part of `view` any more."""
        self.view = _NO_BYTES
        _munmap(self.address, self._mapped)


class MemorySource:
    """Makes the memories of one engine, none larger than the limit that is set before each run.

    Must live at least as long as the engine: it holds the callbacks.
    """

    def __init__(self, new_error: Any) -> None:
        self.limit = 0
        self.refusals = 0
        # All the running guest has right now, as `runner.wasi.memory.Memory` wants it.
        self.view = _NO_BYTES
        self.latest: GuestMemory | None = None
        self._memories: dict[int, GuestMemory] = {}
        self._next_key = 1
        self._new_error = new_error
        self._get = GetMemory(self._on_get)
        self._grow = shielded(GrowMemory, self._on_grow, self._error)
        self._end = Finalizer(self._on_end)
        new = shielded(NewMemory, self._on_new, self._error)
        self.creator = MemoryCreator(None, new, NO_FINALIZER)

    def begin(self, limit: int) -> None:
        """A new run with this limit."""
        self.limit = limit
        self.refusals = 0
        self.latest = None
        self.view = _NO_BYTES

    @property
    def alive(self) -> int:
        """How many memories are mapped."""
        return len(self._memories)

    def _error(self, _error: BaseException) -> int:
        return int(self._new_error(b"guest memory refused"))

    def _fits(self, size: int) -> bool:
        if size > self.limit:
            self.refusals += 1
            return False
        return True

    def _on_new(
        self, _env: Any, _type: Any, size: int, _maximum: int, reserve: int, guard: int, out: Any
    ) -> int:
        if not self._fits(size):
            return int(self._new_error(b"guest memory exceeds its limit"))
        memory = GuestMemory(size, reserve=reserve, guard=guard)
        key = self._next_key
        self._next_key += 1
        self._memories[key] = self.latest = memory
        self.view = memory.view
        out[0] = LinearMemory(key, self._get, self._grow, self._end)
        return 0

    def _on_get(self, key: int, size: Any, capacity: Any) -> int:
        memory = self._memories[key]
        size[0], capacity[0] = memory.size, memory.capacity
        return memory.address

    def _on_grow(self, key: int, size: int) -> int:
        if not self._fits(size):
            return int(self._new_error(b"guest memory exceeds its limit"))
        memory = self._memories[key]
        memory.grow(size)
        self.view = memory.view
        return 0

    def _on_end(self, key: int) -> None:
        self.view = _NO_BYTES
        self._memories.pop(key).unmap()
