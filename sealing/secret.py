"""Memory for plaintext and keys that is kept out of swap and core files as far as we can."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from types import TracebackType
from typing import Self

_LIBC = ctypes.CDLL(None, use_errno=True)


class SecretBuffer:
    """One private anonymous mapping; its content is in no repr, no log and no core file.

    Locking into RAM is best effort (`locked` tells): RLIMIT_MEMLOCK is small by default.
    Copies that others make of `view` are theirs to clear. Raises `ValueError` for a size below 1.
    """

    __slots__ = ("_map", "_view", "locked")

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"a secret buffer holds at least one byte, got size {size}")
        self._map = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._map.madvise(mmap.MADV_DONTDUMP)
        self._view = memoryview(self._map)
        self.locked = _LIBC.mlock(self._address(), ctypes.c_size_t(size)) == 0

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview) -> Self:
        """Return a buffer holding a copy of `data`; the original stays the caller's to clear."""
        buffer = cls(len(data))
        buffer.view[:] = data
        return buffer

    @property
    def view(self) -> memoryview:
        """The writable bytes. Raises `ValueError` after `wipe`."""
        return self._view[:]

    def clear(self) -> None:
        """Overwrite the content with zeros and keep the memory."""
        ctypes.memset(self._address(), 0, len(self._map))

    def wipe(self) -> None:
        """Overwrite the content with zeros and give the memory back. Safe to call again.

        While somebody still holds a view the zeroed mapping stays, as they would read freed memory.
        """
        if self._map.closed:
            return
        self.clear()
        self._view.release()
        with contextlib.suppress(BufferError):
            self._map.close()

    def _address(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(self._map)))

    def __len__(self) -> int:
        return 0 if self._map.closed else len(self._map)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return f"<SecretBuffer of {len(self)} bytes>"

    def __reduce__(self) -> str:
        raise TypeError("a secret buffer is not pickled")
