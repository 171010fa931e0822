"""The one gzip and tar we write, and that any bytes are read or refused within their bounds."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import archive
from sealing.errors import SealError, SealRefusal
from tests.unit.sealing.wasm_maker import FULL

NAME = "plugin.wasm"


def packed(data: bytes, *, step: int = 1 << 16) -> bytes:
    pieces = (data[start : start + step] for start in range(0, len(data), step))
    tar = archive.tar_chunks(NAME, pieces, len(data))
    return b"".join(archive.gzip_chunks(tar, archive.tar_size(len(data))))


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 65000, 65535, 200_001])
def test_what_we_write_other_readers_read_and_so_do_we(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    made = packed(data)
    assert len(made) == archive.gzip_size(archive.tar_size(size))
    assert made == packed(data, step=999), "how it was cut does not matter"
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(made))) as theirs:
        (member,) = theirs.getmembers()
        file = theirs.extractfile(member)
        assert file is not None
        assert file.read() == data
        assert (member.name, member.mode, member.mtime, member.uid) == (NAME, 0o444, 0, 0)
    found = archive.unpack(memoryview(made), name=NAME)
    with found.memory:
        assert found.file == data


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(SealError):
        archive.unpack(memoryview(data), name=NAME)


GOOD = packed(FULL)
TAR = gzip.decompress(GOOD)


@given(at=st.integers(0, len(GOOD) * 8 - 1))
def test_any_bit(at: int) -> None:
    bent = bytearray(GOOD)
    bent[at // 8] ^= 1 << at % 8
    try:
        found = archive.unpack(memoryview(bent), name=NAME, limit_bytes=1 << 20)
    except SealError:
        return
    # Time and system of whoever made it, and what fills up the first byte of the stored block, are
    # all that nothing depends on.
    assert 4 <= at // 8 < 10 or 83 <= at < 88
    with found.memory:
        assert found.file == FULL


@given(at=st.integers(0, len(TAR) - 1), value=st.integers(0, 255))
def test_any_byte_of_the_tar(at: int, value: int) -> None:
    tar = bytearray(TAR)
    tar[at] = value
    made = b"".join(archive.gzip_chunks([tar], len(tar)))
    try:
        found = archive.unpack(memoryview(made), name=NAME)
    except SealError:
        return
    with found.memory:
        assert len(found.file) == len(FULL)


def test_a_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(bytes(64 << 20), mtime=0)
    with pytest.raises(SealError) as caught:
        archive.unpack(memoryview(bomb), name=NAME, limit_bytes=1 << 20)
    assert caught.value.code is SealRefusal.TOO_LARGE
    # One that lies about its size is left where it has filled what it said.
    small = bomb[:-4] + (4096).to_bytes(4, "little")
    with pytest.raises(SealError) as caught:
        archive.unpack(memoryview(small), name=NAME, limit_bytes=1 << 20)
    assert caught.value.code is SealRefusal.ARCHIVE_MALFORMED


@pytest.mark.parametrize("fault", [SealError(SealRefusal.ARCHIVE_MALFORMED, ""), MemoryError()])
def test_a_fault_leaves_nothing_in_memory(monkeypatch, fault: Exception) -> None:
    seen: list[memoryview] = []

    def fail(tar: memoryview, _: str) -> tuple[int, int]:
        assert tar == TAR
        seen.append(tar)
        raise fault

    monkeypatch.setattr(archive, "_only_file", fail)
    with pytest.raises(type(fault)):
        archive.unpack(memoryview(GOOD), name=NAME)
    assert bytes(seen[0]) == bytes(len(TAR))
