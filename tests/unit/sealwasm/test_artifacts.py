"""What the command line publishes beside an artifact, and what it shows of what others attached."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sealing.errors import SealRefusal
from sealing.keys import SigningKey
from sealing.oci.layout import OciLayout
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import PulledArtifact
from sealing.seal import SealedModule
from sealwasm.artifacts import push_artifact
from sealwasm.commands.inspect import _text, describe
from tests.fakes.registry import FakeRegistry, running
from tests.fakes.sealing import seal_for
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import refusal, sealed
from tests.unit.sealing.wasm_maker import SMALL

SIG = sealed().manifest_digest.replace(":", "-") + ".sig"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with running(FakeRegistry()) as registry:
        yield registry


def by_ed25519() -> SealedModule:
    return seal_for(
        SMALL,
        name="acme/scoring",
        version=7,
        policy_name="acme/prod",
        capabilities=makers.CAPABILITIES,
        broker_identity=makers.IDENTITY.key_id,
        broker_key=makers.BROKER.public,
        owner=makers.OWNER_ED25519,
        now=makers.NOW,
    )


class TestSimpleSignature:
    def test_in_a_registry(self, registry: FakeRegistry) -> None:
        place = registry.reference().location
        pushed = push_artifact(sealed(), f"{place}:v1", owner=makers.OWNER)
        assert pushed == f"{place}@{sealed().manifest_digest}"
        (layer,) = json.loads(registry.manifests[SIG])["layers"]
        payload = registry.blobs[layer["digest"]]
        signature = layer["annotations"]["dev.cosignproject.cosign/signature"]
        makers.OWNER.public.verify(makers.unb64(signature), payload)
        critical = json.loads(payload)["critical"]
        assert critical["identity"] == {"docker-reference": place}
        assert critical["image"] == {"docker-manifest-digest": sealed().manifest_digest}

    @pytest.mark.parametrize(
        ("make", "owner"), [(by_ed25519, makers.OWNER_ED25519), (sealed, None)]
    )
    def test_not_where_others_could_not_read_it(
        self, registry: FakeRegistry, make: Any, owner: SigningKey | None
    ) -> None:
        push_artifact(make(), f"{registry.reference().location}:v1", owner=owner)
        assert not [tag for tag in registry.manifests if tag.endswith(".sig")]

    def test_not_in_a_folder(self, tmp_path: Path) -> None:
        push_artifact(sealed(), f"oci:{tmp_path}/shop:v1", owner=makers.OWNER)
        store: ArtifactStore = OciLayout.open(tmp_path / "shop")
        assert refusal(store.get_manifest, SIG) is SealRefusal.NOT_FOUND


def described(*bundles: bytes) -> dict[str, Any]:
    whole = sealed()
    pulled = PulledArtifact(
        whole.manifest_digest, whole.manifest, whole.config, whole.layer, bundles
    )
    return describe(pulled, "oci:shop:v1")


class TestInspect:
    def test_of_others_beside_the_owners(self) -> None:
        another = by_ed25519()
        shown = described(b"{}", sealed().bundle, another.bundle)
        assert [one["key_hint"] for one in shown["signatures"]] == [makers.OWNER.key_id]
        assert [one["why"] for one in shown["foreign_signatures"]] == [
            SealRefusal.MALFORMED,
            SealRefusal.STATEMENT_MISMATCH,
        ]
        assert shown["bill"] == sealed().statement.bill.to_document()
        text = _text(shown)
        assert text.count("foreign signature") == 2
        assert text.count("signed with key") == 1

    def test_none(self) -> None:
        shown = described()
        assert (shown["signatures"], shown["foreign_signatures"], shown["bill"]) == ([], [], {})
        assert _text(shown)
