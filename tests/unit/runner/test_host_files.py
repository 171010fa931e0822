"""Host folders: what is in them and nothing beside, back as a whole or not at all."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import host_files
from runner.errors import RunnerCode, RunnerError
from runner.host_files import check_relative, read_tree, write_back
from runner.worker import limits

BOUNDS = {"max_bytes": 1000, "max_files": 10}


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def host(tmp_path: Path) -> Path:
    folder = tmp_path / "host"
    (folder / "in/deep").mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"alpha")
    (folder / "in/deep/b.bin").write_bytes(b"\x00\x01")
    (tmp_path / "secret.txt").write_bytes(b"outside")
    return folder


def test_a_tree_is_read_whole(host: Path) -> None:
    tree = read_tree(host, **BOUNDS)
    assert tree.files == {"a.txt": b"alpha", "in/deep/b.bin": b"\x00\x01"}
    assert tree.left_out == ()
    assert "alpha" not in repr(tree)


def test_links_pipes_and_unusable_names_stay_outside(host: Path) -> None:
    (host / "file-link").symlink_to("../secret.txt")
    (host / "folder-link").symlink_to("..")
    (host / "inner-link").symlink_to("a.txt")
    os.mkfifo(host / "pipe")
    (Path(os.fsdecode(os.fsencode(host) + b"/\xff"))).write_bytes(b"")
    tree = read_tree(host, **BOUNDS)
    assert sorted(tree.files) == ["a.txt", "in/deep/b.bin"]
    assert tree.left_out == ("\\udcff", "file-link", "folder-link", "inner-link", "pipe")


def test_a_file_that_becomes_a_pipe_while_we_look_stays_outside(host: Path, monkeypatch) -> None:
    real = os.open

    def swap(path, flags, *args, **kwargs):
        if path == "a.txt":
            os.unlink(host / "a.txt")
            os.mkfifo(host / "a.txt")
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", swap)
    assert read_tree(host, **BOUNDS).left_out == ("a.txt",)


def test_a_file_that_becomes_a_link_while_we_look_is_not_followed(host: Path, monkeypatch) -> None:
    real = os.open

    def swap(path, flags, *args, **kwargs):
        if path == "a.txt":
            os.unlink(host / "a.txt")
            os.symlink("../secret.txt", host / "a.txt")
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(RunnerError) as caught:
        read_tree(host, **BOUNDS)
    assert caught.value.code is RunnerCode.INPUT_MISSING


@pytest.mark.parametrize(
    ("bounds", "fits"),
    [
        ({"max_bytes": 7, "max_files": 2}, True),
        ({"max_bytes": 6, "max_files": 2}, False),
        ({"max_bytes": 7, "max_files": 1}, False),
        ({"max_bytes": 0, "max_files": 0}, False),
    ],
)
def test_bounds(host: Path, bounds: dict[str, int], fits: bool) -> None:
    if fits:
        assert len(read_tree(host, **bounds).files) == 2
        return
    with pytest.raises(RunnerError) as caught:
        read_tree(host, **bounds)
    assert caught.value.code is RunnerCode.INPUT_TOO_LARGE


def test_folders_are_counted_too(host: Path, monkeypatch) -> None:
    monkeypatch.setattr(limits, "MAX_FOLDERS", 2)
    assert len(read_tree(host, **BOUNDS).files) == 2
    monkeypatch.setattr(limits, "MAX_FOLDERS", 1)
    with pytest.raises(RunnerError) as caught:
        read_tree(host, **BOUNDS)
    assert caught.value.code is RunnerCode.INPUT_TOO_LARGE


@pytest.mark.parametrize("name", ["absent", "host/a.txt"])
def test_no_folder(host: Path, name: str) -> None:
    with pytest.raises(RunnerError) as caught:
        read_tree(host.parent / name, **BOUNDS)
    assert caught.value.code is RunnerCode.INPUT_MISSING


def test_write_back_changes_what_the_guest_changed(host: Path) -> None:
    before = read_tree(host, **BOUNDS).files
    (host / "beside.txt").write_bytes(b"written by somebody else meanwhile")
    after = {"a.txt": b"beta", "new/c": b"3"}
    assert write_back(host, before, after) == ("a.txt", "in/deep/b.bin", "new/c")
    assert content(host) == {
        "a.txt": b"beta",
        "new/c": b"3",
        "beside.txt": b"written by somebody else meanwhile",
    }


def test_write_back_of_nothing_touches_nothing(host: Path) -> None:
    before = read_tree(host, **BOUNDS).files
    stamp = (host / "a.txt").stat().st_mtime_ns
    assert write_back(host, before, before) == ()
    assert (host / "a.txt").stat().st_mtime_ns == stamp


def test_write_back_never_goes_through_a_link(host: Path) -> None:
    (host / "out").symlink_to("..")
    (host / "leaf").symlink_to("../secret.txt")
    with pytest.raises(RunnerError) as caught:
        write_back(host, {}, {"out/secret.txt": b"overwritten"})
    assert caught.value.code is RunnerCode.WRITE_BACK_FAILED
    write_back(host, {}, {"leaf": b"a file now"})
    assert (host.parent / "secret.txt").read_bytes() == b"outside"
    assert (host / "leaf").read_bytes() == b"a file now"
    assert not (host / "leaf").is_symlink()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../secret.txt",
        "in/../../secret.txt",
        "in//x",
        "./a",
        "in/",
        "a\0b",
        "\udcff",
        "x" * 256,
        "/".join("x" * 33),
    ],
)
def test_paths_that_leave_the_folder_are_refused_before_anything_changes(
    host: Path, path: str
) -> None:
    before = content(host.parent)
    for old, new in (({}, {"a.txt": b"beta", path: b"x"}), ({path: b"x"}, {"a.txt": b"beta"})):
        with pytest.raises(RunnerError) as caught:
            write_back(host, old, new)
        assert caught.value.code is RunnerCode.PATH_REFUSED
    assert content(host.parent) == before


def test_names_and_depth_at_the_bound() -> None:
    assert check_relative("x" * 255)
    assert len(check_relative("/".join("x" * 32))) == 32


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_failing_disk_leaves_no_file_of_ours(host: Path, monkeypatch, call: str) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    before = content(host)
    monkeypatch.setattr(host_files.os, call, fail)
    with pytest.raises(RunnerError) as caught:
        write_back(host, {}, {"a.txt": b"beta", "in/c": b"3"})
    assert caught.value.code is RunnerCode.WRITE_BACK_FAILED
    assert content(host) == before


def test_write_back_into_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(RunnerError) as caught:
        write_back(tmp_path / "gone", {}, {"a": b""})
    assert caught.value.code is RunnerCode.WRITE_BACK_FAILED


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 40, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_descriptors")
@pytest.mark.parametrize("folder", ["", "/".join(["d"] * 31) + "/"], ids=["flat", "deep"])
def test_write_back_of_more_files_than_descriptors(host: Path, folder: str) -> None:
    after = {f"{folder}f{number}": b"x" for number in range(200)}
    assert len(write_back(host, {}, after)) == 200
    assert after.items() <= content(host).items()


def test_a_folder_that_becomes_a_link_before_the_renaming(host: Path, monkeypatch) -> None:
    outside = host.parent / "outside"
    outside.mkdir()
    write_new = host_files._write_new

    def swap_after(folder: int, name: str, data: bytes) -> None:
        write_new(folder, name, data)
        (host / "in").rename(host.parent / "moved")
        (host / "in").symlink_to(outside)

    monkeypatch.setattr(host_files, "_write_new", swap_after)
    with pytest.raises(RunnerError) as caught:
        write_back(host, {}, {"in/new": b"x"})
    assert caught.value.code is RunnerCode.WRITE_BACK_FAILED
    assert list(outside.iterdir()) == []
