"""What a folder may hold, counted as it would be handed back: name by name."""

from __future__ import annotations

import pytest

from runner.limits import MAX_PATH_DEPTH
from runner.wasi.abi import FILE_RIGHTS, Errno
from runner.wasi.tree import Tree
from tests.fakes.guest import FakeGuest
from tests.guests.policies import folder

CREAT = 1


@pytest.fixture
def guest() -> FakeGuest:
    return FakeGuest(files=[folder(max_bytes=100, max_files=3)])


def tree_of(guest: FakeGuest) -> Tree:
    return guest.host.mounts[0].tree


def folders(depth: int) -> str:
    return "/".join(["d"] * depth)


def make_folders(guest: FakeGuest, depth: int, start: str = "d") -> None:
    path = start
    for _ in range(depth - 1):
        assert guest.mkdir(path) == Errno.SUCCESS
        path += "/d"
    assert guest.mkdir(path) == Errno.SUCCESS


def test_names_of_one_file_count_as_files(guest: FakeGuest) -> None:
    guest.make("a")
    assert guest.link("a", "b") == guest.link("a", "c") == Errno.SUCCESS
    assert guest.link("a", "d") == Errno.NOSPC
    assert guest.denials() == {"files-quota": 1}


def test_names_of_one_file_count_its_bytes(guest: FakeGuest) -> None:
    guest.make("a", bytes(40))
    assert guest.link("a", "b") == Errno.SUCCESS
    assert guest.link("a", "c") == Errno.NOSPC
    fd = guest.open("a", rights=FILE_RIGHTS)
    assert guest.call("fd_filestat_set_size", fd, 51) == Errno.NOSPC
    assert guest.call("fd_filestat_set_size", fd, 50) == Errno.SUCCESS


def test_names_give_back_what_they_took(guest: FakeGuest) -> None:
    for _ in range(20):
        guest.make("a", bytes(30))
        assert guest.link("a", "b") == guest.link("a", "c") == Errno.SUCCESS
        fd = guest.open("a", rights=FILE_RIGHTS)
        assert guest.call("fd_filestat_set_size", fd, 10) == Errno.SUCCESS
        assert guest.call("fd_filestat_set_size", fd, 33) == Errno.SUCCESS
        assert guest.rename("a", "b") == Errno.SUCCESS
        for name in "abc":
            assert guest.unlink(name) == Errno.SUCCESS
        guest.does("fd_close", fd)
    guest.make("a", bytes(100))


def test_an_open_file_without_names_counts_once(guest: FakeGuest) -> None:
    fd = guest.open("a", oflags=CREAT, rights=FILE_RIGHTS)
    guest.unlink("a")
    guest.write(fd, bytes(100))
    assert guest.try_write(fd, b"x")[0] == Errno.NOSPC
    guest.does("fd_close", fd)
    guest.make("b", bytes(100))


def test_names_of_one_file_share_what_is_handed_back(guest: FakeGuest) -> None:
    guest.make("a", b"x" * 40)
    guest.link("a", "b")
    first, second = (data for _, data in tree_of(guest).files())
    assert first is second


def test_folders_are_bounded_in_depth() -> None:
    guest = FakeGuest(files=[folder(max_files=200)])
    make_folders(guest, MAX_PATH_DEPTH - 1)
    assert guest.mkdir(folders(MAX_PATH_DEPTH)) == Errno.NAMETOOLONG
    deepest = guest.open_folder(folders(MAX_PATH_DEPTH - 1))
    assert guest.mkdir("d", fd=deepest) == Errno.NAMETOOLONG
    guest.make(f"{folders(MAX_PATH_DEPTH - 1)}/file")
    (path, _), *_ = tree_of(guest).files()
    assert path.count("/") == MAX_PATH_DEPTH - 1


def test_folders_cannot_be_moved_too_deep() -> None:
    guest = FakeGuest(files=[folder(max_files=200)])
    make_folders(guest, 20)
    make_folders(guest, 12, start="e")
    assert guest.rename("e", f"{folders(20)}/e") == Errno.NAMETOOLONG
    assert guest.rename("e/d", f"{folders(20)}/e") == Errno.SUCCESS
