"""Files: reading, writing, seeking, sizes, times, rights and quotas."""

from __future__ import annotations

import pytest

from runner.wasi.abi import (
    ALL_RIGHTS,
    DIRECTORY_RIGHTS,
    FILE_RIGHTS,
    OFFSET_MAX,
    U64_MAX,
    Errno,
    FileType,
    Rights,
)
from tests.fakes.guest import BUFFER, RESULT, TEXT, FakeGuest
from tests.guests.policies import folder

READ_WRITE = Rights.FD_READ | Rights.FD_WRITE
CREAT, DIRECTORY, EXCL, TRUNC = 1, 2, 4, 8


@pytest.fixture
def guest() -> FakeGuest:
    guest = FakeGuest(files=[folder(max_bytes=1000, max_files=10)], clock={"kind": "real"})
    guest.make("file", b"0123456789")
    guest.mkdir("dir")
    return guest


@pytest.fixture
def fd(guest: FakeGuest) -> int:
    return guest.open("file", rights=FILE_RIGHTS)


def seek(guest: FakeGuest, fd: int, offset: int, whence: int) -> Errno | int:
    errno = guest.call("fd_seek", fd, offset & U64_MAX, whence, RESULT)
    return errno or guest.u64()


@pytest.mark.parametrize(
    ("oflags", "path", "expected"),
    [
        (0, "file", Errno.SUCCESS),
        (0, "none", Errno.NOENT),
        (CREAT, "file", Errno.SUCCESS),
        (CREAT, "new", Errno.SUCCESS),
        (CREAT, "new/", Errno.ISDIR),
        (CREAT, "none/new", Errno.NOENT),
        (CREAT | EXCL, "file", Errno.EXIST),
        (CREAT | EXCL, "new", Errno.SUCCESS),
        (CREAT | EXCL, "link", Errno.EXIST),
        (CREAT | EXCL, "dangling", Errno.EXIST),
        (CREAT | DIRECTORY, "new", Errno.INVAL),
        (DIRECTORY, "file", Errno.NOTDIR),
        (DIRECTORY, "dir", Errno.ISDIR),
        (TRUNC, "file", Errno.SUCCESS),
        (TRUNC, "dir", Errno.ISDIR),
        (16, "file", Errno.INVAL),
        (0, "link", Errno.LOOP),
        (DIRECTORY, "link", Errno.LOOP),
    ],
)
def test_opening(guest: FakeGuest, oflags: int, path: str, expected: Errno) -> None:
    guest.symlink("file", "link")
    guest.symlink("nowhere", "dangling")
    assert guest.try_open(path, oflags=oflags, rights=READ_WRITE) == expected


def test_creating_through_a_dangling_link_makes_its_target(guest: FakeGuest) -> None:
    guest.symlink("dir/made", "dangling")
    guest.open("dangling", oflags=CREAT, follow=True)
    assert guest.contents("dir/made") == b""


def test_truncating_empties(guest: FakeGuest) -> None:
    guest.open("file", oflags=TRUNC, rights=Rights.FD_WRITE)
    assert guest.contents("file") == b""


@pytest.mark.parametrize("flags", [32, 0xFFFF_FFFF])
def test_unknown_descriptor_flags_are_refused(guest: FakeGuest, fd: int, flags: int) -> None:
    assert guest.try_open("file", fdflags=flags) == Errno.INVAL
    assert guest.call("fd_fdstat_set_flags", fd, flags) == Errno.INVAL


def test_reading_and_writing_move_the_offset(guest: FakeGuest, fd: int) -> None:
    assert guest.read(fd, 4) == b"0123"
    guest.write(fd, b"abc")
    assert guest.read(fd) == b"789"
    assert guest.read(fd) == b""
    assert guest.contents("file") == b"0123abc789"


def test_buffers_are_filled_and_written_in_order(guest: FakeGuest, fd: int) -> None:
    pieces = [(BUFFER + 100, 3), (BUFFER, 2), (BUFFER + 50, 0), (BUFFER + 200, 100)]
    guest.does("fd_read", fd, *guest.iovs(*pieces), RESULT)
    assert guest.u32() == 10
    assert guest.bytes(2) == b"34"
    assert guest.bytes(5, BUFFER + 200) == b"56789"
    other = guest.open("other", oflags=CREAT)
    guest.does("fd_write", other, *guest.iovs((BUFFER, 2), (BUFFER + 200, 5)), RESULT)
    assert guest.contents("other") == b"3456789"


