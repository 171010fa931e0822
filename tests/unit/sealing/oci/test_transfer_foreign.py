"""What others attach to an artifact does not stop its readers, and never stands for the owner's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealing import limits as format_limits
from sealing.canonical import digest_of
from sealing.errors import SealRefusal
from sealing.oci.attachments import PREDICATE_NOTE, bundle_manifest
from sealing.oci.blob import Blob
from sealing.oci.descriptor import EMPTY_JSON, EMPTY_TYPE, Descriptor
from sealing.oci.layout import OciLayout
from sealing.oci.reference import LayoutReference
from sealing.oci.registry.client import RegistryClient
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import Attachment, attach, describe, push
from sealing.signatures.bundle import BUNDLE_TYPE
from sealing.signatures.statement import PREDICATE_TYPE
from sealing.unseal import verify_artifact
from tests.fakes.registry import FakeRegistry
from tests.unit.sealing import makers
from tests.unit.sealing.oci import samples
from tests.unit.sealing.oci.samples import refusal, sealed

V1 = LayoutReference(folder="any", tag="v1")
OTHER = "https://slsa.dev/provenance/v1"
BUNDLE = Descriptor.of(b"bundle", BUNDLE_TYPE).to_document()


@pytest.fixture(params=["layout", "tag", "api"])
def store(
    request: pytest.FixtureRequest, registry: FakeRegistry, client: RegistryClient, tmp_path: Path
) -> ArtifactStore:
    if request.param == "layout":
        return OciLayout.create(tmp_path / "layout")
    registry.referrers_api = request.param == "api"
    return client


def foreign(store: ArtifactStore, bundle: bytes, *, predicate: str | None, **members: Any) -> str:
    """Attach `bundle` to the sample artifact, before or after its owner does; return its digest."""
    whole = bundle_manifest(
        sealed().manifest, bundle, predicate_type=predicate or "", created=makers.NOW
    )
    document = json.loads(whole) | members
    if predicate is None:
        del document["annotations"][PREDICATE_NOTE]
    store.put_blob(Blob.of(b"[]"))
    attach(store, Attachment(samples.to_json(document), bundle))
    return digest_of(bundle)


def owner_is_found(store: ArtifactStore) -> bool:
    found = describe(store, V1)
    owners = [makers.OWNER.public]
    verified = verify_artifact(found.manifest.raw, found.config, found.bundles, owners=owners)
    return verified.bundle == sealed().bundle


@pytest.mark.parametrize("predicate", [OTHER, None])
def test_many_before_the_owners(store: ArtifactStore, predicate: str | None) -> None:
    for number in range(format_limits.BUNDLES + 4):
        foreign(store, b"%d" % number, predicate=predicate)
    push(store, sealed(), "v1")
    assert len(describe(store, V1).bundles) == format_limits.BUNDLES
    assert owner_is_found(store)


def test_order_of_the_looking(store: ArtifactStore) -> None:
    foreign(store, b"2", predicate=OTHER)
    foreign(store, b"1", predicate=None)
    push(store, sealed(), "v1")
    assert describe(store, V1).bundles == (sealed().bundle, b"1", b"2")


@pytest.mark.parametrize("predicate", [OTHER, None, PREDICATE_TYPE])
@pytest.mark.parametrize(
    "members",
    [
        {"config": Descriptor.of(b"[]", EMPTY_TYPE).to_document()},
        {"config": Descriptor.of(EMPTY_JSON, BUNDLE_TYPE).to_document()},
        {"layers": []},
        {"layers": [BUNDLE, BUNDLE]},
        {"layers": [BUNDLE | {"mediaType": "application/x"}]},
    ],
)
def test_of_another_form(
    store: ArtifactStore, predicate: str | None, members: dict[str, Any]
) -> None:
    foreign(store, b"bundle", predicate=predicate, **members)
    push(store, sealed(), "v1")
    assert describe(store, V1).bundles == (sealed().bundle,)
    assert owner_is_found(store)


@pytest.mark.parametrize("predicate", [OTHER, None, PREDICATE_TYPE])
@pytest.mark.parametrize("data", [None, b"other", b"bundel"])
def test_damaged(
    client: RegistryClient, registry: FakeRegistry, predicate: str | None, data: bytes | None
) -> None:
    digest = foreign(client, b"bundle", predicate=predicate)
    push(client, sealed(), "v1")
    del registry.blobs[digest]
    if data is not None:
        registry.blobs[digest] = data
    assert owner_is_found(client)


def test_the_owners_once_more_under_other_notes(store: ArtifactStore) -> None:
    push(store, sealed(), "v1")
    foreign(store, sealed().bundle, predicate=OTHER)
    assert describe(store, V1).bundles == (sealed().bundle,)
    assert owner_is_found(store)


def test_a_whole_one_does_not_stand_for_the_owners(
    client: RegistryClient, registry: FakeRegistry
) -> None:
    push(client, sealed(), "v1")
    foreign(client, b"theirs", predicate=OTHER)
    registry.blobs[digest_of(sealed().bundle)] = makers.flipped(sealed().bundle, 100)
    assert refusal(describe, client, V1) is SealRefusal.DIGEST_MISMATCH


def test_a_whole_one_described_like_the_owners_is_a_strangers(
    client: RegistryClient, registry: FakeRegistry
) -> None:
    push(client, sealed(), "v1")
    foreign(client, b"theirs", predicate=PREDICATE_TYPE)
    registry.blobs[digest_of(sealed().bundle)] = makers.flipped(sealed().bundle, 100)
    assert describe(client, V1).bundles == (b"theirs",)
    assert refusal(owner_is_found, client) is SealRefusal.MALFORMED


@pytest.mark.parametrize(
    ("status", "code"), [(403, None), (451, None), (503, SealRefusal.REGISTRY_FAILED)]
)
def test_that_the_registry_does_not_give(
    client: RegistryClient, registry: FakeRegistry, status: int, code: SealRefusal | None
) -> None:
    digest = foreign(client, b"theirs", predicate=OTHER)
    push(client, sealed(), "v1")
    registry.fails("GET", digest, status)
    if code is None:
        assert owner_is_found(client)
    else:
        assert refusal(describe, client, V1) is code


def test_a_bounded_number_is_looked_at(client: RegistryClient, registry: FakeRegistry) -> None:
    for number in range(format_limits.BUNDLES + 4):
        note = {PREDICATE_NOTE: OTHER, "number": str(number)}
        foreign(client, b"bundle", predicate=OTHER, layers=[], annotations=note)
    push(client, sealed(), "v1")
    registry.requests.clear()
    assert owner_is_found(client)
    asked = [path for path in registry.seen("GET") if "/manifests/sha256:" in path]
    assert len(asked) == format_limits.BUNDLES
