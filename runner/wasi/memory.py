"""Guest memory as the host functions see it: every pointer is checked before it is used.

Pointers and lengths arrive as unsigned 32-bit numbers and Python integers do not wrap, so one
comparison against the current size of the memory decides. A bad one is EFAULT.
"""

from __future__ import annotations

from struct import Struct, unpack_from
from typing import Protocol

from runner.limits import MAX_PATH_BYTES, MAX_VECTORS
from runner.wasi.abi import Errno
from runner.wasi.errors import WasiError

_ONE_VECTOR = Struct("<2I")


class Memory(Protocol):
    """What the engine provides: a writable view of all bytes the guest has right now.

    The view may be another object after the guest has run, and must not be kept.
    """

    @property
    def view(self) -> memoryview:
        """The guest's memory."""
        ...


class NoMemory:
    """The memory of a guest that exports none: every pointer of it is bad."""

    __slots__ = ()

    @property
    def view(self) -> memoryview:
        """Nothing."""
        return memoryview(b"")


def region(view: memoryview, pointer: int, length: int) -> memoryview:
    """The guest's bytes at `pointer`, not copied. Raises `WasiError` if they are not all there."""
    end = pointer + length
    if end > len(view):
        raise WasiError(Errno.FAULT)
    return view[pointer:end]


def require_region(view: memoryview, pointer: int, length: int) -> None:
    """Raise `WasiError` unless the guest has `length` bytes at `pointer`."""
    if pointer + length > len(view):
        raise WasiError(Errno.FAULT)


def vectors(view: memoryview, pointer: int, count: int) -> list[memoryview]:
    """The buffers of an iovec array. Raises `WasiError` if any of it lies outside the memory."""
    if count > MAX_VECTORS:
        raise WasiError(Errno.INVAL)
    size = len(view)
    if pointer + 8 * count > size:
        raise WasiError(Errno.FAULT)
    if count == 1:
        # By far the most frequent call there is.
        start, length = _ONE_VECTOR.unpack_from(view, pointer)
        if start + length > size:
            raise WasiError(Errno.FAULT)
        return [view[start : start + length]]
    words = unpack_from(f"<{2 * count}I", view, pointer)
    buffers = []
    for index in range(0, 2 * count, 2):
        start = words[index]
        end = start + words[index + 1]
        if end > size:
            raise WasiError(Errno.FAULT)
        buffers.append(view[start:end])
    return buffers


def path_text(view: memoryview, pointer: int, length: int) -> str:
    """A path as text. Raises `WasiError` if it is outside, too long, no UTF-8, or holds a NUL."""
    raw = region(view, pointer, length)
    if length > MAX_PATH_BYTES:
        raise WasiError(Errno.NAMETOOLONG)
    try:
        text = bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise WasiError(Errno.ILSEQ) from None
    if "\0" in text:
        raise WasiError(Errno.INVAL)
    return text
