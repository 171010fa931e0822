"""Our files against the kernel's: the same operations, the same answers, the same tree."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.wasi.abi import Errno, Rights
from tests.fakes.guest import FakeGuest
from tests.guests.policies import folder

# What the kernel says, and what we may say instead.
NAMES = {
    # Two things are wrong with a renaming, and we look at the old name first.
    errno.ENOENT: {Errno.NOENT, Errno.INVAL},
    errno.EEXIST: {Errno.EXIST},
    errno.ENOTDIR: {Errno.NOTDIR, Errno.INVAL},
    # A name with a slash, a dot or two dots at its end, to be unlinked or written.
    errno.EISDIR: {Errno.ISDIR, Errno.NOTDIR, Errno.INVAL},
    # Also: a file to be renamed to a directory it lies in.
    errno.ENOTEMPTY: {Errno.NOTEMPTY, Errno.ISDIR, Errno.INVAL},
    errno.EINVAL: {Errno.INVAL},
    # A path that ends in a dot, to be renamed.
    errno.EBUSY: {Errno.INVAL},
    errno.ELOOP: {Errno.LOOP},
    errno.EPERM: {Errno.PERM},
}
PATHS = st.sampled_from(
    ["a", "b", "c", "a/", "b/", "a/b", "a/c", "b/a", "b/c/", "./a", "a/.", "a//b", "a/../b", "l",
     "l/", "l/a", "l/../a", "c/l", "a/b/c", "m", "a/m/b"]
)  # fmt: skip
TARGETS = st.sampled_from(["a", "b", "a/b", "nowhere", "l", "../a", ".", "a/", "../b/c"])
DATA = st.binary(min_size=1, max_size=20)
OPERATION = st.one_of(
    st.tuples(st.just("mkdir"), PATHS),
    st.tuples(st.just("rmdir"), PATHS),
    st.tuples(st.just("unlink"), PATHS),
    st.tuples(st.just("rename"), PATHS, PATHS),
    st.tuples(st.just("link"), PATHS, PATHS),
    st.tuples(st.just("symlink"), TARGETS, PATHS),
    st.tuples(st.just("write"), PATHS, DATA, st.booleans()),
    st.tuples(st.just("append"), PATHS, DATA),
    st.tuples(st.just("truncate"), PATHS, st.integers(0, 30)),
    st.tuples(st.just("read"), PATHS, st.booleans()),
    st.tuples(st.just("stat"), PATHS, st.booleans()),
    st.tuples(st.just("readlink"), PATHS),
)
ALL = (1 << 28) - 1


class Kernel:
    """The operations on a real directory, two levels down so that `..` has somewhere to go."""

    def __init__(self, root: Path) -> None:
        self.at = os.open(root, os.O_RDONLY)

    def close(self) -> None:
        os.close(self.at)

    def mkdir(self, path: str) -> None:
        os.mkdir(path, dir_fd=self.at)

    def rmdir(self, path: str) -> None:
        os.rmdir(path, dir_fd=self.at)

    def unlink(self, path: str) -> None:
        os.unlink(path, dir_fd=self.at)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self.at, dst_dir_fd=self.at)

    def link(self, old: str, new: str) -> None:
        os.link(old, new, src_dir_fd=self.at, dst_dir_fd=self.at, follow_symlinks=False)

    def symlink(self, target: str, path: str) -> None:
        os.symlink(target, path, dir_fd=self.at)

    def write(self, path: str, data: bytes, exclusive: bool) -> None:
        self._write(path, data, os.O_TRUNC | (os.O_EXCL if exclusive else 0))

    def append(self, path: str, data: bytes) -> None:
        self._write(path, data, os.O_APPEND)

    def _write(self, path: str, data: bytes, flags: int) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, dir_fd=self.at)
        os.write(fd, data)
        os.close(fd)

    def truncate(self, path: str, size: int) -> None:
        fd = os.open(path, os.O_WRONLY, dir_fd=self.at)
        os.ftruncate(fd, size)
        os.close(fd)

    def read(self, path: str, follow: bool) -> bytes:
        flags = os.O_RDONLY | (0 if follow else os.O_NOFOLLOW)
        fd = os.open(path, flags, dir_fd=self.at)
        try:
            return os.read(fd, 100)
        finally:
            os.close(fd)

    def stat(self, path: str, follow: bool) -> tuple[int, int, int]:
        known = os.stat(path, dir_fd=self.at, follow_symlinks=follow)
        kind = {0o04: 3, 0o10: 4, 0o12: 7}[known.st_mode >> 12]
        return (kind, 0 if kind == 3 else known.st_size, 0 if kind == 3 else known.st_nlink)

    def readlink(self, path: str) -> bytes:
        return os.fsencode(os.readlink(path, dir_fd=self.at))


class Ours:
    """The same operations on our host."""

    def __init__(self) -> None:
        self.guest = FakeGuest(files=[folder(max_files=200)])
        assert self.guest.mkdir("deep") == Errno.SUCCESS
        assert self.guest.mkdir("deep/root") == Errno.SUCCESS
        self.at = self.guest.open_folder("deep/root")

    def mkdir(self, path: str) -> Any:
        return self.guest.mkdir(path, fd=self.at)

    def rmdir(self, path: str) -> Any:
        return self.guest.rmdir(path, fd=self.at)

    def unlink(self, path: str) -> Any:
        return self.guest.unlink(path, fd=self.at)

    def rename(self, old: str, new: str) -> Any:
        return self.guest.rename(old, new, fd=self.at, new_fd=self.at)

    def link(self, old: str, new: str) -> Any:
        return self.guest.link(old, new, fd=self.at, new_fd=self.at)

    def symlink(self, target: str, path: str) -> Any:
        return self.guest.symlink(target, path, fd=self.at)

    def write(self, path: str, data: bytes, exclusive: bool) -> Any:
        return self._with(
            path, 1 | 8 | (4 if exclusive else 0), lambda fd: self.guest.write(fd, data)
        )

    def append(self, path: str, data: bytes) -> Any:
        return self._with(path, 1, lambda fd: self.guest.write(fd, data), fdflags=1)

    def truncate(self, path: str, size: int) -> Any:
        return self._with(path, 0, lambda fd: self.guest.does("fd_filestat_set_size", fd, size))

    def read(self, path: str, follow: bool) -> Any:
        def take(fd: int) -> Any:
            code, data = self.guest.try_read(fd, 100)
            return code or data

        return self._with(path, 0, take, follow=follow, rights=Rights.FD_READ)

    def stat(self, path: str, follow: bool) -> Any:
        known = self.guest.stat(path, follow=follow, fd=self.at)
        if isinstance(known, Errno):
            return known
        folder_like = known["filetype"] == 3
        nlink = 0 if folder_like else known["nlink"]
        return (known["filetype"], 0 if folder_like else known["size"], nlink)

    def readlink(self, path: str) -> Any:
        guest = self.guest
        code = guest.call("path_readlink", self.at, *guest.put(path), 16384, 100, 1024)
        return code or guest.bytes(guest.u32())

    def _with(self, path: str, oflags: int, act: Callable[[int], Any], **how: Any) -> Any:
        how = {"rights": ALL, "follow": True, **how}
        code = self.guest.try_open(path, fd=self.at, oflags=oflags, **how)
        if code:
            return code
        fd = self.guest.u32()
        outcome = act(fd)
        self.guest.does("fd_close", fd)
        return outcome


def same(ours: Any, kernel: Callable[[], Any]) -> bool:
    """Whether both gave the same value, or errors of the same meaning."""
    try:
        value = kernel()
    except OSError as error:
        return ours in NAMES[error.errno or 0]
    return (ours or 0) == (value or 0)


@settings(max_examples=400, deadline=None)
@given(st.lists(OPERATION, max_size=30))
def test_our_files_behave_like_the_kernels(operations: list[tuple[Any, ...]]) -> None:
    ours = Ours()
    with TemporaryDirectory() as folder_name:
        root = Path(folder_name, "root")
        root.mkdir()
        # Whoever leaves the start finds other things than we have anywhere.
        for name in ("a", "b"):
            Path(folder_name, name).write_bytes(bytes(77))
        kernel = Kernel(root)
        try:
            for name, *arguments in operations:
                outcome = getattr(ours, name)(*arguments)
                if outcome == Errno.NOTCAPABLE and isinstance(outcome, Errno):
                    # Without symbolic links no path in use leads above the start.
                    assert any(path.is_symlink() for path in root.rglob("*"))
                    continue
                assert same(outcome, lambda: getattr(kernel, name)(*arguments)), (  # noqa: B023
                    name,
                    arguments,
                    outcome,
                )
        finally:
            kernel.close()
        tree = ours.guest.host.mounts[0].tree
        mine = {name.removeprefix("deep/root/"): data for name, data in tree.files()}
        theirs = {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and not path.is_symlink()
        }
        assert mine == theirs
