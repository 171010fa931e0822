"""Open things and their numbers: streams, files, directories.

A descriptor holds its rights and does what it can; what a kind of descriptor cannot do answers with
the errno that POSIX gives for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from runner.ending import Ending
from runner.wasi.abi import (
    DIRECTORY_RIGHTS,
    FDSTAT,
    FILE_RIGHTS,
    FILESTAT,
    OFFSET_MAX,
    STREAM_RIGHTS,
    Errno,
    FdFlags,
    FileType,
    Rights,
    Whence,
)
from runner.wasi.errors import GuestStopped, WasiError
from runner.wasi.tree import DirectoryNode, FileNode, Node, Tree

Sink = Callable[[bytes], None]

_SEEKING = Rights.FD_SEEK | Rights.FD_TELL
_MODE = Rights.FD_READ | Rights.FD_WRITE
# What only makes sense below a directory.
_ON_PATHS = DIRECTORY_RIGHTS & ~FILE_RIGHTS


class Descriptor:
    """What all kinds share. A right that is missing raises `WasiError`."""

    FILETYPE: ClassVar[int] = FileType.UNKNOWN

    def __init__(self, *, rights: int, inheriting: int = 0, flags: int = 0) -> None:
        self.rights = rights
        self.inheriting = inheriting
        self.flags = flags

    def need(self, right: int) -> None:
        """Raise `WasiError` unless this descriptor has `right`."""
        if self.rights & right != right:
            raise WasiError(self.errno_without(right))

    def errno_without(self, right: int) -> Errno:
        """What a caller without `right` is told."""
        if right & _ON_PATHS:
            return Errno.NOTDIR
        return Errno.BADF if right & _MODE else Errno.NOTCAPABLE

    def fdstat(self) -> bytes:
        """The `fdstat` structure."""
        return FDSTAT.pack(self.FILETYPE, self.flags, self.rights, self.inheriting)

    def filestat(self) -> bytes:
        """The `filestat` structure."""
        return FILESTAT.pack(0, 0, self.FILETYPE, 1, 0, 0, 0, 0)

    def read(self, buffers: Sequence[memoryview]) -> int:  # noqa: ARG002  for those who can
        """Fill `buffers` at the offset; EBADF for what cannot be read."""
        raise WasiError(Errno.BADF)

    def write(self, buffers: Sequence[memoryview]) -> int:  # noqa: ARG002  for those who can
        """Write `buffers` at the offset; EBADF for what cannot be written."""
        raise WasiError(Errno.BADF)

    def close(self) -> None:
        """Let go of what is held."""


class Stream(Descriptor):
    """Standard input, output or error: no offset, no size."""

    def errno_without(self, right: int) -> Errno:
        """Seeking in a stream is ESPIPE."""
        return Errno.SPIPE if right & _SEEKING else super().errno_without(right)


class InputStream(Stream):
    """Bytes that were given before the start, then end of file.

    `on_read` is called at each reading of a stream that was not granted, which is empty.
    """

    def __init__(self, data: bytes, on_read: Callable[[], None] | None = None) -> None:
        super().__init__(rights=STREAM_RIGHTS | Rights.FD_READ)
        self._data = memoryview(data)
        self._on_read = on_read

    @property
    def left(self) -> int:
        """How many bytes can still be read."""
        return len(self._data)

    def read(self, buffers: Sequence[memoryview]) -> int:
        """Fill `buffers` as far as there is something."""
        if self._on_read:
            self._on_read()
        total = 0
        for buffer in buffers:
            size = min(len(buffer), len(self._data))
            buffer[:size] = self._data[:size]
            self._data = self._data[size:]
            total += size
        return total


class OutputStream(Stream):
    """Hands what the guest writes to a sink until its quota is full."""

    def __init__(
        self, sink: Sink, *, max_bytes: int, trap: bool, on_full: Callable[[], None]
    ) -> None:
        super().__init__(rights=STREAM_RIGHTS | Rights.FD_WRITE)
        self._sink = sink
        self._room = max_bytes
        self._trap = trap
        self._on_full = on_full
        self.written = 0

    def write(self, buffers: Sequence[memoryview]) -> int:
        """Write what fits; at the quota the guest is stopped or told ENOSPC, as the policy says."""
        total = len(buffers[0]) if len(buffers) == 1 else sum(map(len, buffers))
        if total > self._room - self.written:
            return self._fill(buffers)
        if total:
            self.written += total
            self._sink(b"".join(buffers))
        return total

    def _fill(self, buffers: Sequence[memoryview]) -> int:
        """Take what still fits, and say that it was not all."""
        room = self._room - self.written
        data = bytearray()
        for buffer in buffers:
            data += buffer[: room - len(data)]
        self._on_full()
        if data:
            self.written += room
            self._sink(bytes(data))
        if self._trap:
            raise GuestStopped(Ending.OUTPUT)
        if not data:
            raise WasiError(Errno.NOSPC)
        return room


class TreeDescriptor(Descriptor):
    """Something open in a tree. While it is open its contents stay."""

    def __init__(
        self, tree: Tree, node: Node, *, rights: int, inheriting: int, flags: int = 0
    ) -> None:
        super().__init__(rights=rights, inheriting=inheriting, flags=flags)
        self.tree = tree
        self.held = node
        tree.opened(node)

    def filestat(self) -> bytes:
        """The inode's `filestat`."""
        return node_filestat(self.tree, self.held)

    def close(self) -> None:
        """The inode loses one holder."""
        self.tree.closed(self.held)


