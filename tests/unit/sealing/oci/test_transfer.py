"""Push, describe, pull and copy: through a folder and a registry alike, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sealing import limits as format_limits
from sealing.canonical import digest_of
from sealing.errors import SealRefusal
from sealing.oci import limits
from sealing.oci.attachments import bundle_manifest, parse_bundle_manifest
from sealing.oci.blob import Blob
from sealing.oci.copying import copy
from sealing.oci.descriptor import EMPTY_JSON, EMPTY_TYPE, MANIFEST_TYPE, Descriptor
from sealing.oci.layout import OciLayout
from sealing.oci.reference import LayoutReference, Reference
from sealing.oci.registry.client import RegistryClient
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import Attachment, attach, describe, fetch_layer, pull, push
from sealing.signatures.bundle import BUNDLE_TYPE, sign_bundle
from sealing.signatures.cosign import SimpleSignature, simple_signature
from sealing.unseal import verify_artifact
from tests.fakes.registry import FakeRegistry
from tests.fakes.registry_wire import Response
from tests.fakes.sealing import bytes_of, part_of
from tests.unit.sealing import makers
from tests.unit.sealing.oci import samples
from tests.unit.sealing.oci.samples import refusal, sealed

V1 = LayoutReference(folder="any", tag="v1")


def simple(place: str = "registry.example.com/acme/scoring") -> SimpleSignature:
    return simple_signature(sealed().manifest_digest, place, makers.OWNER)


@pytest.fixture
def layout(tmp_path: Path) -> OciLayout:
    return OciLayout.create(tmp_path / "layout")


@pytest.fixture(params=["layout", "registry"])
def store(request: pytest.FixtureRequest) -> ArtifactStore:
    name = {"layout": "layout", "registry": "client"}[request.param]
    found: ArtifactStore = request.getfixturevalue(name)
    return found


class TestRoundTrip:
    def test_what_is_pushed_is_pulled_and_verifies(self, store: ArtifactStore) -> None:
        digest = push(store, sealed(), "v1", simple=simple())
        assert digest == sealed().manifest_digest
        for reference in (V1, V1.with_digest(digest)):
            pulled = pull(store, reference)
            assert pulled.digest == digest
            assert (pulled.manifest, pulled.config) == (sealed().manifest, sealed().config)
            assert (pulled.layer, pulled.bundles) == (bytes_of(sealed().layer), (sealed().bundle,))
        assert verify_artifact(
            pulled.manifest, pulled.config, pulled.bundles, owners=[makers.OWNER.public]
        )

    def test_twice_is_once(self, store: ArtifactStore) -> None:
        for _ in range(2):
            push(store, sealed(), "v1", simple=simple())
        assert len(describe(store, V1).attachments) == 1

    def test_simple_signature_is_a_tag(self, store: ArtifactStore) -> None:
        push(store, sealed(), "v1", simple=simple())
        tag = sealed().manifest_digest.replace(":", "-") + ".sig"
        (layer,) = json.loads(store.get_manifest(tag))["layers"]
        payload = store.get_blob(layer["digest"], layer["size"])
        signature = layer["annotations"]["dev.cosignproject.cosign/signature"]
        makers.OWNER.public.verify(makers.unb64(signature), payload)

    def test_without_a_simple_signature_there_is_no_such_tag(self, store: ArtifactStore) -> None:
        push(store, sealed(), "v1")
        tag = sealed().manifest_digest.replace(":", "-") + ".sig"
        assert refusal(store.get_manifest, tag) is SealRefusal.NOT_FOUND

    def test_progress(self, store: ArtifactStore) -> None:
        size = sealed().layer.size
        told: list[tuple[str, int, int]] = []
        push(store, sealed(), "v1", progress=lambda *what: told.append(what))
        assert told[-1] == ("layer", size, size)
        told.clear()
        pull(store, V1, progress=lambda *what: told.append(what))
        assert told[-1] == ("layer", size, size)
        assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)

    def test_signatures_of_others_come_along(self, store: ArtifactStore) -> None:
        push(store, sealed(), "v1")
        theirs = sign_bundle(b"{}", makers.STRANGER)
        manifest = bundle_manifest(
            sealed().manifest, theirs, predicate_type="https://example.com/x", created=makers.NOW
        )
        attach(store, Attachment(manifest, theirs))
        assert sorted(describe(store, V1).bundles) == sorted([sealed().bundle, theirs])

    def test_unsigned_is_described_without_bundles(self, store: ArtifactStore) -> None:
        for part in (sealed().config, bytes_of(sealed().layer)):
            store.put_blob(Blob.of(part))
        store.put_manifest(sealed().manifest, tag="v1")
        assert describe(store, V1).bundles == ()


class TestPushRefuses:
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"manifest": samples.manifest()}, SealRefusal.NOT_CANONICAL),
            ({"config": b"{}"}, SealRefusal.SIZE_MISMATCH),
            ({"config": sealed().config[:-1] + b" "}, SealRefusal.DIGEST_MISMATCH),
            ({"layer": Blob.of(b"another")}, SealRefusal.DIGEST_MISMATCH),
        ],
    )
    def test_parts_that_do_not_fit(
        self, client: RegistryClient, registry: FakeRegistry, change: Any, code: SealRefusal
    ) -> None:
        assert refusal(push, client, replace(sealed(), **change), "v1") is code
        assert registry.requests == []

    def test_simple_signature_for_another(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        other = simple_signature(samples.ABSENT, "registry.example.com/a", makers.OWNER)
        code = refusal(push, client, sealed(), "v1", simple=other)
        assert code is SealRefusal.DIGEST_MISMATCH
        assert registry.requests == []

    def test_a_tag_that_is_none(self, client: RegistryClient, registry: FakeRegistry) -> None:
        assert refusal(push, client, sealed(), "a/b") is SealRefusal.REFERENCE_INVALID
        assert registry.requests == []

    @pytest.mark.parametrize("part", ["/blobs/uploads/", "/manifests/sha256"])
    def test_interrupted_leaves_no_tag(
        self, client: RegistryClient, registry: FakeRegistry, part: str
    ) -> None:
        registry.fails("PUT", part, 403)
        assert refusal(push, client, sealed(), "v1") is SealRefusal.FORBIDDEN
        assert "v1" not in registry.manifests

    def test_simple_signature_that_cannot_be_looked_for(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        registry.answers("GET", ".sig", Response(403))
        code = refusal(push, client, sealed(), "v1", simple=simple())
        assert code is SealRefusal.FORBIDDEN


class TestPullRefuses:
    @pytest.fixture(autouse=True)
    def published(self, registry: FakeRegistry, client: RegistryClient) -> None:
        push(client, sealed(), "v1")
        registry.requests.clear()

    def test_a_reference_without_target(self, client: RegistryClient) -> None:
        reference = Reference.parse("registry.example.com/acme/scoring")
        assert refusal(pull, client, reference) is SealRefusal.REFERENCE_INCOMPLETE

    def test_a_plain_module(self, client: RegistryClient, registry: FakeRegistry) -> None:
        document = json.loads(sealed().manifest)
        document["layers"][0]["mediaType"] = "application/wasm"
        registry.manifests["v1"] = json.dumps(
            document, separators=(",", ":"), sort_keys=True
        ).encode()
        assert refusal(pull, client, V1) is SealRefusal.NOT_SEALED

    @pytest.mark.parametrize("part", ["config", "layer", "bundle"])
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (lambda data: data[:-1], SealRefusal.SIZE_MISMATCH),
            (lambda data: data + b" ", SealRefusal.SIZE_MISMATCH),
            (lambda data: makers.flipped(data, 8 * (len(data) // 2)), SealRefusal.DIGEST_MISMATCH),
        ],
        ids=["shorter", "longer", "flipped"],
    )
    def test_a_damaged_blob(
        self,
        client: RegistryClient,
        registry: FakeRegistry,
        part: str,
        change: Callable[[bytes], bytes],
        code: SealRefusal,
    ) -> None:
        data = part_of(sealed(), part)
        registry.blobs[digest_of(data)] = change(data)
        assert refusal(pull, client, V1) is code

    @pytest.mark.parametrize("change", ["tag", "index"])
    def test_manifest_changed_under_its_digest(
        self, client: RegistryClient, registry: FakeRegistry, change: str
    ) -> None:
        if change == "tag":
            other = samples.manifest()
            registry.manifests[sealed().manifest_digest] = other
            reference = V1.with_digest(sealed().manifest_digest)
            assert refusal(pull, client, reference) is SealRefusal.DIGEST_MISMATCH
            return
        (entry,) = client.referrers(sealed().manifest_digest, artifact_type=BUNDLE_TYPE)
        registry.manifests[entry.digest] = samples.referrer(sealed().manifest)
        assert refusal(pull, client, V1) is SealRefusal.DIGEST_MISMATCH

    def test_the_layer_is_not_asked_for_when_a_signature_is_damaged(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        registry.blobs[digest_of(sealed().bundle)] = b"{}"
        refusal(pull, client, V1)
        assert not any(sealed().layer.digest in path for path in registry.seen("GET"))

    def test_a_wrong_size_in_the_list_of_referrers(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        tag = sealed().manifest_digest.replace(":", "-")
        index = json.loads(registry.manifests[tag])
        index["manifests"][0]["size"] += 1
        registry.manifests[tag] = samples.to_json(index)
        assert refusal(pull, client, V1) is SealRefusal.SIZE_MISMATCH

    def test_a_line_that_breaks_for_good(
        self, client: RegistryClient, registry: FakeRegistry
    ) -> None:
        found = describe(client, V1)
        registry.never_sends_the_end(sealed().layer.size - 1)
        told: list[int] = []
        code = refusal(
            fetch_layer, client, found.manifest, progress=lambda *what: told.append(what[1])
        )
        assert code is SealRefusal.UNREACHABLE
        assert len(registry.seen("GET")) >= len(limits.RETRY_SECONDS)


class TestReferrerManifests:
    def document(self, **changes: Any) -> bytes:
        manifest = bundle_manifest(
            sealed().manifest, b"bundle", predicate_type="x", created=makers.NOW
        )
        return samples.to_json(json.loads(manifest) | changes)

    def test_read_back(self) -> None:
        found = parse_bundle_manifest(self.document(), subject=sealed().manifest_digest)
        assert found == Descriptor.of(b"bundle", BUNDLE_TYPE)

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"artifactType": samples.NOTE_TYPE}, SealRefusal.MEDIA_TYPE),
            ({"artifactType": None}, SealRefusal.MEDIA_TYPE),
            ({"subject": None}, SealRefusal.DIGEST_MISMATCH),
            (
                {"subject": Descriptor.of(b"other", MANIFEST_TYPE).to_document()},
                SealRefusal.DIGEST_MISMATCH,
            ),
            ({"config": Descriptor.of(b"[]", EMPTY_TYPE).to_document()}, SealRefusal.MEDIA_TYPE),
            (
                {"config": Descriptor.of(EMPTY_JSON, BUNDLE_TYPE).to_document()},
                SealRefusal.MEDIA_TYPE,
            ),
            ({"layers": []}, SealRefusal.LAYER_COUNT),
            (
                {"layers": [Descriptor.of(b"", BUNDLE_TYPE).to_document()] * 2},
                SealRefusal.LAYER_COUNT,
            ),
            ({"layers": [Descriptor.of(b"", MANIFEST_TYPE).to_document()]}, SealRefusal.MEDIA_TYPE),
            (
                {"layers": [replace(
                    Descriptor.of(b"", BUNDLE_TYPE), size=format_limits.BUNDLE_BYTES + 1
                ).to_document()]},
                SealRefusal.TOO_LARGE,
            ),
        ],
    )  # fmt: skip
    def test_of_another_form(self, changes: Any, code: SealRefusal) -> None:
        data = self.document(**changes)
        assert refusal(parse_bundle_manifest, data, subject=sealed().manifest_digest) is code

    def test_largest_bundle(self) -> None:
        largest = replace(Descriptor.of(b"", BUNDLE_TYPE), size=format_limits.BUNDLE_BYTES)
        data = self.document(layers=[largest.to_document()])
        assert parse_bundle_manifest(data, subject=sealed().manifest_digest) == largest

    def test_that_is_no_object(self) -> None:
        code = refusal(parse_bundle_manifest, b"[]", subject=sealed().manifest_digest)
        assert code is SealRefusal.MALFORMED


class TestCopy:
    def test_carries_everything_and_changes_nothing(
        self, layout: OciLayout, client: RegistryClient, tmp_path: Path
    ) -> None:
        push(layout, sealed(), "v1", simple=simple())
        digest = copy(layout, V1, client, "v2")
        back = OciLayout.create(tmp_path / "back")
        assert copy(client, V1.with_tag("v2"), back, "v1") == digest == sealed().manifest_digest
        assert pull(back, V1) == pull(layout, V1)
        tag = sealed().manifest_digest.replace(":", "-") + ".sig"
        assert back.get_manifest(tag) == layout.get_manifest(tag)

    def test_again_keeps_the_simple_signature(
        self, layout: OciLayout, client: RegistryClient
    ) -> None:
        push(layout, sealed(), "v1", simple=simple())
        push(client, sealed(), "v1", simple=simple("registry.example.net/theirs"))
        tag = sealed().manifest_digest.replace(":", "-") + ".sig"
        before = client.get_manifest(tag)
        copy(layout, V1, client, "v1")
        assert client.get_manifest(tag) == before

    def test_without_a_simple_signature(self, layout: OciLayout, client: RegistryClient) -> None:
        push(layout, sealed(), "v1")
        copy(layout, V1, client, "v1")
        assert pull(client, V1) == pull(layout, V1)

    @pytest.mark.parametrize(
        ("count", "size"),
        [(format_limits.BUNDLES + 1, 1), (1, format_limits.BUNDLE_BYTES + 1)],
    )
    def test_a_simple_signature_that_is_something_else(
        self,
        layout: OciLayout,
        client: RegistryClient,
        registry: FakeRegistry,
        count: int,
        size: int,
    ) -> None:
        push(client, sealed(), "v1")
        layer = Descriptor("application/x", samples.ABSENT, size).to_document()
        tag = sealed().manifest_digest.replace(":", "-") + ".sig"
        registry.manifests[tag] = samples.manifest(layers=[layer] * count)
        assert refusal(copy, client, V1, layout, "v1") is SealRefusal.TOO_LARGE
        assert refusal(layout.get_manifest, "v1") is SealRefusal.NOT_FOUND