def test_positions_of_pread_and_pwrite_are_their_own(guest: FakeGuest, fd: int) -> None:
    iovs = guest.iovs((BUFFER, 4))
    guest.does("fd_pread", fd, *iovs, 5, RESULT)
    assert guest.bytes(4) == b"5678"
    guest.does("fd_pwrite", fd, *iovs, 20, RESULT)
    assert guest.contents("file") == b"0123456789" + bytes(10) + b"5678"
    assert seek(guest, fd, 0, 1) == 0
    assert guest.call("fd_pread", fd, *iovs, OFFSET_MAX + 1, RESULT) == Errno.INVAL
    guest.does("fd_pread", fd, *iovs, OFFSET_MAX, RESULT)
    assert guest.u32() == 0


@pytest.mark.parametrize(
    ("offset", "whence", "expected"),
    [
        (5, 0, 5), (1000, 0, 1000), (-1, 0, Errno.INVAL), (0, 1, 2), (-2, 1, 0),
        (-3, 1, Errno.INVAL), (3, 1, 5), (0, 2, 10), (-10, 2, 0), (-11, 2, Errno.INVAL),
        (5, 2, 15), (0, 3, Errno.INVAL), (OFFSET_MAX, 0, OFFSET_MAX), (OFFSET_MAX, 1, Errno.INVAL),
        (-(2**63), 1, Errno.INVAL),
    ],
)  # fmt: skip
def test_seeking(guest: FakeGuest, fd: int, offset: int, whence: int, expected: int) -> None:
    guest.read(fd, 2)
    assert seek(guest, fd, offset, whence) == expected
    guest.does("fd_tell", fd, RESULT)
    assert guest.u64() == (2 if isinstance(expected, Errno) else expected)


def test_appending(guest: FakeGuest) -> None:
    fd = guest.open("file", rights=FILE_RIGHTS, fdflags=1)
    guest.write(fd, b"x")
    assert seek(guest, fd, 0, 0) == 0
    guest.write(fd, b"y")
    guest.does("fd_fdstat_set_flags", fd, 0)
    seek(guest, fd, 0, 0)
    guest.write(fd, b"z")
    assert guest.contents("file") == b"z123456789xy"


def test_sizes(guest: FakeGuest, fd: int) -> None:
    guest.does("fd_filestat_set_size", fd, 12)
    assert guest.contents("file") == b"0123456789\0\0"
    guest.does("fd_filestat_set_size", fd, 3)
    assert guest.contents("file") == b"012"
    guest.does("fd_allocate", fd, 2, 4)
    assert guest.contents("file") == b"012\0\0\0"
    guest.does("fd_allocate", fd, 0, 2)
    assert guest.fstat(fd)["size"] == 6
    assert guest.call("fd_allocate", fd, 0, 0) == Errno.INVAL
    assert guest.call("fd_allocate", fd, OFFSET_MAX, 1) == Errno.INVAL
    assert guest.call("fd_filestat_set_size", fd, OFFSET_MAX + 1) == Errno.INVAL


@pytest.mark.parametrize(
    ("flags", "expected"),
    [(0, 0), (1, 0), (2, 0), (4, 0), (8, 0), (6, 0), (3, Errno.INVAL), (12, Errno.INVAL),
     (15, Errno.INVAL), (16, Errno.INVAL)],
)  # fmt: skip
def test_setting_times(guest: FakeGuest, fd: int, flags: int, expected: int) -> None:
    guest.time.now += 1_000_000
    before, now = guest.fstat(fd), guest.time.now
    assert guest.call("fd_filestat_set_times", fd, 11, 22, flags) == expected
    by_path = guest.call("path_filestat_set_times", 3, 0, *guest.put("file"), 11, 22, flags)
    assert by_path == expected
    after = guest.fstat(fd)
    if expected:
        assert after == before
        return
    assert after["atim"] == (11 if flags & 1 else now if flags & 2 else before["atim"])
    assert after["mtim"] == (22 if flags & 4 else now if flags & 8 else before["mtim"])