def node_filestat(tree: Tree, node: Node) -> bytes:
    """The `filestat` structure of an inode."""
    return FILESTAT.pack(
        tree.device, node.inode, node.FILETYPE, node.links,
        node.size, node.atime, node.mtime, node.ctime,
    )  # fmt: skip


class OpenFile(TreeDescriptor):
    """A regular file with an offset."""

    FILETYPE = FileType.REGULAR_FILE

    def __init__(
        self, tree: Tree, node: FileNode, *, rights: int, inheriting: int, flags: int
    ) -> None:
        super().__init__(tree, node, rights=rights, inheriting=inheriting, flags=flags)
        self.node = node
        self.offset = 0

    def read(self, buffers: Sequence[memoryview]) -> int:
        """Read at the offset and move it."""
        size = self.pread(buffers, self.offset)
        self.offset += size
        return size

    def write(self, buffers: Sequence[memoryview]) -> int:
        """Write at the offset, or at the end if the file is open for appending."""
        if self.flags & FdFlags.APPEND:
            self.offset = len(self.node.data)
        size = self.pwrite(buffers, self.offset)
        self.offset += size
        return size

    def pread(self, buffers: Sequence[memoryview], offset: int) -> int:
        """Read at `offset`."""
        begin = offset
        with memoryview(self.node.data) as data:
            for buffer in buffers:
                size = min(len(buffer), max(len(data) - offset, 0))
                buffer[:size] = data[offset : offset + size]
                offset += size
        return offset - begin

    def pwrite(self, buffers: Sequence[memoryview], offset: int) -> int:
        """Write at `offset`."""
        return self.tree.write(self.node, offset, buffers)

    def seek(self, offset: int, whence: int) -> int:
        """Move the offset and return it. Beyond the end is fine, before the start is not."""
        starts = {Whence.SET: 0, Whence.CUR: self.offset, Whence.END: len(self.node.data)}
        if whence not in starts:
            raise WasiError(Errno.INVAL)
        target = starts[whence] + offset
        if not 0 <= target <= OFFSET_MAX:
            raise WasiError(Errno.INVAL)
        self.offset = target
        return target


class OpenDirectory(TreeDescriptor):
    """A directory: where paths start. `preopen` is its name if the guest was given it."""

    FILETYPE = FileType.DIRECTORY

    def __init__(
        self,
        tree: Tree,
        node: DirectoryNode,
        *,
        rights: int,
        inheriting: int,
        flags: int = 0,
        preopen: str | None = None,
    ) -> None:
        super().__init__(tree, node, rights=rights, inheriting=inheriting, flags=flags)
        self.node = node
        self.preopen = preopen

    def errno_without(self, right: int) -> Errno:
        """A directory is not read, written or resized like a file: EISDIR."""
        return Errno.ISDIR if right & ~DIRECTORY_RIGHTS else Errno.NOTCAPABLE


class DescriptorTable:
    """Numbers to descriptors; the lowest free number is given out, as POSIX demands."""

    def __init__(self, *, max_open: int, on_full: Callable[[], None]) -> None:
        self._open: dict[int, Descriptor] = {}
        self._max_open = max_open
        self._on_full = on_full

    def get(self, number: int) -> Descriptor:
        """The descriptor, or raise `WasiError`."""
        try:
            return self._open[number]
        except KeyError:
            raise WasiError(Errno.BADF) from None

    def directory(self, number: int, right: int) -> OpenDirectory:
        """The directory under that number if it has `right`, or raise `WasiError`."""
        descriptor = self.get(number)
        if not isinstance(descriptor, OpenDirectory):
            raise WasiError(Errno.NOTDIR)
        descriptor.need(right)
        return descriptor

    def check_room(self) -> None:
        """Raise `WasiError` if the guest has as much open as it may."""
        if len(self._open) >= self._max_open:
            self._on_full()
            raise WasiError(Errno.MFILE)

    def add(self, descriptor: Descriptor) -> int:
        """Give `descriptor` the lowest free number and return it."""
        number = 0
        while number in self._open:
            number += 1
        self._open[number] = descriptor
        return number

    def close(self, number: int) -> None:
        """Close it, or raise `WasiError`."""
        self.get(number).close()
        del self._open[number]

    def renumber(self, source: int, target: int) -> None:
        """Move `source` over `target`; both must be open."""
        moved = self.get(source)
        replaced = self.get(target)
        if source != target:
            replaced.close()
            self._open[target] = moved
            del self._open[source]
