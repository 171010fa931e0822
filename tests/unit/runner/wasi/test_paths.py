"""Names: making, removing, moving, linking, and never leaving the folder one starts from."""

from __future__ import annotations

import pytest

from runner.limits import MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_SYMLINKS
from runner.wasi.abi import Errno, FileType
from tests.fakes.guest import BUFFER, RESULT, TEXT, FakeGuest
from tests.guests.policies import folder


@pytest.fixture
def guest() -> FakeGuest:
    guest = FakeGuest(files=[folder()], clock={"kind": "real"})
    assert guest.mkdir("dir") == guest.mkdir("dir/sub") == Errno.SUCCESS
    guest.make("file", b"contents")
    guest.make("dir/inner", b"inner")
    return guest


@pytest.mark.parametrize(
    "path",
    ["file", "./file", "dir/../file", "dir/sub/../../file", "dir/.//sub/.././../file", ".//file"],
)
def test_ways_to_the_same_file(guest: FakeGuest, path: str) -> None:
    assert guest.contents(path) == b"contents"


@pytest.mark.parametrize(
    "path",
    ["..", "../file", "dir/../../file", "/", "/file", "/data/file", "dir/sub/../../../data/file",
     "../data/file", "./.."],
)  # fmt: skip
def test_no_way_out(guest: FakeGuest, path: str) -> None:
    assert guest.try_open(path) == Errno.NOTCAPABLE
    assert guest.stat(path) == Errno.NOTCAPABLE
    assert guest.mkdir(f"{path}/new") == Errno.NOTCAPABLE
    assert guest.unlink(path) == Errno.NOTCAPABLE
    assert guest.rename("file", f"{path}/x") == Errno.NOTCAPABLE
    assert guest.denials() == {"path-outside-grant": 5}


def test_a_directory_descriptor_is_a_root_of_its_own(guest: FakeGuest) -> None:
    below = guest.open_folder("dir")
    assert guest.contents("dir/inner") == b"inner"
    assert guest.try_open("inner", fd=below) == Errno.SUCCESS
    assert guest.try_open("../file", fd=below) == Errno.NOTCAPABLE
    assert guest.try_open("sub/../../file", fd=below) == Errno.NOTCAPABLE


@pytest.mark.parametrize(
    ("target", "path", "expected"),
    [
        ("..", "out/file", Errno.NOTCAPABLE),
        ("../..", "dir/out", Errno.NOTCAPABLE),
        ("dir/../..", "out", Errno.NOTCAPABLE),
        ("file", "out", Errno.SUCCESS),
        ("dir/sub", "out/../inner", Errno.SUCCESS),
        ("nowhere", "out", Errno.NOENT),
        ("file", "out/x", Errno.NOTDIR),
    ],
)
def test_symbolic_links_lead_only_inside(
    guest: FakeGuest, target: str, path: str, expected: Errno
) -> None:
    place = "dir/out" if path.startswith("dir/") else "out"
    assert guest.symlink(target, place) == Errno.SUCCESS
    assert guest.try_open(path, follow=True, rights=2) == expected


def test_absolute_symbolic_links_are_not_made(guest: FakeGuest) -> None:
    assert guest.symlink("/", "out") == Errno.NOTCAPABLE
    assert guest.symlink("/data/file", "out") == Errno.NOTCAPABLE
    assert guest.symlink("", "out") == Errno.NOENT


def test_symbolic_link_loops_end(guest: FakeGuest) -> None:
    assert guest.symlink("b", "a") == guest.symlink("a", "b") == Errno.SUCCESS
    assert guest.try_open("a", follow=True) == Errno.LOOP
    assert guest.try_open("a/x") == Errno.LOOP