def test_times_of_a_link_are_not_those_of_its_target(guest: FakeGuest) -> None:
    guest.symlink("file", "link")
    times = (*guest.put("link"), 7, 7, 5)
    guest.does("path_filestat_set_times", 3, 0, *times)
    assert guest.stat("link")["mtim"] == 7  # type: ignore[index]
    assert guest.stat("file")["mtim"] != 7  # type: ignore[index]
    guest.does("path_filestat_set_times", 3, 1, *times)
    assert guest.stat("file")["mtim"] == 7  # type: ignore[index]
    assert guest.call("path_filestat_set_times", 3, 2, *times) == Errno.INVAL


def test_inodes_tell_files_apart(guest: FakeGuest) -> None:
    guest.make("other")
    one, two = guest.stat("file"), guest.stat("other")
    assert one["dev"] == two["dev"]  # type: ignore[index]
    assert one["ino"] != two["ino"]  # type: ignore[index]


# Rights


def test_what_a_preopen_and_its_children_may(guest: FakeGuest) -> None:
    assert guest.fdstat(3) == (FileType.DIRECTORY, 0, DIRECTORY_RIGHTS, ALL_RIGHTS)
    everything = guest.open("file", rights=ALL_RIGHTS, inheriting=ALL_RIGHTS)
    assert guest.fdstat(everything) == (FileType.REGULAR_FILE, 0, FILE_RIGHTS, ALL_RIGHTS)
    below = guest.open("dir", oflags=DIRECTORY, rights=DIRECTORY_RIGHTS | Rights.FD_SEEK)
    assert guest.fdstat(below) == (FileType.DIRECTORY, 0, DIRECTORY_RIGHTS, 0)


def test_rights_are_handed_on_but_never_grow(guest: FakeGuest) -> None:
    reading = Rights.PATH_OPEN | Rights.FD_READ
    below = guest.open(".", oflags=DIRECTORY, rights=Rights.PATH_OPEN, inheriting=reading)
    assert guest.try_open("file", fd=below, rights=Rights.FD_READ) == Errno.SUCCESS
    assert guest.try_open("file", fd=below, rights=Rights.FD_WRITE) == Errno.NOTCAPABLE
    assert guest.try_open(".", fd=below, rights=0, inheriting=ALL_RIGHTS) == Errno.NOTCAPABLE
    assert guest.try_open("x", fd=below, oflags=CREAT, rights=0) == Errno.NOTCAPABLE
    assert guest.try_open("file", fd=below, oflags=TRUNC, rights=0) == Errno.NOTCAPABLE
    assert guest.mkdir("x", fd=below) == Errno.NOTCAPABLE


@pytest.mark.parametrize(
    ("rights", "tells", "seeks"),
    [
        (0, Errno.NOTCAPABLE, Errno.NOTCAPABLE),
        (Rights.FD_TELL, Errno.SUCCESS, Errno.NOTCAPABLE),
        (Rights.FD_SEEK, Errno.SUCCESS, Errno.SUCCESS),
    ],
)
def test_seeking_implies_telling(guest: FakeGuest, rights: int, tells: Errno, seeks: Errno) -> None:
    fd = guest.open("file", rights=rights)
    assert guest.call("fd_tell", fd, RESULT) == tells
    assert guest.call("fd_seek", fd, 0, 1, RESULT) == tells
    assert guest.call("fd_seek", fd, 1, 1, RESULT) == seeks
    assert guest.call("fd_seek", fd, 0, 0, RESULT) == seeks


def test_rights_can_be_given_up_for_good(guest: FakeGuest, fd: int) -> None:
    guest.does("fd_fdstat_set_rights", fd, FILE_RIGHTS & ~READ_WRITE, 0)
    assert guest.try_read(fd) == (Errno.BADF, b"")
    assert guest.try_write(fd, b"x") == (Errno.BADF, 0)
    assert guest.call("fd_fdstat_set_rights", fd, FILE_RIGHTS, 0) == Errno.NOTCAPABLE
    assert guest.call("fd_fdstat_set_rights", fd, 0, 1) == Errno.NOTCAPABLE


CALLS_ON_FILES = {
    "fd_read": (512, 0, RESULT), "fd_write": (512, 0, RESULT), "fd_pread": (512, 0, 0, RESULT),
    "fd_pwrite": (512, 0, 0, RESULT), "fd_seek": (0, 0, RESULT), "fd_tell": (RESULT,),
    "fd_advise": (0, 0, 0), "fd_allocate": (0, 1), "fd_sync": (), "fd_datasync": (),
    "fd_filestat_get": (RESULT,), "fd_filestat_set_size": (0,), "fd_filestat_set_times": (0, 0, 0),
    "fd_fdstat_set_flags": (0,),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS_ON_FILES)
