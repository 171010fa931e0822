"""skopeo reads and carries what we publish, and we read what it carried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealing.oci.layout import OciLayout
from sealing.oci.reference import LayoutReference
from sealing.oci.transfer import describe, pull, push
from sealing.signatures.cosign import simple_signature
from sealwasm.artifacts.transfers import push_artifact
from tests.fakes.sealing import bytes_of
from tests.interop.tools import DockerRegistry, Skopeo, docker_registry
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import sealed

pytestmark = pytest.mark.interop


@pytest.fixture
def skopeo(tmp_path: Path) -> Skopeo:
    (tmp_path / "home").mkdir()
    return Skopeo(tmp_path / "home")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path) as registry:
        yield registry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    push(OciLayout.create(tmp_path / "layout"), sealed(), "v1")
    return tmp_path / "layout"


def test_reads_our_folder(skopeo: Skopeo, folder: Path) -> None:
    assert skopeo.inspect_raw(f"oci:{folder}:v1") == sealed().manifest


def test_reads_our_push(skopeo: Skopeo, registry: DockerRegistry) -> None:
    place = registry.reference.location
    simple = simple_signature(sealed().manifest_digest, place, makers.OWNER)
    with registry.client() as client:
        push(client, sealed(), "v1", simple=simple)
        assert skopeo.inspect_raw(f"docker://{place}:v1") == sealed().manifest
        by_digest = f"docker://{place}@{sealed().manifest_digest}"
        assert skopeo.inspect_raw(by_digest) == sealed().manifest
        signature = skopeo.inspect_raw(f"docker://{place}:{simple.tag}")
        assert signature == client.get_manifest(simple.tag)


def test_carries_the_signature_of_what_the_command_line_published(
    skopeo: Skopeo, registry: DockerRegistry, tmp_path: Path
) -> None:
    place = registry.reference.location
    push_artifact(sealed(), f"{place}:v1", owner=makers.OWNER)
    tag = sealed().manifest_digest.replace(":", "-") + ".sig"
    skopeo.copy(f"docker://{place}:{tag}", f"oci:{tmp_path}/theirs:sig")
    # Debian builds skopeo without the verifying of such signatures: the reading is ours.
    theirs = OciLayout.open(tmp_path / "theirs")
    (layer,) = json.loads(theirs.get_manifest("sig"))["layers"]
    payload = theirs.get_blob(layer["digest"], layer["size"])
    signature = layer["annotations"]["dev.cosignproject.cosign/signature"]
    makers.OWNER.public.verify(makers.unb64(signature), payload)
    critical = json.loads(payload)["critical"]
    assert critical["identity"] == {"docker-reference": place}
    assert critical["image"] == {"docker-manifest-digest": sealed().manifest_digest}


def test_carries_our_folder_to_a_registry(
    skopeo: Skopeo, registry: DockerRegistry, folder: Path
) -> None:
    skopeo.copy(f"oci:{folder}:v1", f"docker://{registry.reference.location}:v1")
    with registry.client() as client:
        pulled = pull(client, registry.reference)
    # skopeo knows no referrers: what it carries is whole, and unsigned until we copy it.
    assert (pulled.digest, pulled.layer) == (sealed().manifest_digest, bytes_of(sealed().layer))
    assert pulled.bundles == ()


def test_carries_our_push_to_a_folder(
    skopeo: Skopeo, registry: DockerRegistry, tmp_path: Path
) -> None:
    with registry.client() as client:
        push(client, sealed(), "v1")
    skopeo.copy(f"docker://{registry.reference.location}:v1", f"oci:{tmp_path}/theirs:v1")
    theirs = LayoutReference(folder="theirs", tag="v1")
    pulled = pull(OciLayout.open(tmp_path / "theirs"), theirs)
    assert (pulled.digest, pulled.layer) == (sealed().manifest_digest, bytes_of(sealed().layer))


def test_writes_into_our_folder_and_we_into_its(
    skopeo: Skopeo, folder: Path, tmp_path: Path
) -> None:
    skopeo.copy(f"oci:{folder}:v1", f"oci:{folder}:v2")
    layout = OciLayout.open(folder)
    for tag in ("v1", "v2"):
        found = describe(layout, LayoutReference(folder="x", tag=tag))
        assert found.bundles == (sealed().bundle,)
    skopeo.copy(f"oci:{folder}:v1", f"oci:{tmp_path}/theirs:v1")
    push(OciLayout.create(tmp_path / "theirs"), sealed(), "v2")
    assert skopeo.inspect_raw(f"oci:{tmp_path}/theirs:v1") == sealed().manifest