@pytest.mark.parametrize(("hops", "expected"), [(MAX_SYMLINKS, 0), (MAX_SYMLINKS + 1, Errno.LOOP)])
def test_symbolic_link_chains_are_bounded(guest: FakeGuest, hops: int, expected: int) -> None:
    guest.does("path_symlink", *guest.put("file"), 3, *guest.put("l0", TEXT + 100))
    for number in range(1, hops):
        assert guest.symlink(f"l{number - 1}", f"l{number}") == Errno.SUCCESS
    assert guest.try_open(f"l{hops - 1}", follow=True, rights=2) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("file/", Errno.NOTDIR),
        ("file///", Errno.NOTDIR),
        ("file/.", Errno.NOTDIR),
        ("file/x", Errno.NOTDIR),
        ("dir/", Errno.SUCCESS),
        ("dir//", Errno.SUCCESS),
        ("none", Errno.NOENT),
        ("none/x", Errno.NOENT),
        ("", Errno.NOENT),
        ("a\0b", Errno.INVAL),
        (b"\xff\xfe", Errno.ILSEQ),
        ("n" * MAX_NAME_BYTES, Errno.NOENT),
        ("n" * (MAX_NAME_BYTES + 1), Errno.NAMETOOLONG),
        ("ü" * (MAX_NAME_BYTES // 2 + 1), Errno.NAMETOOLONG),
        ("./" * (MAX_PATH_BYTES // 2), Errno.SUCCESS),
        ("./" * (MAX_PATH_BYTES // 2) + ".", Errno.NAMETOOLONG),
    ],
)
def test_odd_paths(guest: FakeGuest, path: str | bytes, expected: Errno) -> None:
    assert guest.try_open(path, rights=0) == expected


@pytest.mark.parametrize(
    ("call", "path", "expected"),
    [
        ("mkdir", "new", Errno.SUCCESS),
        ("mkdir", "new/", Errno.SUCCESS),
        ("mkdir", "dir", Errno.EXIST),
        ("mkdir", "file/", Errno.EXIST),
        ("mkdir", "none/new", Errno.NOENT),
        ("mkdir", ".", Errno.EXIST),
        ("rmdir", "dir/sub", Errno.SUCCESS),
        ("rmdir", "dir/sub/", Errno.SUCCESS),
        ("rmdir", "dir", Errno.NOTEMPTY),
        ("rmdir", "file", Errno.NOTDIR),
        ("rmdir", "file/", Errno.NOTDIR),
        ("rmdir", "none", Errno.NOENT),
        ("rmdir", ".", Errno.INVAL),
        ("rmdir", "dir/sub/.", Errno.INVAL),
        ("rmdir", "dir/sub/..", Errno.INVAL),
        ("unlink", "file", Errno.SUCCESS),
        ("unlink", "file/", Errno.NOTDIR),
        ("unlink", "dir", Errno.ISDIR),
        ("unlink", "dir/", Errno.ISDIR),
        ("unlink", "none", Errno.NOENT),
    ],
)
def test_making_and_removing(guest: FakeGuest, call: str, path: str, expected: Errno) -> None:
    assert getattr(guest, call)(path) == expected


def test_a_slash_never_leads_a_removal_through_a_link(guest: FakeGuest) -> None:
    guest.mkdir("target")
    guest.symlink("target", "link")
    assert guest.rmdir("link/") == Errno.NOTDIR
    assert guest.rmdir("link") == Errno.NOTDIR
    assert guest.unlink("link/") == Errno.NOTDIR
    assert guest.rename("link/", "moved") == Errno.NOTDIR
    assert guest.rename("dir", "link/") == Errno.NOTDIR
    assert guest.stat("target") != Errno.NOENT
    assert guest.unlink("link") == Errno.SUCCESS


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("file", "moved", Errno.SUCCESS),
        ("file", "file", Errno.SUCCESS),
        ("file", "dir/inner", Errno.SUCCESS),
        ("file", "dir", Errno.ISDIR),
        ("file", "moved/", Errno.NOTDIR),
        ("none", "moved", Errno.NOENT),
        ("dir", "moved", Errno.SUCCESS),
        ("dir/", "moved/", Errno.SUCCESS),
        ("dir", "file", Errno.NOTDIR),
        ("dir", "dir/sub/x", Errno.INVAL),
        ("dir", "dir/x", Errno.INVAL),
        ("dir", "empty", Errno.SUCCESS),
        ("empty", "dir", Errno.NOTEMPTY),
        ("dir/sub", ".", Errno.INVAL),
        (".", "moved", Errno.INVAL),
        ("file", "n" * 256, Errno.NAMETOOLONG),
    ],
)
def test_renaming(guest: FakeGuest, old: str, new: str, expected: Errno) -> None:
    guest.mkdir("empty")
    assert guest.rename(old, new) == expected


def test_renaming_moves_what_is_below(guest: FakeGuest) -> None:
    assert guest.rename("dir", "moved") == Errno.SUCCESS
    assert guest.contents("moved/inner") == b"inner"
    assert guest.stat("dir") == Errno.NOENT
    assert guest.rename("moved", "moved/sub/deep") == Errno.INVAL


def test_links_share_contents(guest: FakeGuest) -> None:
    assert guest.link("file", "dir/other") == Errno.SUCCESS
    stat = guest.stat("dir/other")
    assert not isinstance(stat, Errno)
    assert (stat["nlink"], stat["size"]) == (2, 8)
    guest.unlink("file")
    assert guest.contents("dir/other") == b"contents"


@pytest.mark.parametrize(
    ("old", "new", "lookup", "expected"),
    [
        ("file", "file", 0, Errno.EXIST),
        ("file", "dir", 0, Errno.EXIST),
        ("file", "new/", 0, Errno.NOENT),
        ("dir", "new", 0, Errno.PERM),
        ("none", "new", 0, Errno.NOENT),
        ("file", "new", 1, Errno.INVAL),
        ("file", "new", 2, Errno.INVAL),
        ("dangling", "new", 0, Errno.SUCCESS),
    ],
)
def test_linking(guest: FakeGuest, old: str, new: str, lookup: int, expected: Errno) -> None:
    guest.symlink("nowhere", "dangling")
    assert guest.link(old, new, lookup=lookup) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("new", 0), ("new/", Errno.NOENT), ("dir", Errno.EXIST), ("dir/", Errno.EXIST),
     ("file/", Errno.EXIST), ("file", Errno.EXIST), (".", Errno.EXIST)],
)  # fmt: skip
def test_making_symbolic_links(guest: FakeGuest, path: str, expected: int) -> None:
    assert guest.symlink("target", path) == expected


