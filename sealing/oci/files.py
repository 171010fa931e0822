"""A folder held open: no link inside it is followed, and a file appears whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from sealing.canonical import Buffer
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.stopping import sleep

TEMPORARY_PREFIX = ".sealwasm-"

# What a name that is no plain file or folder gives: link, other kind of file, folder.
_WRONG_KIND = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO)
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Folder:
    """An open folder. Names are single path components chosen by us, never by a document.

    Methods raise `SealError`: `seal-not-found`, `seal-store-malformed` for a link or a special
    file, `seal-store-unusable` for what the system refuses (permission, full disk).
    """

    def __init__(self, fd: int, path: str) -> None:
        self._fd = fd
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Return the folder at `path`, which is the caller's own: links on the way are followed."""
        with _reported(str(path)):
            return cls(os.open(path, _FOLDER), str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)

    def folder(self, name: str) -> Folder:
        """Return the folder `name` in this one."""
        path = f"{self._path}/{name}"
        with _reported(path):
            return Folder(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self._fd), path)

    def make_folder(self, name: str) -> None:
        """Make the folder `name` unless there is one."""
        with _reported(f"{self._path}/{name}"):
            try:
                os.mkdir(name, dir_fd=self._fd)
            except FileExistsError:
                return
            os.fsync(self._fd)

    def names(self) -> list[str]:
        """Return the names of everything in the folder."""
        with _reported(self._path):
            return os.listdir(self._fd)  # noqa: PTH208 - a descriptor, not a path

    def size(self, name: str) -> int:
        """Return the size of the file `name`."""
        fd, size = self._open_file(name)
        os.close(fd)
        return size

    def read(self, name: str, *, limit_bytes: int) -> bytes:
        """Return the file `name`, or raise `seal-too-large`."""
        buffer = io.BytesIO()

        def feed(chunk: bytes) -> None:
            if buffer.tell() + len(chunk) > limit_bytes:
                raise SealError(
                    SealRefusal.TOO_LARGE, f"{self._path}/{name} exceeds {limit_bytes} bytes"
                )
            buffer.write(chunk)

        self.stream(name, feed)
        return buffer.getvalue()

    def stream(self, name: str, feed: Callable[[bytes], None]) -> None:
        """Give the file `name` to `feed` piece by piece; `feed` bounds it by raising."""
        fd, _ = self._open_file(name)
        try:
            while chunk := self._read_chunk(fd, name):
                feed(chunk)
        finally:
            os.close(fd)

    def write(self, name: str, chunks: Iterable[Buffer]) -> None:
        """Put the file `name` in place of what was there, in one step that survives a crash."""
        temporary = f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
        with _reported(f"{self._path}/{name}"), ExitStack() as undo:
            fd = os.open(temporary, _WRITE, 0o644, dir_fd=self._fd)
            undo.callback(self._remove, temporary)
            with os.fdopen(fd, "wb") as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(fd)
            os.replace(temporary, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            undo.pop_all()
            os.fsync(self._fd)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers of ours out; the kernel drops the lock when the process ends.

        Whoever may look into the folder can hold it, so nobody waits for it without end.
        """
        with _reported(self._path):
            tries = limits.LOCK_TRIES
            while not self._lock():
                tries -= 1
                if not tries:
                    detail = f"{self._path} is kept locked by another program"
                    raise SealError(SealRefusal.STORE_UNUSABLE, detail)
                sleep(limits.LOCK_WAIT_SECONDS)
        try:
            yield
        finally:
            # Ctrl-C between two lines may have closed the folder already, and with it the lock.
            with suppress(OSError):
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _lock(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _remove(self, name: str) -> None:
        # Ctrl-C right after the renaming: what ends us is that, and not that nothing is left to do.
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def _open_file(self, name: str) -> tuple[int, int]:
        path = f"{self._path}/{name}"
        with _reported(path), ExitStack() as undo:
            fd = os.open(name, _READ, dir_fd=self._fd)
            undo.callback(os.close, fd)
            status = os.fstat(fd)
            # A named pipe or a device could block or never end.
            if not stat.S_ISREG(status.st_mode):
                raise SealError(SealRefusal.STORE_MALFORMED, f"{path} is not a plain file")
            undo.pop_all()
            return fd, status.st_size

    def _read_chunk(self, fd: int, name: str) -> bytes:
        with _reported(f"{self._path}/{name}"):
            return os.read(fd, limits.CHUNK_BYTES)


@contextmanager
def _reported(path: str) -> Iterator[None]:
    """Turn what the system says about `path` into our error."""
    try:
        yield
    except FileNotFoundError as error:
        raise SealError(SealRefusal.NOT_FOUND, f"{path} does not exist") from error
    except OSError as error:
        wrong = error.errno in _WRONG_KIND
        code = SealRefusal.STORE_MALFORMED if wrong else SealRefusal.STORE_UNUSABLE
        raise SealError(code, f"{path}: {error.strerror}") from error
