"""An owner's bundle is found among all that others attach to hide it, at a bounded cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sealing import limits as format_limits
from sealing.canonical import digest_of, encode
from sealing.errors import SealRefusal
from sealing.keys import SigningKey, VerifyingKey
from sealing.oci import limits
from sealing.oci.attachments import PREDICATE_NOTE, bundle_manifest
from sealing.oci.every_shape import describe_every
from sealing.oci.layout import OciLayout
from sealing.oci.reference import LayoutReference
from sealing.oci.registry.client import RegistryClient
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import Attachment, attach, describe, push
from sealing.signatures.bundle import UnverifiedBundle, sign_bundle
from sealing.signatures.statement import PREDICATE_TYPE
from sealing.unseal import verify_artifact
from tests.fakes.registry import FakeRegistry
from tests.unit.sealing import makers
from tests.unit.sealing.oci import samples
from tests.unit.sealing.oci.samples import refusal, sealed

V1 = LayoutReference(folder="any", tag="v1")
OWNERS = (makers.OWNER.public,)
MANY = format_limits.BUNDLES + 8


@pytest.fixture(params=["layout", "tag", "api"])
def store(
    request: pytest.FixtureRequest, registry: FakeRegistry, client: RegistryClient, tmp_path: Path
) -> ArtifactStore:
    if request.param == "layout":
        return OciLayout.create(tmp_path / "layout")
    registry.referrers_api = request.param == "api"
    return client


def attached(
    store: ArtifactStore, bundle: bytes, *, predicate: str | None = PREDICATE_TYPE, note: str = ""
) -> None:
    document: dict[str, Any] = json.loads(
        bundle_manifest(
            sealed().manifest, bundle, predicate_type=predicate or "", created=makers.NOW
        )
    )
    if predicate is None:
        del document["annotations"][PREDICATE_NOTE]
    if note:
        document["annotations"]["note"] = note
    attach(store, Attachment(samples.to_json(document), bundle))


def forged(number: int) -> bytes:
    """Return a bundle that claims to be the owner's, and says what the owner said."""
    document = json.loads(sealed().bundle)
    other = json.loads(sign_bundle(b"%d" % number, makers.OWNER))
    document["dsseEnvelope"]["signatures"] = other["dsseEnvelope"]["signatures"]
    return encode(document)


def signed_by(key: SigningKey) -> bytes:
    """Return the owner's statement as `key` signs it."""
    return sign_bundle(UnverifiedBundle.parse(sealed().bundle).unverified_payload, key)


def verified(found: Any, owners: Sequence[VerifyingKey], threshold: int = 1) -> Any:
    return verify_artifact(
        found.manifest.raw, found.config, found.bundles, owners=owners, threshold=threshold
    )


@pytest.mark.parametrize("predicate", [PREDICATE_TYPE, None])
def test_among_forged_ones(store: ArtifactStore, predicate: str | None) -> None:
    for number in range(MANY):
        attached(store, forged(number), predicate=predicate)
    push(store, sealed(), "v1")
    found = describe(store, V1, owners=OWNERS)
    assert len(found.bundles) == format_limits.BUNDLES
    assert verified(found, OWNERS).bundle == sealed().bundle
    (every,) = describe_every(store, V1, owners=OWNERS).shapes
    assert every == found


@pytest.mark.parametrize("more", [-1, 1])
def test_beside_its_own_digest_with_another_size(client: RegistryClient, more: int) -> None:
    for number in range(MANY):
        attached(client, forged(number))
    push(client, sealed(), "v1")
    document = json.loads(
        bundle_manifest(
            sealed().manifest, sealed().bundle, predicate_type=PREDICATE_TYPE, created=makers.NOW
        )
    )
    document["layers"][0]["size"] += more
    client.put_manifest(encode(document))
    assert verified(describe(client, V1, owners=OWNERS), OWNERS).bundle == sealed().bundle


def test_behind_one_of_another_owner_many_times(store: ArtifactStore) -> None:
    for number in range(MANY):
        attached(store, sealed().bundle, note=str(number))
    push(store, sealed(), "v1")
    attached(store, signed_by(makers.STRANGER))
    both = [makers.OWNER.public, makers.STRANGER.public]
    found = describe(store, V1, owners=both)
    assert len(verified(found, both, threshold=2).signers) == 2


def test_by_nobody_without_a_key(store: ArtifactStore) -> None:
    for number in range(MANY):
        attached(store, forged(number))
    push(store, sealed(), "v1")
    assert sealed().bundle not in describe(store, V1).bundles


def test_of_a_stranger_stays_one(store: ArtifactStore) -> None:
    for number in range(MANY):
        attached(store, forged(number))
    push(store, sealed(), "v1")
    stranger = [makers.STRANGER.public]
    found = describe(store, V1, owners=stranger)
    assert refusal(verified, found, stranger) is SealRefusal.SIGNER_UNKNOWN


def test_after_damaged_ones(client: RegistryClient, registry: FakeRegistry) -> None:
    for number in range(MANY):
        attached(client, forged(number))
        del registry.blobs[digest_of(forged(number))]
    push(client, sealed(), "v1")
    assert refusal(describe, client, V1) is SealRefusal.NOT_FOUND
    assert verified(describe(client, V1, owners=OWNERS), OWNERS)


def test_where_larger_ones_are_more_than_is_read(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(MANY):
        attached(store, forged(number) + b" " * 1000)
    push(store, sealed(), "v1")
    monkeypatch.setattr(limits, "SEARCHED_BYTES", len(sealed().bundle))
    assert verified(describe(store, V1, owners=OWNERS), OWNERS)
    monkeypatch.setattr(limits, "SEARCHED_BYTES", len(sealed().bundle) - 1)
    found = describe(store, V1, owners=OWNERS)
    assert refusal(verified, found, OWNERS) is not None


def test_is_not_looked_for_in_what_cannot_be_one(
    client: RegistryClient, registry: FakeRegistry
) -> None:
    for number in range(MANY):
        attached(client, forged(number))
    push(client, sealed(), "v1")
    attached(client, b"other", predicate="https://slsa.dev/provenance/v1")
    attached(client, b"large", note="x" * limits.BUNDLE_REFERRER_BYTES)
    registry.requests.clear()
    describe(client, V1, owners=OWNERS)
    asked = {path.rpartition("/")[2] for path in registry.seen("GET")}
    assert digest_of(sealed().bundle) in asked
    assert not asked & {digest_of(b"other"), digest_of(b"large")}


def test_no_more_is_asked_for_than_a_list_holds(
    client: RegistryClient, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(MANY):
        attached(client, forged(number))
    push(client, sealed(), "v1")
    monkeypatch.setattr(limits, "INDEX_ENTRIES", 4)
    registry.referrers_api = True
    registry.page_size = 2
    registry.requests.clear()
    describe(client, V1, owners=OWNERS)
    manifests = [path for path in registry.seen("GET") if "/manifests/sha256:" in path]
    assert len(manifests) <= format_limits.BUNDLES + 4
