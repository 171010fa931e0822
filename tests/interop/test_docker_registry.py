"""The registry client against Debian's docker-registry: no referrers API, so the tag schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealing.canonical import digest_of
from sealing.errors import SealRefusal
from sealing.oci.blob import Blob
from sealing.oci.copying import copy
from sealing.oci.layout import OciLayout
from sealing.oci.reference import RegistryReference
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.settings import BasicCredentials, RegistrySettings
from sealing.oci.transfer import describe, pull, push
from sealing.signatures.cosign import simple_signature
from sealing.unseal import verify_artifact
from tests.fakes.cutting_proxy import CuttingProxy, cutting_proxy
from tests.fakes.sealing import bytes_of, part_of
from tests.interop.tools import DockerRegistry, docker_registry
from tests.unit.sealing import makers
from tests.unit.sealing.oci import samples
from tests.unit.sealing.oci.samples import refusal, sealed

pytestmark = pytest.mark.interop


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path) as registry:
        yield registry


@pytest.fixture
def client(registry: DockerRegistry) -> Iterator[RegistryClient]:
    with registry.client() as client:
        yield client


def test_what_is_pushed_is_pulled_and_verifies(
    registry: DockerRegistry, client: RegistryClient
) -> None:
    simple = simple_signature(sealed().manifest_digest, registry.reference.location, makers.OWNER)
    digest = push(client, sealed(), "v1", simple=simple)
    for reference in (registry.reference, registry.reference.with_digest(digest)):
        pulled = pull(client, reference)
        assert (pulled.digest, pulled.layer) == (digest, bytes_of(sealed().layer))
        owners = [makers.OWNER.public]
        verify_artifact(pulled.manifest, pulled.config, pulled.bundles, owners=owners)
    tag = digest.replace(":", "-")
    assert len(json.loads(client.get_manifest(tag))["manifests"]) == 1
    assert json.loads(client.get_manifest(f"{tag}.sig"))["layers"]


def test_pushed_again_nothing_is_added(registry: DockerRegistry, client: RegistryClient) -> None:
    for tag in ("v1", "v2", "v1"):
        push(client, sealed(), tag)
    assert len(describe(client, registry.reference).attachments) == 1


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (5 << 20) + 1])
def test_sizes(client: RegistryClient, size: int) -> None:
    data = b"\xa5" * size
    client.put_blob(Blob.of(data))
    assert client.has_blob(digest_of(data), size)
    assert client.get_blob(digest_of(data), size) == data


def test_absent(client: RegistryClient) -> None:
    assert refusal(client.get_manifest, "v1") is SealRefusal.NOT_FOUND
    assert refusal(client.get_blob, samples.ABSENT, 1) is SealRefusal.NOT_FOUND
    assert client.referrers(samples.ABSENT, artifact_type=samples.NOTE_TYPE) == ()


def test_manifest_whose_blobs_are_missing(client: RegistryClient) -> None:
    assert refusal(client.put_manifest, sealed().manifest) is SealRefusal.REGISTRY_REFUSED


def test_upload_of_something_else(client: RegistryClient) -> None:
    wrong = Blob(samples.ABSENT, len(samples.LAYER), Blob.of(samples.LAYER).chunks)
    assert refusal(client.put_blob, wrong) is SealRefusal.REGISTRY_REFUSED


@pytest.mark.parametrize("part", ["manifest", "config", "layer", "bundle"])
def test_changed_on_the_disk_of_the_registry(
    registry: DockerRegistry, client: RegistryClient, part: str
) -> None:
    push(client, sealed(), "v1")
    data = part_of(sealed(), part)
    registry.blob_file(digest_of(data)).write_bytes(makers.flipped(data, 8 * len(data) // 2))
    by_digest = registry.reference.with_digest(sealed().manifest_digest)
    assert refusal(pull, client, registry.reference) is SealRefusal.DIGEST_MISMATCH
    assert refusal(pull, client, by_digest) is SealRefusal.DIGEST_MISMATCH


def test_from_a_folder_and_back(
    registry: DockerRegistry, client: RegistryClient, tmp_path: Path
) -> None:
    here, there = (OciLayout.create(tmp_path / name) for name in ("here", "there"))
    push(here, sealed(), "v1")
    copy(here, registry.reference, client, "v1")
    copy(client, registry.reference, there, "v1")
    assert pull(there, registry.reference) == pull(here, registry.reference)


class TestPassword:
    @pytest.fixture
    def registry(self, tmp_path: Path) -> Iterator[DockerRegistry]:
        with docker_registry(tmp_path, password=True) as registry:
            yield registry

    def test_right(self, registry: DockerRegistry) -> None:
        with registry.client(BasicCredentials("alice", "secret")) as client:
            client.ping()
            push(client, sealed(), "v1")
            assert pull(client, registry.reference).layer == bytes_of(sealed().layer)

    @pytest.mark.parametrize("who", [None, BasicCredentials("alice", "wrong")])
    def test_wrong(self, registry: DockerRegistry, who: BasicCredentials | None) -> None:
        with registry.client(who) as client:
            assert refusal(client.ping) is SealRefusal.UNAUTHORIZED
            assert refusal(push, client, sealed(), "v1") is SealRefusal.UNAUTHORIZED
            assert refusal(pull, client, registry.reference) is SealRefusal.UNAUTHORIZED


class TestLinesThatBreak:
    @pytest.fixture
    def proxy(self, registry: DockerRegistry) -> Iterator[CuttingProxy]:
        with cutting_proxy(registry.port) as proxy:
            yield proxy

    @pytest.fixture
    def client(self, proxy: CuttingProxy) -> Iterator[RegistryClient]:
        reference = RegistryReference(registry=f"127.0.0.1:{proxy.port}", repository="acme/scoring")
        settings = RegistrySettings(retry_seconds=(0.01, 0.01, 0.01))
        with RegistryClient(reference, settings=settings) as client:
            yield client

    @pytest.mark.parametrize("size", [1 << 20, 20 << 20])
    @pytest.mark.parametrize("place", [0, 1, 300, 700, 100_000, 1_000_000])
    def test_carry_everything_once(
        self, client: RegistryClient, proxy: CuttingProxy, size: int, place: int
    ) -> None:
        data = bytes(range(256)) * (size // 256)
        proxy.breaks_sending_after(place)
        client.put_blob(Blob.of(data))
        proxy.breaks_answering_after(place)
        seen = bytearray()
        client.fetch_blob(digest_of(data), size, seen.extend)
        assert seen == data
        assert proxy.cuts == 2


class TestRepositoriesOfOneRegistry:
    @pytest.fixture
    def other(self, registry: DockerRegistry) -> Iterator[RegistryClient]:
        reference = RegistryReference(
            registry=f"127.0.0.1:{registry.port}", repository="acme/other"
        )
        with RegistryClient(reference) as client:
            yield client

    def test_blobs_are_mounted(self, client: RegistryClient, other: RegistryClient) -> None:
        client.put_blob(Blob.of(samples.LAYER))
        digest, size = digest_of(samples.LAYER), len(samples.LAYER)
        assert not other.has_blob(digest, size)
        assert other.mount_blob(digest, size, client)
        assert other.get_blob(digest, size) == samples.LAYER
        assert not other.mount_blob(samples.ABSENT, 1, client)

    def test_artifacts_are_copied(
        self, registry: DockerRegistry, client: RegistryClient, other: RegistryClient
    ) -> None:
        push(client, sealed(), "v1")
        copy(client, registry.reference, other, "v2")
        assert pull(other, registry.reference.with_digest(sealed().manifest_digest)) == pull(
            client, registry.reference
        )
        assert "v2" in other.tags()


def test_tags(client: RegistryClient) -> None:
    assert refusal(client.tags) is SealRefusal.NOT_FOUND
    for number in range(120):
        samples.publish(client, samples.manifest(), tag=f"v{number}")
    assert set(client.tags()) == {f"v{number}" for number in range(120)}
