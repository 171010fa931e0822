"""A guest without an engine: it has memory, knows the ABI, and calls host functions by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policies.load import parse_document
from policies.models import CapabilityPolicy
from runner.engine.outcome import RunInputs, Sources
from runner.engine.setup import build_host
from runner.wasi.abi import ALL_RIGHTS, FDSTAT, FILESTAT, Errno, Rights
from runner.wasi.errors import WasiError
from runner.wasi.table import FUNCTIONS
from tests.guests.policies import capabilities

PAGE = 65536
# Where results go, and where strings and buffers are put.
RESULT = 1024
TEXT = 4096
BUFFER = 16384
FILE_RIGHTS = Rights.FD_READ | Rights.FD_WRITE | Rights.FD_SEEK | Rights.FD_TELL


class FakeMemory:
    """Guest memory in a bytearray."""

    def __init__(self, size: int = PAGE) -> None:
        self.view = memoryview(bytearray(size))


class FakeTime:
    """A clock that moves only when told to, and notes how long somebody wanted to sleep."""

    def __init__(self, *, stops: bool = False) -> None:
        self.now = 1_700_000_000_000_000_000
        self.slept: list[float] = []
        self.stops = stops

    def read(self) -> int:
        return self.now

    def pause(self, seconds: float) -> bool:
        self.slept.append(seconds)
        self.now += int(seconds * 1e9)
        return self.stops

    def stopped(self) -> bool:
        return self.stops


class FakeGuest:
    """Calls host functions and reads the results back, as a guest would."""

    def __init__(
        self,
        *,
        inputs: RunInputs | None = None,
        time: FakeTime | None = None,
        entropy: Any = bytes,
        **spec: Any,
    ) -> None:
        grant = parse_document(capabilities(**spec))
        assert isinstance(grant, CapabilityPolicy)
        self.time = time or FakeTime()
        self.out: list[bytes] = []
        self.err: list[bytes] = []
        self.host, self.streams = build_host(
            grant,
            inputs or RunInputs(),
            sources=Sources(self.time.read, self.time.read, entropy),
            sinks=(self.out.append, self.err.append),
            pause=self.time.pause,
            stopped=self.time.stopped,
        )
        self.memory = FakeMemory()
        self.host.memory = self.memory

    def call(self, name: str, *arguments: int) -> Errno:
        """The errno of a call."""
        try:
            return Errno(FUNCTIONS[name].call(self.host, *arguments))
        except WasiError as error:
            return error.errno

    def does(self, name: str, *arguments: int) -> None:
        """A call that must succeed."""
        assert self.call(name, *arguments) == Errno.SUCCESS, name

    def put(self, text: str | bytes, at: int = TEXT) -> tuple[int, int]:
        """Pointer and length of `text`, now in memory."""
        raw = text.encode() if isinstance(text, str) else text
        self.memory.view[at : at + len(raw)] = raw
        return at, len(raw)

    def u32(self, at: int = RESULT) -> int:
        return int.from_bytes(self.memory.view[at : at + 4], "little")

    def u64(self, at: int = RESULT) -> int:
        return int.from_bytes(self.memory.view[at : at + 8], "little")

    def bytes(self, length: int, at: int = BUFFER) -> bytes:
        return bytes(self.memory.view[at : at + length])

    def try_open(
        self,
        path: str | bytes,
        *,
        fd: int = 3,
        oflags: int = 0,
        rights: int = FILE_RIGHTS,
        inheriting: int = 0,
        follow: bool = False,
        fdflags: int = 0,
    ) -> Errno:
        return self.call(
            "path_open",
            fd,
            int(follow),
            *self.put(path),
            oflags,
            rights,
            inheriting,
            fdflags,
            RESULT,
        )

    def open(self, path: str, **how: Any) -> int:
        """The number of a descriptor for `path`."""
        errno = self.try_open(path, **how)
        assert errno == Errno.SUCCESS, (path, errno)
        return self.u32()

    def open_folder(self, path: str, *, fd: int = 3) -> int:
        """The number of a descriptor for a directory, with every right there is."""
        base = ALL_RIGHTS & ~(Rights.FD_WRITE | Rights.FD_ALLOCATE | Rights.FD_FILESTAT_SET_SIZE)
        return self.open(path, fd=fd, oflags=2, rights=base, inheriting=ALL_RIGHTS)

    def on_path(self, name: str, path: str | bytes, *, fd: int = 3) -> Errno:
        """Calls of the form (fd, path, length)."""
        return self.call(name, fd, *self.put(path))

    def mkdir(self, path: str, *, fd: int = 3) -> Errno:
        return self.on_path("path_create_directory", path, fd=fd)

    def rmdir(self, path: str, *, fd: int = 3) -> Errno:
        return self.on_path("path_remove_directory", path, fd=fd)

    def unlink(self, path: str, *, fd: int = 3) -> Errno:
        return self.on_path("path_unlink_file", path, fd=fd)

    def rename(self, old: str, new: str, *, fd: int = 3, new_fd: int = 3) -> Errno:
        return self.call("path_rename", fd, *self.put(old), new_fd, *self.put(new, TEXT + 4200))

    def link(self, old: str, new: str, *, fd: int = 3, new_fd: int = 3, lookup: int = 0) -> Errno:
        target = self.put(new, TEXT + 4200)
        return self.call("path_link", fd, lookup, *self.put(old), new_fd, *target)

    def symlink(self, target: str, path: str, *, fd: int = 3) -> Errno:
        return self.call("path_symlink", *self.put(target), fd, *self.put(path, TEXT + 4200))

    def readlink(self, path: str, size: int = 4096) -> tuple[Errno, bytes]:
        errno = self.call("path_readlink", 3, *self.put(path), BUFFER, size, RESULT)
        return errno, b"" if errno else self.bytes(self.u32())

    def stat(self, path: str, *, follow: bool = False, fd: int = 3) -> Mapping[str, int] | Errno:
        """The `filestat` of a path, or the errno."""
        errno = self.call("path_filestat_get", fd, int(follow), *self.put(path), RESULT)
        return errno or self._filestat()

    def fstat(self, fd: int) -> Mapping[str, int]:
        self.does("fd_filestat_get", fd, RESULT)
        return self._filestat()

    def fdstat(self, fd: int) -> tuple[int, ...]:
        """Type, flags, rights, inheriting rights."""
        self.does("fd_fdstat_get", fd, RESULT)
        return FDSTAT.unpack(self.memory.view[RESULT : RESULT + FDSTAT.size])

    def iovs(self, *buffers: tuple[int, int], at: int = 512) -> tuple[int, int]:
        """Pointer and count of an iovec array."""
        raw = b"".join(n.to_bytes(4, "little") for buffer in buffers for n in buffer)
        self.put(raw, at)
        return at, len(buffers)

    def try_write(self, fd: int, data: bytes) -> tuple[Errno, int]:
        errno = self.call("fd_write", fd, *self.iovs(self.put(data, BUFFER)), RESULT)
        return errno, 0 if errno else self.u32()

    def write(self, fd: int, data: bytes) -> None:
        assert self.try_write(fd, data) == (Errno.SUCCESS, len(data))

    def try_read(self, fd: int, size: int = 4096) -> tuple[Errno, bytes]:
        errno = self.call("fd_read", fd, *self.iovs((BUFFER, size)), RESULT)
        return errno, b"" if errno else self.bytes(self.u32())

    def read(self, fd: int, size: int = 4096) -> bytes:
        errno, data = self.try_read(fd, size)
        assert errno == Errno.SUCCESS
        return data

    def make(self, path: str, data: bytes = b"") -> None:
        """A file with contents, closed again."""
        fd = self.open(path, oflags=1)
        if data:
            self.write(fd, data)
        self.does("fd_close", fd)

    def contents(self, path: str) -> bytes:
        fd = self.open(path, rights=Rights.FD_READ)
        data = self.read(fd)
        self.does("fd_close", fd)
        return data

    def denials(self) -> dict[str, int]:
        return {denial.code: denial.count for denial in self.host.denials.list()}

    def _filestat(self) -> dict[str, int]:
        names = ("dev", "ino", "filetype", "nlink", "size", "atim", "mtim", "ctim")
        values = FILESTAT.unpack(self.memory.view[RESULT : RESULT + FILESTAT.size])
        return dict(zip(names, values, strict=True))
