"""What the command line publishes beside an artifact, and what it shows of what others attached."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sealing.errors import SealRefusal
from sealing.keys import SigningKey, VerifyingKey
from sealing.manifest import SealedManifest
from sealing.oci.layout import OciLayout
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import Attachment, PulledDescription
from sealing.seal import SealedModule
from sealwasm.artifacts.inspect_text import rows_of
from sealwasm.artifacts.inspecting import document_of, inspect_file, inspect_reference
from sealwasm.artifacts.registry_access import RegistryAccess
from sealwasm.artifacts.transfers import push_artifact
from sealwasm.session import table
from tests.fakes.registry import FakeRegistry, running
from tests.fakes.sealing import seal_for
from tests.unit.sealing import makers
from tests.unit.sealing.component_maker import WORLD
from tests.unit.sealing.oci.samples import refusal, sealed
from tests.unit.sealing.test_seal_unseal import seal_one
from tests.unit.sealing.wasm_maker import FULL, SMALL

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


def described(
    *bundles: bytes, whole: SealedModule | None = None, owners: Sequence[VerifyingKey] = ()
) -> dict[str, Any]:
    whole = whole or sealed()
    attached = tuple(Attachment(b"", bundle) for bundle in bundles)
    found = PulledDescription(SealedManifest.parse(whole.manifest), whole.config, attached)
    return document_of(found, "oci:shop:v1", owners)


def text_of(document: dict[str, Any]) -> str:
    return table(rows_of(document))


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
        text = text_of(shown)
        assert text.count("foreign signature") == 2
        assert text.count("signed by") == 1

    def test_none(self) -> None:
        shown = described()
        assert (shown["signatures"], shown["foreign_signatures"], shown["bill"]) == ([], [], {})
        assert text_of(shown)

    def test_with_an_owner_only_what_she_signed(self) -> None:
        shown = described(sealed().bundle, b"{}", owners=[makers.OWNER.public])
        assert (shown["verified"], shown["foreign_signatures"]) == (True, [])
        assert [one["key_hint"] for one in shown["signatures"]] == [makers.OWNER.key_id]
        assert "not verified" not in text_of(shown)
        strangers = [makers.STRANGER.public]
        code = refusal(described, sealed().bundle, owners=strangers)
        assert code is SealRefusal.SIGNER_UNKNOWN

    def test_hidden(self) -> None:
        whole = seal_one(hide_details=True)
        shown = described(whole.bundle, whole=whole)
        assert (shown["bill"], len(shown["hidden"])) == ({}, 4)
        assert makers.digest(SMALL) not in json.dumps(shown)
        assert "plaintext" in text_of(shown)

    def test_component(self) -> None:
        whole = seal_one(WORLD)
        text = text_of(described(whole.bundle, whole=whole))
        assert "acme:clock/timers@0.2.0 (1 functions)" in text
        assert "run: func(at: moment)" in text or "run: func(at: acme" in text

    def test_limits(self) -> None:
        whole = seal_one(FULL)
        text = text_of(described(whole.bundle, whole=whole))
        assert "64 KiB, and no maximum" in text
        assert "2 to 3 of externref" in text
        assert "language C 17" in text

    def test_holders(self) -> None:
        (holder,) = described(sealed().bundle)["holders"]
        assert (holder["kind"], holder["broker"]) == ("broker", makers.IDENTITY.key_id)

    def test_the_ciphertext_stays_where_it_is(self, registry: FakeRegistry) -> None:
        location = registry.reference().location
        push_artifact(sealed(), f"{location}:v1")
        registry.requests.clear()
        shown = inspect_reference(f"{location}:v1", [], registry=RegistryAccess())
        assert shown["layer"]["bytes"] == len(SMALL)
        assert not [path for path in registry.seen("GET") if sealed().layer.digest in path]

    @pytest.mark.parametrize("module", [SMALL, WORLD])
    def test_a_file_in_clear(self, tmp_path: Path, module: bytes) -> None:
        path = tmp_path / "app.wasm"
        path.write_bytes(module)
        shown = inspect_file(str(path))
        assert (shown["sealed"], shown["digest"]) == (False, makers.digest(module))
        assert "core module" in text_of(shown) or "component" in text_of(shown)