def test_without_rights_nothing_goes(guest: FakeGuest, name: str) -> None:
    fd = guest.open("file", rights=0)
    modes = {"fd_read", "fd_write", "fd_pread", "fd_pwrite"}
    expected = Errno.BADF if name in modes else Errno.NOTCAPABLE
    assert guest.call(name, fd, *CALLS_ON_FILES[name]) == expected


@pytest.mark.parametrize("name", CALLS_ON_FILES)
def test_with_every_right_it_goes(guest: FakeGuest, fd: int, name: str) -> None:
    assert guest.call(name, fd, *CALLS_ON_FILES[name]) == Errno.SUCCESS
    assert guest.call(name, 99, *CALLS_ON_FILES[name]) == Errno.BADF


@pytest.mark.parametrize(
    "name",
    ["fd_read", "fd_write", "fd_pread", "fd_pwrite", "fd_seek", "fd_tell", "fd_advise",
     "fd_allocate", "fd_filestat_set_size"],
)  # fmt: skip
def test_a_directory_is_no_file(guest: FakeGuest, name: str) -> None:
    assert guest.call(name, 3, *CALLS_ON_FILES[name]) == Errno.ISDIR


@pytest.mark.parametrize(
    ("name", "expected"),
    [("fd_seek", Errno.SPIPE), ("fd_tell", Errno.SPIPE), ("fd_pwrite", Errno.SPIPE),
     ("fd_read", Errno.BADF), ("fd_allocate", Errno.NOTCAPABLE), ("fd_sync", Errno.SUCCESS),
     ("fd_filestat_get", Errno.SUCCESS), ("fd_filestat_set_times", Errno.NOTCAPABLE)],
)  # fmt: skip
def test_a_stream_is_no_file(guest: FakeGuest, name: str, expected: Errno) -> None:
    assert guest.call(name, 1, *CALLS_ON_FILES[name]) == expected


@pytest.mark.parametrize("fd", [1, 99])
def test_only_directories_are_starts_of_paths(guest: FakeGuest, fd: int) -> None:
    expected = Errno.NOTDIR if fd == 1 else Errno.BADF
    assert guest.mkdir("x", fd=fd) == expected
    assert guest.try_open("x", fd=fd) == expected
    assert guest.call("fd_readdir", fd, BUFFER, 100, 0, RESULT) == expected


# Quotas


@pytest.mark.parametrize(("size", "expected"), [(990, 0), (991, Errno.NOSPC)])
def test_bytes_are_bounded(guest: FakeGuest, size: int, expected: int) -> None:
    fd = guest.open("other", oflags=CREAT, rights=FILE_RIGHTS)
    assert guest.try_write(fd, bytes(size))[0] == expected
    assert guest.denials() == ({"files-quota": 1} if expected else {})
    assert guest.call("fd_filestat_set_size", fd, size) == expected
    assert guest.call("fd_allocate", fd, 0, size) == expected


@pytest.mark.parametrize("offset", [1000, 2**32, OFFSET_MAX])
def test_holes_count(guest: FakeGuest, fd: int, offset: int) -> None:
    seek(guest, fd, offset, 0)
    assert guest.try_write(fd, b"x") == (Errno.NOSPC, 0)
    assert guest.contents("file") == b"0123456789"


def test_bytes_come_back(guest: FakeGuest) -> None:
    fd = guest.open("other", oflags=CREAT, rights=FILE_RIGHTS)
    guest.write(fd, bytes(990))
    guest.unlink("other")
    assert guest.try_open("new", oflags=CREAT) == Errno.SUCCESS
    assert guest.try_write(guest.u32(), b"x")[0] == Errno.NOSPC
    guest.does("fd_close", fd)
    fd = guest.open("new")
    guest.write(fd, bytes(990))


def test_an_unlinked_file_lives_while_it_is_open(guest: FakeGuest, fd: int) -> None:
    guest.unlink("file")
    assert guest.read(fd) == b"0123456789"
    assert guest.fstat(fd)["nlink"] == 0


