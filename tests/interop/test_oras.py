"""oras carries an artifact with everything that refers to it, and it still verifies here."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealing.oci.layout import OciLayout
from sealing.oci.reference import LayoutReference
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import pull, push, push_shapes
from sealing.shapes import COMPAT, WASM
from sealing.signatures.owner_trust import OwnerTrust
from sealing.unseal import verify_artifact
from sealwasm.artifacts.offered import offered_at
from tests.fakes.sealing import bytes_of
from tests.interop.sigstore_tools import Oras
from tests.interop.tools import docker_registry
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import sealed
from tests.unit.sealing.oci.test_shape_index import sealed as one_of

pytestmark = pytest.mark.interop


@pytest.fixture
def oras(tmp_path: Path) -> Oras:
    (tmp_path / "home").mkdir()
    return Oras(tmp_path / "home")


def verified(store: ArtifactStore, reference: LayoutReference) -> bool:
    pulled = pull(store, reference)
    owners = [makers.OWNER.public]
    artifact = verify_artifact(pulled.manifest, pulled.config, pulled.bundles, owners=owners)
    return artifact.manifest.digest == sealed().manifest_digest and pulled.layer == bytes_of(
        sealed().layer
    )


def test_carries_an_artifact_to_another_registry_and_to_a_folder(
    oras: Oras, tmp_path: Path
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    with docker_registry(tmp_path / "here") as here, docker_registry(tmp_path / "there") as there:
        with here.client() as client:
            push(client, sealed(), "v1")
        source = f"{here.reference.location}:v1"
        oras.copy(source, f"{there.reference.location}:v1", "--to-plain-http")
        with there.client() as client:
            assert verified(client, there.reference)
        oras.copy(source, f"{tmp_path}/layout:v1", "--to-oci-layout")
    folder = LayoutReference(folder="theirs", tag="v1")
    assert verified(OciLayout.open(tmp_path / "layout"), folder)


def test_carries_our_folder_to_a_registry(oras: Oras, tmp_path: Path) -> None:
    push(OciLayout.create(tmp_path / "layout"), sealed(), "v1")
    with docker_registry(tmp_path) as registry:
        target = f"{registry.reference.location}:v1"
        options = ("cp", "-r", "--from-oci-layout", "--to-plain-http")
        oras.run(*options, f"{tmp_path}/layout:v1", target)
        with registry.client() as client:
            assert verified(client, registry.reference)


def test_carries_an_index_with_the_signatures_of_its_entries(oras: Oras, tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    both = [(one_of(shape), None) for shape in (WASM, COMPAT)]
    trust = OwnerTrust.of([makers.OWNER.public]).resolve(makers.NOW)
    with docker_registry(tmp_path / "here") as here, docker_registry(tmp_path / "there") as there:
        with here.client() as client:
            digest = push_shapes(client, both, "v1")
        source = f"{here.reference.location}:v1"
        oras.copy(source, f"{there.reference.location}:v1", "--to-plain-http")
        with there.client() as client:
            offered = offered_at(client, there.reference, trust)
    assert (offered.is_index, offered.digest) == (True, digest)
    assert list(offered.shapes) == ["wasm", "compat"]
