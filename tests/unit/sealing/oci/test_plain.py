"""Modules in clear that other tools published: found, compared with their digest, read once."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from sealing.canonical import digest_of
from sealing.errors import SealRefusal
from sealing.module_source import ModuleSource
from sealing.oci.blob import Blob
from sealing.oci.descriptor import INDEX_TYPE, MANIFEST_TYPE, Descriptor
from sealing.oci.layout import OciLayout
from sealing.oci.plain import PlainModule, fetch_plain, find_plain
from sealing.oci.reference import LayoutReference
from sealing.oci.registry.client import RegistryClient
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import push, push_shapes
from tests.fakes.registry import FakeRegistry
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import refusal, sealed, to_json
from tests.unit.sealing.wasm_maker import SMALL
from tests.vectors.generate_plain import CNCF, ISTIO, PACKED, SETTINGS, descriptor, manifest

CASES = sorted((Path(__file__).parents[3] / "vectors" / "plain").glob("*/case.json"))
V1 = LayoutReference(folder="any", tag="v1")


@pytest.fixture(params=["layout", "registry"])
def store(request: pytest.FixtureRequest, client: RegistryClient, tmp_path: Path) -> ArtifactStore:
    return OciLayout.create(tmp_path / "layout") if request.param == "layout" else client


def packed(data: bytes, name: str = "plugin.wasm") -> bytes:
    """Return an image's layer as other tools write it."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    return gzip.compress(archive.getvalue())


def put(store: ArtifactStore, kind: str, data: bytes, **members: Any) -> bytes:
    """Publish `data` as a layer of that type under tag `v1`; return the manifest."""
    document = to_json(manifest(descriptor(kind, data), **members))
    for blob in (b"{}", data):
        store.put_blob(Blob.of(blob))
    store.put_manifest(document, tag="v1")
    return document


def fetched(store: ArtifactStore, folder: Path, **named: Any) -> ModuleSource:
    with (folder / "module").open("w+b") as file:
        return fetch_plain(store, find_plain(store, V1), file, **named)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_bytes())
    data = path.with_name("manifest.json").read_bytes()
    if case["expect"] == "accepted":
        found = PlainModule.parse(data)
        assert (found.layer.digest, found.manifest) == (case["layer"], digest_of(data))
    else:
        assert refusal(PlainModule.parse, data) == case["expect"]


@pytest.mark.parametrize(("kind", "data"), [(CNCF, SMALL), (ISTIO, SMALL), (PACKED, packed(SMALL))])
def test_the_module_comes_back(
    store: ArtifactStore, tmp_path: Path, kind: str, data: bytes
) -> None:
    seen: list[tuple[str, int, int]] = []
    put(store, kind, data)
    module = fetched(store, tmp_path, progress=lambda *said: seen.append(said))
    assert b"".join(module.chunks()) == SMALL
    assert (module.digest, module.size) == (digest_of(SMALL), len(SMALL))
    assert seen[-1] == ("layer", len(data), len(data))


@pytest.mark.parametrize("variant", [None, "compat"])
def test_an_index_is_followed(store: ArtifactStore, tmp_path: Path, variant: str | None) -> None:
    kind, data = (CNCF, SMALL) if variant is None else (PACKED, packed(SMALL))
    listed = Descriptor.of(put(store, kind, data), MANIFEST_TYPE).to_document()
    platform = {"architecture": "wasm", "os": "wasip1"} | ({"variant": variant} if variant else {})
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [listed | {"platform": platform}],
    }
    store.put_manifest(to_json(index), tag="v1")
    assert b"".join(fetched(store, tmp_path).chunks()) == SMALL


def test_what_is_sealed_is_refused(store: ArtifactStore) -> None:
    push(store, sealed(), "v1")
    assert refusal(find_plain, store, V1) is SealRefusal.ENCRYPTED
    push_shapes(store, [(sealed(), None)], "v1")
    assert refusal(find_plain, store, V1) is SealRefusal.ENCRYPTED


def test_what_is_not_there(store: ArtifactStore) -> None:
    assert refusal(find_plain, store, V1) is SealRefusal.NOT_FOUND


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data: makers.flipped(data, 3), SealRefusal.DIGEST_MISMATCH),
        (lambda data: data[:-1], SealRefusal.SIZE_MISMATCH),
        (lambda data: data + b"\0", SealRefusal.SIZE_MISMATCH),
    ],
)
@pytest.mark.parametrize(("kind", "data"), [(CNCF, SMALL), (PACKED, packed(SMALL))])
def test_a_registry_that_gives_something_else(
    client: RegistryClient,
    registry: FakeRegistry,
    tmp_path: Path,
    kind: str,
    data: bytes,
    change: Any,
    code: SealRefusal,
) -> None:
    put(client, kind, data)
    registry.blobs[digest_of(data)] = change(data)
    assert refusal(fetched, client, tmp_path) is code


@pytest.mark.parametrize(
    ("kind", "data"), [(CNCF, SMALL), (PACKED, packed(SMALL)), (PACKED, packed(bytes(10_000)))]
)
def test_not_more_than_the_caller_wants(
    store: ArtifactStore, tmp_path: Path, kind: str, data: bytes
) -> None:
    put(store, kind, data)
    limit = min(len(SMALL), len(data)) - 1
    assert refusal(fetched, store, tmp_path, limit_bytes=limit) is SealRefusal.TOO_LARGE


def test_a_small_archive_of_a_large_file(store: ArtifactStore, tmp_path: Path) -> None:
    data = packed(bytes(100_000))
    put(store, PACKED, data)
    assert refusal(fetched, store, tmp_path, limit_bytes=4096) is SealRefusal.TOO_LARGE


def test_an_archive_with_another_file(store: ArtifactStore, tmp_path: Path) -> None:
    put(store, PACKED, packed(SMALL, "other.wasm"))
    assert refusal(fetched, store, tmp_path) is SealRefusal.ARCHIVE_MALFORMED


def test_settings_are_not_fetched(
    client: RegistryClient, registry: FakeRegistry, tmp_path: Path
) -> None:
    put(client, ISTIO, SMALL)
    beside = descriptor(SETTINGS, b"settings")
    document = to_json(manifest(descriptor(ISTIO, SMALL), beside))
    registry.manifests["v1"] = registry.manifests[digest_of(document)] = document
    assert b"".join(fetched(client, tmp_path).chunks()) == SMALL


class FullDisk(io.BytesIO):
    def write(self, data: Any) -> int:
        raise OSError(28, "No space left on device")


class NoFile(io.BytesIO):
    """A file that takes everything and cannot be read again."""


@pytest.mark.parametrize("file", [FullDisk(), NoFile()])
def test_a_disk_that_is_full(store: ArtifactStore, file: BinaryIO) -> None:
    put(store, CNCF, SMALL)
    found = find_plain(store, V1)
    assert refusal(fetch_plain, store, found, file) is SealRefusal.STORE_UNUSABLE
