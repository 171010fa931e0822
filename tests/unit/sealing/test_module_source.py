from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sealing import limits
from sealing.bom import bill_of_materials
from sealing.canonical import digest_of
from sealing.errors import SealError, SealRefusal
from sealing.module_source import ModuleBytes, ModuleFile, source_of
from sealing.oci.layout import OciLayout
from sealing.oci.transfer import push
from tests.fakes.sealing import bytes_of
from tests.unit.sealing.oci.samples import refusal
from tests.unit.sealing.test_seal_unseal import seal_one
from tests.unit.sealing.wasm_maker import FULL, HEADER, SMALL, custom, section, vector

BLOCK = limits.MODULE_BLOCK_BYTES
# Three blocks, of which only the first and the last hold what a bill of materials lists.
LARGE = SMALL + custom("filler", bytes(2 * BLOCK)) + custom("producers", b"\0")


def opened(path: Path, data: bytes) -> ModuleFile:
    path.write_bytes(data)
    return ModuleFile(os.open(path, os.O_RDONLY))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "module.wasm"


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_file_and_memory_give_the_same(path: Path, size: int) -> None:
    data = os.urandom(size)
    file, memory = opened(path, data), ModuleBytes(bytearray(data))
    for source in (file, memory):
        assert (source.size, source.digest) == (size, digest_of(data))
        for _ in range(2):
            assert b"".join(source.chunks()) == data
        view = source.view()
        assert len(view) == size
        for start, end in ((0, size), (BLOCK - 1, BLOCK + 1), (size - 1, size), (0, 0)):
            assert view[start:end] == data[start:end]
        assert [view[at] for at in range(0, size, BLOCK - 1)] == list(data[:: BLOCK - 1])


def test_a_source_is_taken_as_it_is(path: Path) -> None:
    file = opened(path, SMALL)
    assert source_of(file) is file


@pytest.mark.parametrize("kind", [bytearray, lambda data: memoryview(bytearray(data))])
def test_a_buffer_that_is_written_to_later_is_sealed_as_it_was(kind: Any) -> None:
    """Other bytes under the same key stream would tell how they differ."""
    buffer = kind(SMALL)
    layer = seal_one(buffer).layer
    before = bytes_of(layer)
    buffer[:] = bytes(len(buffer))
    assert bytes_of(layer) == before


@pytest.mark.parametrize("module", [SMALL, FULL, LARGE])
def test_a_file_is_sealed_as_its_bytes_are(path: Path, module: bytes) -> None:
    file = opened(path, module)
    assert bill_of_materials(file) == bill_of_materials(module)
    sealed = seal_one(file)
    assert digest_of(bytes_of(sealed.layer)) == sealed.layer.digest == sealed.statement.layer


def test_code_and_data_are_passed_over_unread(path: Path, monkeypatch) -> None:
    read: set[int] = set()
    filler = section(10, bytes(4 * BLOCK)) + section(
        11, vector(b"\x01" + b"\x80\x80\x80\x02" + bytes(4 * BLOCK))
    )
    file = opened(path, HEADER + filler)
    block = ModuleFile.block

    def noted(self: ModuleFile, index: int) -> bytes:
        read.add(index)
        return block(self, index)

    monkeypatch.setattr(ModuleFile, "block", noted)
    assert bill_of_materials(file).data.bytes == 4 * BLOCK
    assert read == {0, 4}


def flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(BLOCK + 7)
        file.write(b"\xff")


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(custom("more"))


def shorten(path: Path) -> None:
    os.truncate(path, BLOCK)


def empty(path: Path) -> None:
    path.write_bytes(b"")


CHANGES = [flip, grow, shorten, empty]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_is_not_sealed(path: Path, change) -> None:
    file = opened(path, LARGE)
    change(path)
    assert refusal(seal_one, file) is SealRefusal.MODULE_CHANGED


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_afterwards_is_not_published(path: Path, change) -> None:
    """Other bytes under the same key stream would tell the difference of both plaintexts."""
    store = OciLayout.create(path.parent / "shop")
    sealed = seal_one(opened(path, LARGE))
    change(path)
    assert refusal(push, store, sealed, "v1") is SealRefusal.MODULE_CHANGED
    assert refusal(store.get_manifest, "v1") is SealRefusal.NOT_FOUND
    assert not store.has_blob(sealed.layer.digest, sealed.layer.size)
    assert not [one for one in (path.parent / "shop").rglob("*") if one.name.startswith(".seal")]


def test_another_file_under_the_same_name_changes_nothing(path: Path) -> None:
    sealed = seal_one(opened(path, LARGE))
    path.unlink()
    path.write_bytes(SMALL)
    assert digest_of(bytes_of(sealed.layer)) == sealed.layer.digest


def test_too_large_before_it_is_read(path: Path) -> None:
    path.touch()
    os.truncate(path, limits.MODULE_BYTES + 1)
    with pytest.raises(SealError) as caught:
        ModuleFile(os.open(path, os.O_RDONLY))
    assert caught.value.code is SealRefusal.TOO_LARGE


def test_a_disk_that_fails(path: Path, monkeypatch) -> None:
    def fail(*_: object) -> Iterator[bytes]:
        raise OSError(5, "Input/output error")

    file = opened(path, SMALL)
    monkeypatch.setattr(os, "pread", fail)
    assert refusal(list, file.chunks()) is SealRefusal.STORE_UNUSABLE


def test_the_file_is_closed_with_its_module(path: Path) -> None:
    path.write_bytes(SMALL)
    descriptor = os.open(path, os.O_RDONLY)
    file = ModuleFile(descriptor)
    assert os.fstat(descriptor)
    del file
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)
