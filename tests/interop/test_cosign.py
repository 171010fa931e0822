"""cosign judges what we sign, and we judge what cosign signs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.oci.attestations import bundles_about, simple_signatures
from sealing.oci.transfer import pull, push
from sealing.signatures.cosign import simple_signature, verify_simple
from sealing.signatures.sigstore import COSIGN_SIGN, PROVENANCE, verify_attestation
from sealing.unseal import verify_artifact
from sealwasm.cli import run_command
from sealwasm.session import Session
from tests.interop.sigstore_tools import Cosign
from tests.interop.tools import DockerRegistry, docker_registry
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import sealed

pytestmark = pytest.mark.interop

DIGEST = sealed().manifest_digest
OURS = "urn:sealwasm:sealed-module:v1"


@dataclass(frozen=True)
class Shop:
    """A registry with our artifact in it, and cosign beside it with the owner's key."""

    registry: DockerRegistry
    cosign: Cosign

    @property
    def place(self) -> str:
        return f"{self.registry.reference.location}@{DIGEST}"

    def public(self, name: str) -> Path:
        return self.cosign.folder / f"{name}.pub"

    def key(self, name: str) -> Path:
        return self.cosign.folder / f"{name}.key"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    cosign = Cosign(tmp_path / "home")
    cosign.folder.mkdir()
    for name, key in (("owner", makers.OWNER), ("stranger", makers.STRANGER)):
        (cosign.folder / f"{name}.pem").write_bytes(key.to_pem())
        cosign.import_key(cosign.folder / f"{name}.pem", name)
    with docker_registry(tmp_path) as registry:
        shop = Shop(registry, cosign)
        simple = simple_signature(DIGEST, registry.reference.location, makers.OWNER)
        with registry.client() as client:
            push(client, sealed(), "v1", simple=simple)
        yield shop


@pytest.mark.parametrize("form", ["--new-bundle-format=true", "--new-bundle-format=false"])
def test_cosign_verifies_our_signatures(shop: Shop, form: str) -> None:
    answer = shop.cosign.verify(shop.place, shop.public("owner"), form)
    assert answer, answer.said
    (claim,) = json.loads(answer.out)
    assert claim["critical"]["image"] == {"docker-manifest-digest": DIGEST}
    assert not shop.cosign.verify(shop.place, shop.public("stranger"), form)


def test_cosign_reads_our_statement_as_an_attestation(shop: Shop) -> None:
    answer = shop.cosign.verify_attestation(shop.place, shop.public("owner"), OURS)
    assert answer, answer.said
    payload = json.loads(makers.unb64(json.loads(answer.out)["payload"]))
    assert payload["predicate"]["module"] == "acme/scoring"


def test_we_verify_the_bundles_of_cosign(shop: Shop) -> None:
    predicate = shop.cosign.folder / "provenance.json"
    build = {"buildType": "https://example.com/build", "externalParameters": {}}
    builder = {"builder": {"id": "https://example.com/builder"}}
    predicate.write_text(json.dumps({"buildDefinition": build, "runDetails": builder}))
    shop.cosign.sign(shop.place, shop.key("owner"))
    shop.cosign.attest(shop.place, shop.key("owner"), "slsaprovenance1", predicate)
    shop.cosign.sign(shop.place, shop.key("stranger"))
    with shop.registry.client() as client:
        bundles = bundles_about(client, DIGEST)
    found, refused = {}, []
    for bundle in bundles:
        try:
            one = verify_attestation(bundle, manifest_digest=DIGEST, keys=[makers.OWNER.public])
        except SealError as error:
            refused.append(error.code)
        else:
            assert one.signer.key_id == makers.OWNER.key_id
            found[one.predicate_type] = one.predicate
    assert set(found) == {OURS, COSIGN_SIGN, PROVENANCE}
    assert found[PROVENANCE]["runDetails"] == builder
    assert refused == [SealRefusal.SIGNER_UNKNOWN]


def test_we_verify_the_signature_tag_of_cosign(shop: Shop) -> None:
    for name in ("owner", "stranger"):
        options = ("--new-bundle-format=false", "-a", f"by={name}")
        shop.cosign.sign(shop.place, shop.key(name), *options)
    with shop.registry.client() as client:
        layers = simple_signatures(client, DIGEST)
    keys = {"owner": makers.OWNER.public, "stranger": makers.STRANGER.public}
    # Ours from publishing, and the two of cosign with their annotations.
    assert len(layers) == 3
    signers = []
    for layer in layers:
        claim = verify_simple(
            layer.payload, layer.signature, manifest_digest=DIGEST, keys=list(keys.values())
        )
        assert claim.docker_reference == shop.registry.reference.location
        optional = json.loads(layer.payload)["optional"]
        assert optional is None or keys[optional["by"]] == claim.signer
        signers.append(claim.signer.key_id)
    assert signers.count(makers.OWNER.key_id) == 2
    with pytest.raises(SealError) as caught:
        verify_simple(
            layers[-1].payload + b" ",
            layers[-1].signature,
            manifest_digest=DIGEST,
            keys=list(keys.values()),
        )
    assert caught.value.code == SealRefusal.SIGNER_UNKNOWN


def test_cosign_verifies_what_we_attach(shop: Shop) -> None:
    owner = str(shop.cosign.folder / "owner.pem")
    Path(owner).chmod(0o600)
    assert run_command(["attach", shop.place, "--generate", "--key", owner], Session()) == 0
    for kind in ("slsaprovenance1", "cyclonedx"):
        answer = shop.cosign.verify_attestation(shop.place, shop.public("owner"), kind)
        assert answer, answer.said
        assert not shop.cosign.verify_attestation(shop.place, shop.public("stranger"), kind)
    # The owner's statement still is the only one, and the artifact verifies.
    with shop.registry.client() as client:
        pulled = pull(client, shop.registry.reference)
    found = verify_artifact(
        pulled.manifest, pulled.config, pulled.bundles, owners=[makers.OWNER.public]
    )
    assert found.bundle == sealed().bundle


def test_cosign_verifies_a_second_owner(shop: Shop) -> None:
    second = shop.cosign.folder / "stranger.pem"
    second.chmod(0o600)
    assert not shop.cosign.verify(shop.place, shop.public("stranger"))
    command = ["sign", shop.place, "--key", str(second), "--owner", str(shop.public("owner"))]
    assert run_command(command, Session()) == 0
    for name in ("owner", "stranger"):
        assert shop.cosign.verify(shop.place, shop.public(name))


def test_cosign_verifies_what_was_copied(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    shop.cosign.sign(shop.place, shop.key("stranger"))
    with docker_registry(tmp_path / "there") as there:
        target = there.reference.location
        assert run_command(["copy", shop.place, f"{target}:v1"], Session()) == 0
        for name in ("owner", "stranger"):
            answer = shop.cosign.verify(f"{target}@{DIGEST}", shop.public(name))
            assert answer, answer.said
