"""Host folders that a grant lets in: read into memory before a run, written back after it.

The supervisor does this; a worker never opens a file. No symbolic link is followed on the way down
from the folder the operator named, and nothing is opened by a path of more than one component.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from runner.errors import RunnerCode, RunnerError
from runner.worker import limits

FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe that somebody put there must not wait for its writer.
FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CREATE_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder's files by relative path. `left_out`: links, devices, unusable names.

    A folder without files is not told: the guest's tree is made of files.
    """

    files: Mapping[str, bytes] = field(repr=False)
    left_out: tuple[str, ...] = ()


def check_relative(path: str) -> tuple[str, ...]:
    """Return the components of a path that stays inside its folder, or raise `RunnerError`."""
    parts = tuple(path.split("/"))
    usable = all(part not in {"", ".", ".."} and _name_fits(part) for part in parts)
    if not usable or len(parts) > limits.MAX_PATH_DEPTH:
        raise RunnerError(RunnerCode.PATH_REFUSED, f"{path[:64]!r} is not a path inside a folder")
    return parts


def read_tree(host: Path, *, max_bytes: int, max_files: int) -> Tree:
    """Return the regular files below `host`, at most `max_files` of `max_bytes` together.

    Raises `RunnerError` if there is no such folder, something in it cannot be read, or it is too
    large: a part of a folder is never passed off as the whole.
    """
    reader = _Reader(max_bytes, max_files)
    try:
        root = os.open(host, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with _closing(root):
            reader.folder(root, ())
    except OSError as error:
        raise RunnerError(RunnerCode.INPUT_MISSING, f"{host}: {error.strerror}") from error
    return Tree(reader.files, tuple(sorted(reader.left_out)))


class _Reader:
    """One walk, with what is left of its bounds."""

    def __init__(self, max_bytes: int, max_files: int) -> None:
        self.files: dict[str, bytes] = {}
        self.left_out: list[str] = []
        self._bytes = max_bytes
        self._files = max_files
        self._folders = limits.MAX_FOLDERS

    def folder(self, descriptor: int, prefix: tuple[str, ...]) -> None:
        """Read everything in the open folder `descriptor`, which lies at `prefix`."""
        for name in sorted(os.listdir(descriptor)):
            path = (*prefix, name)
            mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
            if not _name_fits(name) or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                self.left_out.append(ascii("/".join(path))[1:-1])
            elif stat.S_ISDIR(mode):
                self._enter(descriptor, path)
            else:
                self._file(descriptor, path)

    def _enter(self, descriptor: int, path: tuple[str, ...]) -> None:
        self._folders -= 1
        if self._folders < 0 or len(path) >= limits.MAX_PATH_DEPTH:
            detail = f"more than {limits.MAX_FOLDERS} folders or {limits.MAX_PATH_DEPTH} levels"
            raise _too_large(detail)
        with _closing(os.open(path[-1], FOLDER_FLAGS, dir_fd=descriptor)) as inner:
            self.folder(inner, path)

    def _file(self, descriptor: int, path: tuple[str, ...]) -> None:
        self._files -= 1
        if self._files < 0:
            raise _too_large("more files than max-files")
        with _closing(os.open(path[-1], FILE_FLAGS, dir_fd=descriptor)) as file:
            # Looked at again: between listing and opening somebody may have put a device there.
            if not stat.S_ISREG(os.fstat(file).st_mode):
                self.left_out.append("/".join(path))
                return
            data = _read_at_most(file, self._bytes + 1)
        self._bytes -= len(data)
        if self._bytes < 0:
            raise _too_large("more bytes than max-bytes")
        self.files["/".join(path)] = data


def write_back(
    host: Path,
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    *,
    token: Callable[[], str] = lambda: secrets.token_hex(8),
) -> tuple[str, ...]:
    """Make `host` hold what the guest left; return the paths that were written or removed.

    Every new content lies complete beside its target before the first target changes. Files that
    were not in `before` and are not in `after` are not touched. Raises `RunnerError`; then nothing
    or, if the disk fails between two renames, a part of the files is changed, each as a whole.
    """
    changed = {path: data for path, data in after.items() if before.get(path) != data}
    gone = sorted(set(before) - set(after))
    for path in (*changed, *gone):
        check_relative(path)
    try:
        with _closing(os.open(host, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as root:
            _write_all(root, changed, token)
            for path in gone:
                parts = check_relative(path)
                with _beneath(root, parts[:-1], make=False) as folder_descriptor:
                    os.unlink(parts[-1], dir_fd=folder_descriptor)
    except OSError as error:
        raise RunnerError(RunnerCode.WRITE_BACK_FAILED, f"{host}: {error.strerror}") from error
    return tuple(sorted([*changed, *gone]))


def _write_all(root: int, changed: Mapping[str, bytes], token: Callable[[], str]) -> None:
    """Write every file under a name of ours, then rename each; leave no such name behind."""
    with contextlib.ExitStack() as cleanup:
        renames = []
        for path, data in sorted(changed.items()):
            *above, name = check_relative(path)
            # Opened anew each time: a guest may leave more folders than we can hold descriptors.
            with _beneath(root, tuple(above)) as folder:
                temporary = f".sealwasm-{token()}"
                cleanup.callback(_unlink_if_there, root, tuple(above), temporary)
                _write_new(folder, temporary, data)
            renames.append((tuple(above), temporary, name))
        for above_it, temporary, name in renames:
            with _beneath(root, above_it) as folder:
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)


def _write_new(folder: int, name: str, data: bytes) -> None:
    with _closing(os.open(name, CREATE_FLAGS, 0o666, dir_fd=folder)) as file:
        with memoryview(data) as view:
            done = 0
            while done < len(view):
                done += os.write(file, view[done:])
        os.fsync(file)


def _unlink_if_there(root: int, above: tuple[str, ...], name: str) -> None:
    with contextlib.suppress(FileNotFoundError), _beneath(root, above, make=False) as folder:
        os.unlink(name, dir_fd=folder)


@contextlib.contextmanager
def _beneath(root: int, parts: tuple[str, ...], *, make: bool = True) -> Iterator[int]:
    """Open the folder `parts` below `root`, one component at a time; `make` what is missing."""
    with contextlib.ExitStack() as stack:
        current = stack.enter_context(_closing(os.dup(root)))
        for part in parts:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=current)
            current = stack.enter_context(_closing(os.open(part, FOLDER_FLAGS, dir_fd=current)))
        yield current


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read_at_most(file: int, count: int) -> bytes:
    pieces = []
    while count > 0 and (piece := os.read(file, min(count, 1 << 20))):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _name_fits(name: str) -> bool:
    """Whether a name is UTF-8, without NUL, and short enough for any file system."""
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return b"\0" not in encoded and len(encoded) <= limits.MAX_NAME_BYTES


def _too_large(detail: str) -> RunnerError:
    return RunnerError(RunnerCode.INPUT_TOO_LARGE, detail)