def test_reading_symbolic_links(guest: FakeGuest) -> None:
    guest.symlink("some/target", "link")
    assert guest.readlink("link") == (Errno.SUCCESS, b"some/target")
    assert guest.readlink("link", 4) == (Errno.SUCCESS, b"some")
    assert guest.readlink("file") == (Errno.INVAL, b"")
    assert guest.readlink("none") == (Errno.NOENT, b"")


def test_nothing_moves_between_mounts() -> None:
    guest = FakeGuest(files=[folder("/a"), folder("/b")])
    guest.make("file")
    assert guest.rename("file", "file", new_fd=4) == Errno.XDEV
    assert guest.link("file", "file", new_fd=4) == Errno.XDEV


def test_a_removed_directory_takes_nothing_in(guest: FakeGuest) -> None:
    below = guest.open_folder("dir/sub")
    guest.rmdir("dir/sub")
    assert guest.mkdir("new", fd=below) == Errno.NOENT
    assert guest.try_open("new", fd=below, oflags=1) == Errno.NOENT
    assert guest.rename("file", "x", new_fd=below) == Errno.NOENT


READ_ONLY = {"source": "inline", "access": "read-only", "contents": {"d/file": {"text": "x"}}}


@pytest.mark.parametrize(
    "attempt",
    [
        lambda guest: guest.mkdir("new"),
        lambda guest: guest.rmdir("d"),
        lambda guest: guest.unlink("d/file"),
        lambda guest: guest.rename("d", "e"),
        lambda guest: guest.link("d/file", "new"),
        lambda guest: guest.symlink("d", "new"),
        lambda guest: guest.try_open("new", oflags=1, rights=2),
        lambda guest: guest.try_open("d/file", oflags=8, rights=2),
        lambda guest: guest.try_open("d/file", rights=1 << 6),
        lambda guest: guest.try_open("d/file", rights=1 << 8),
        lambda guest: guest.try_open("d/file", rights=1 << 22),
        lambda guest: guest.call("path_filestat_set_times", 3, 0, *guest.put("d"), 0, 0, 5),
        lambda guest: guest.call("fd_filestat_set_times", 3, 0, 0, 5),
    ],
)
def test_a_read_only_mount_never_changes(attempt: object) -> None:
    guest = FakeGuest(files=[folder(**READ_ONLY)])
    assert attempt(guest) == Errno.ROFS  # type: ignore[operator]
    assert guest.contents("d/file") == b"x"
    assert guest.denials() == {"path-read-only": 1}
    assert dict(guest.host.mounts[0].tree.files()) == {"d/file": b"x"}


def test_listing_a_directory(guest: FakeGuest) -> None:
    names = {entry[0]: entry for entry in listing(guest, guest.open_folder("."))}
    assert list(names) == [".", "..", "dir", "file"]
    assert names["dir"][1] == FileType.DIRECTORY
    assert names["file"][1] == FileType.REGULAR_FILE
    stat = guest.stat("file")
    assert not isinstance(stat, Errno)
    assert names["file"][2] == stat["ino"]


@pytest.mark.parametrize("size", [24 + 255, 256, 300, 4096])
def test_listing_in_pieces_shows_each_name_once(size: int) -> None:
    guest = FakeGuest(files=[folder(max_files=200)])
    for number in range(100):
        guest.make(f"file.{number}")
    names = [name for name, *_ in listing(guest, 3, size)]
    assert sorted(names) == sorted([".", "..", *(f"file.{number}" for number in range(100))])


def test_removing_while_listing_hides_nothing() -> None:
    guest = FakeGuest(files=[folder()])
    for number in range(50):
        guest.make(f"file.{number}")
    seen = []
    for name, *_ in listing(guest, 3, 300):
        seen.append(name)
        if name.startswith("file"):
            assert guest.unlink(name) == Errno.SUCCESS
    assert len(seen) == 52


def listing(guest: FakeGuest, fd: int, size: int = 4096):  # type: ignore[no-untyped-def]
    """Every entry of a directory as (name, type, inode), read with a buffer of `size`."""
    from runner.wasi.abi import DIRENT

    cookie = 0
    while True:
        guest.does("fd_readdir", fd, BUFFER, size, cookie, RESULT)
        used, at, complete = guest.u32(), 0, []
        raw = guest.bytes(used)
        while at + DIRENT.size <= used:
            cookie_after, inode, length, kind = DIRENT.unpack_from(raw, at)
            if at + DIRENT.size + length > used:
                break
            at += DIRENT.size + length
            complete.append((raw[at - length : at].decode(), kind, inode))
            cookie = cookie_after
        yield from complete
        if used < size:
            return