def test_files_are_bounded(guest: FakeGuest) -> None:
    for number in range(8):
        guest.make(f"f{number}")
    assert guest.try_open("more", oflags=CREAT) == Errno.NOSPC
    assert guest.mkdir("more") == Errno.NOSPC
    assert guest.symlink("x", "more") == Errno.NOSPC
    assert guest.link("file", "more") == Errno.NOSPC
    guest.unlink("f0")
    assert guest.mkdir("more") == Errno.SUCCESS


def test_targets_of_symbolic_links_count(guest: FakeGuest) -> None:
    assert guest.symlink("t" * 991, "link") == Errno.NOSPC
    assert guest.symlink("t" * 990, "link") == Errno.SUCCESS


def test_replaced_and_removed_files_give_their_room_back(guest: FakeGuest) -> None:
    for _ in range(50):
        guest.make("a", bytes(500))
        guest.make("b", bytes(400))
        assert guest.rename("a", "b") == Errno.SUCCESS
        assert guest.mkdir("d") == guest.rmdir("d") == Errno.SUCCESS
        assert guest.unlink("b") == Errno.SUCCESS


def test_folders_there_at_the_start_cost_nothing_and_give_nothing_back() -> None:
    guest = FakeGuest(
        files=[
            {"path": "/data", "source": "inline", "access": "read-write", "max-files": 1,
             "contents": {"a/b/file": {"text": "x"}}}
        ]
    )  # fmt: skip
    assert guest.mkdir("more") == Errno.NOSPC
    assert guest.unlink("a/b/file") == guest.rmdir("a/b") == guest.rmdir("a") == Errno.SUCCESS
    assert guest.mkdir("one") == Errno.SUCCESS
    assert guest.mkdir("two") == Errno.NOSPC


# Descriptors


@pytest.mark.parametrize(("limit", "expected"), [(5, Errno.SUCCESS), (4, Errno.MFILE)])
def test_open_files_are_bounded(limit: int, expected: Errno) -> None:
    guest = FakeGuest(files=[folder()], limits={"open-files": limit})
    assert guest.try_open(".", rights=0) == expected
    assert guest.denials() == ({"open-files-limit": 1} if expected else {})


def test_numbers_are_given_out_from_the_lowest(guest: FakeGuest, fd: int) -> None:
    assert fd == 4
    guest.does("fd_close", 0)
    assert guest.open("file") == 0
    assert guest.call("fd_close", 77) == Errno.BADF


def test_renumbering(guest: FakeGuest, fd: int) -> None:
    other = guest.open("dir", oflags=DIRECTORY, rights=0)
    guest.does("fd_renumber", fd, other)
    assert guest.fdstat(other)[0] == FileType.REGULAR_FILE
    assert guest.call("fd_close", fd) == Errno.BADF
    assert guest.call("fd_renumber", other, fd) == Errno.BADF
    assert guest.call("fd_renumber", fd, other) == Errno.BADF
    guest.does("fd_renumber", other, other)
    guest.does("fd_renumber", other, 3)
    assert guest.call("fd_prestat_get", 3, RESULT) == Errno.BADF


def test_preopens_say_their_names() -> None:
    guest = FakeGuest(files=[folder("/data"), folder("/"[:1] + "öther")])
    for fd, name in ((3, b"/data"), (4, "/öther".encode())):
        guest.does("fd_prestat_get", fd, RESULT)
        assert guest.bytes(8, RESULT) == b"\0\0\0\0" + len(name).to_bytes(4, "little")
        guest.does("fd_prestat_dir_name", fd, BUFFER, len(name) + 5)
        assert guest.bytes(len(name) + 1) == name + b"\0"
        short = guest.call("fd_prestat_dir_name", fd, TEXT, len(name) - 1)
        assert short == Errno.NAMETOOLONG
    for fd in (0, 5):
        assert guest.call("fd_prestat_get", fd, RESULT) == Errno.BADF


def test_a_closed_preopen_is_gone(guest: FakeGuest) -> None:
    guest.does("fd_close", 3)
    assert guest.try_open("file") == Errno.BADF
    assert guest.call("fd_prestat_get", 3, RESULT) == Errno.BADF


@pytest.mark.parametrize(("advice", "expected"), [(5, Errno.SUCCESS), (6, Errno.INVAL)])
def test_advice(guest: FakeGuest, fd: int, advice: int, expected: Errno) -> None:
    assert guest.call("fd_advise", fd, 0, 0, advice) == expected
