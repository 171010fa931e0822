"""skopeo opens what we seal to its kind of keys, and we open and adopt what it encrypts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealing.canonical import digest_of
from sealing.envelope import open_envelope
from sealing.errors import SealError, SealRefusal
from sealing.foreign import adopt, unseal_foreign
from sealing.foreign_manifest import ForeignManifest
from sealing.holders.outside import OutsideRecipients
from sealing.holders.recipients import BrokerRecipient, Recipients
from sealing.jose.jwe import Jwe
from sealing.jose.keys import JwePrivateKey, JwePublicKey
from sealing.module_source import ModuleBytes
from sealing.oci.blob import Blob
from sealing.oci.copying import copy
from sealing.oci.layout import OciLayout
from sealing.oci.reference import LayoutReference
from sealing.oci.transfer import describe, push, push_shapes
from sealing.ocicrypt import PrivateOptions
from sealing.seal import SealedModule, Terms, seal
from sealing.shapes import COMPAT, SHAPES, WASM, CompatConfig, CompatSource, Shape
from sealing.signatures.bundle import sign_bundle
from sealing.signatures.sigstore import COSIGN_SIGN, statement_bytes
from sealing.unseal import unseal_to_memory, verify_artifact
from tests.interop.tools import Skopeo, docker_registry
from tests.unit.sealing import makers
from tests.unit.sealing.wasm_maker import FULL

pytestmark = pytest.mark.interop

BROKER = BrokerRecipient(makers.IDENTITY.key_id, makers.BROKER.public)
TERMS = Terms("acme/scoring", 7, "acme/prod", makers.CAPABILITIES)
IMAGE_LAYER = COMPAT.plain_layer_type
RAW_LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Holder:
    """A key pair in files, as skopeo wants them, and as we read it."""

    private: Path
    public: Path
    key: JwePrivateKey


def holder(folder: Path, name: str, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Holder:
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return Holder(private, public, JwePrivateKey.parse(private.read_bytes()))


@pytest.fixture(scope="module")
def holders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Holder]:
    folder = tmp_path_factory.mktemp("keys")
    keys = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()),
    }
    return {name: holder(folder, name, key) for name, key in keys.items()}


@pytest.fixture
def skopeo(tmp_path: Path) -> Skopeo:
    (tmp_path / "home").mkdir()
    return Skopeo(tmp_path / "home")


def sealed_as(shape: Shape, recipients: Recipients) -> SealedModule:
    return seal(
        FULL,
        name=TERMS.name,
        version=TERMS.version,
        policy_name=TERMS.policy_name,
        capabilities=TERMS.capabilities,
        recipients=recipients,
        owner=makers.OWNER,
        now=makers.NOW,
        shape=shape,
    )


def opened_by_skopeo(skopeo: Skopeo, folder: Path, key: Path, target: Path) -> tuple[dict, bytes]:
    """Return the manifest and the layer that skopeo writes with a decryption key."""
    skopeo.run("copy", "--decryption-key", str(key), f"oci:{folder}:v1", f"oci:{target}:v1")
    manifest = json.loads(skopeo.inspect_raw(f"oci:{target}:v1"))
    (layer,) = manifest["layers"]
    return manifest, OciLayout.open(target).get_blob(layer["digest"], layer["size"])


def encrypted_by_skopeo(
    skopeo: Skopeo, folder: Path, holders: list[Holder], *, archive: bool = True, image: bool = True
) -> OciLayout:
    """Return a layout in which `v1` is what skopeo encrypted for all `holders`."""
    source = CompatSource(ModuleBytes(FULL))
    plain = b"".join(source.chunks()) if archive else FULL
    config = CompatConfig(source.tar_digest).to_bytes()
    if not image:
        config = json.dumps(
            {"architecture": "wasm", "os": "wasip1", "layerDigests": [digest_of(plain)]}
        ).encode()
    layout = OciLayout.create(folder / "plain")
    for blob in (config, plain):
        layout.put_blob(Blob.of(blob))
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": (COMPAT if image else WASM).config_type,
            "digest": digest_of(config),
            "size": len(config),
        },
        "layers": [
            {
                "mediaType": IMAGE_LAYER if archive else RAW_LAYER,
                "digest": digest_of(plain),
                "size": len(plain),
            }
        ],
    }
    layout.put_manifest(json.dumps(manifest).encode(), tag="v1")
    options = [word for one in holders for word in ("--encryption-key", f"jwe:{one.public}")]
    skopeo.run("copy", *options, f"oci:{folder}/plain:v1", f"oci:{folder}/theirs:v1")
    return OciLayout.open(folder / "theirs")


def parts(layout: OciLayout) -> tuple[bytes, bytes, bytes]:
    manifest = layout.get_manifest("v1")
    found = ForeignManifest.parse(manifest)
    return (
        manifest,
        layout.get_blob(found.config_digest, found.config_size),
        layout.get_blob(found.layer_digest, found.layer_size),
    )


@pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)
@pytest.mark.parametrize("names", [("rsa",), ("p256",), ("p384",), ("p521",), ("rsa", "p256")])
def test_skopeo_opens_what_we_seal(
    skopeo: Skopeo, holders: dict[str, Holder], tmp_path: Path, names: tuple[str, ...], shape
) -> None:
    keys = tuple(JwePublicKey.parse(holders[name].public.read_bytes()) for name in names)
    sealed = sealed_as(shape, Recipients((BROKER,), outside=OutsideRecipients(jwe=keys)))
    push(OciLayout.create(tmp_path / "ours"), sealed, "v1")
    for name in names:
        target = tmp_path / name
        manifest, layer = opened_by_skopeo(skopeo, tmp_path / "ours", holders[name].private, target)
        assert manifest["layers"][0]["mediaType"] == shape.plain_layer_type
        expected = FULL if shape is WASM else b"".join(CompatSource(ModuleBytes(FULL)).chunks())
        assert layer == expected


@pytest.mark.parametrize("algorithm", ["RSA-OAEP", "RSA-OAEP-256"])
def test_skopeo_opens_both_kinds_of_oaep(
    skopeo: Skopeo, holders: dict[str, Holder], tmp_path: Path, algorithm: str
) -> None:
    key = JwePublicKey.of(holders["rsa"].key.public.key, algorithm)
    recipients = Recipients((BROKER,), outside=OutsideRecipients(jwe=(key,)))
    sealed = sealed_as(WASM, recipients)
    push(OciLayout.create(tmp_path / "ours"), sealed, "v1")
    place = tmp_path / "theirs"
    _, layer = opened_by_skopeo(skopeo, tmp_path / "ours", holders["rsa"].private, place)
    assert layer == FULL


SHAPES_OF_SKOPEO = pytest.mark.parametrize(
    ("archive", "image"), [(True, True), (True, False), (False, False)]
)


@SHAPES_OF_SKOPEO
@pytest.mark.parametrize("names", [("rsa",), ("p256",), ("p521",), ("rsa", "p256")])
def test_we_unseal_what_skopeo_encrypts_and_an_owner_signed(
    skopeo: Skopeo,
    holders: dict[str, Holder],
    tmp_path: Path,
    names: tuple[str, ...],
    archive: bool,
    image: bool,
) -> None:
    layout = encrypted_by_skopeo(
        skopeo, tmp_path, [holders[name] for name in names], archive=archive, image=image
    )
    manifest, config, layer = parts(layout)
    bundle = sign_bundle(statement_bytes(digest_of(manifest), COSIGN_SIGN, {}), makers.OWNER)
    for name in names:
        opened = unseal_foreign(
            manifest,
            config,
            layer,
            holders[name].key,
            bundle=bundle,
            owners=[makers.OWNER.public],
        )
        with opened.memory:
            assert opened.module == FULL
    for others in ([makers.STRANGER.public], []):
        with pytest.raises(SealError) as caught:
            unseal_foreign(
                manifest, config, layer, holders[names[0]].key, bundle=bundle, owners=others
            )
        assert caught.value.code is SealRefusal.SIGNER_UNKNOWN


@SHAPES_OF_SKOPEO
def test_we_adopt_what_skopeo_encrypts(
    skopeo: Skopeo, holders: dict[str, Holder], tmp_path: Path, archive: bool, image: bool
) -> None:
    layout = encrypted_by_skopeo(skopeo, tmp_path, [holders["rsa"]], archive=archive, image=image)
    manifest, config, layer = parts(layout)
    sealed = adopt(
        ForeignManifest.parse(manifest),
        config,
        layer,
        holders["rsa"].key,
        terms=TERMS,
        recipients=Recipients(
            (BROKER,), outside=OutsideRecipients(jwe=(holders["p256"].key.public,))
        ),
        owner=makers.OWNER,
        now=makers.NOW,
    )
    artifact = verify_artifact(
        sealed.manifest, sealed.config, [sealed.bundle], owners=[makers.OWNER.public]
    )
    assert artifact.manifest.layer_digest == digest_of(layer)
    assert artifact.manifest.shape is (COMPAT if archive else WASM)
    ours = open_envelope(artifact.manifest.envelopes[0], makers.BROKER)
    (entry,) = artifact.manifest.outside.jwe
    assert PrivateOptions.parse(Jwe.parse(entry).open(holders["p256"].key)) == ours
    opened = unseal_to_memory(artifact, layer, ours)
    with opened.memory:
        assert opened.module == FULL


def test_a_module_in_an_image_is_refused(
    skopeo: Skopeo, holders: dict[str, Holder], tmp_path: Path
) -> None:
    # skopeo compresses what is called a tar in an image, and wraps the digest of before.
    layout = encrypted_by_skopeo(skopeo, tmp_path, [holders["rsa"]], archive=False, image=True)
    manifest, config, layer = parts(layout)
    bundle = sign_bundle(statement_bytes(digest_of(manifest), COSIGN_SIGN, {}), makers.OWNER)
    with pytest.raises(SealError) as caught:
        unseal_foreign(
            manifest,
            config,
            layer,
            holders["rsa"].key,
            bundle=bundle,
            owners=[makers.OWNER.public],
        )
    assert caught.value.code is SealRefusal.PLAINTEXT_MISMATCH


class TestBothShapes:
    """An index with both shapes, in a registry that nobody here wrote."""

    def test_skopeo_picks_and_opens_each(
        self, skopeo: Skopeo, holders: dict[str, Holder], tmp_path: Path
    ) -> None:
        recipients = Recipients(
            (BROKER,), outside=OutsideRecipients(jwe=(holders["p256"].key.public,))
        )
        both = [(sealed_as(shape, recipients), None) for shape in SHAPES.values()]
        archive = b"".join(CompatSource(ModuleBytes(FULL)).chunks())
        with docker_registry(tmp_path) as registry:
            place = registry.reference.location
            with registry.client() as client:
                digest = push_shapes(client, both, "v1")
                for shape in SHAPES.values():
                    found = describe(client, registry.reference, shape=shape)
                    artifact = verify_artifact(
                        found.manifest.raw,
                        found.config,
                        found.bundles,
                        owners=[makers.OWNER.public],
                    )
                    assert artifact.manifest.shape is shape
                copied = OciLayout.create(tmp_path / "copied")
                assert copy(client, registry.reference, copied, "v1") == digest
            for variant, expected in (((), FULL), (("--override-variant", "compat"), archive)):
                target = tmp_path / f"opened{len(variant)}"
                skopeo.run(
                    "--override-os", "wasip1", "--override-arch", "wasm", *variant,
                    "copy", "--src-tls-verify=false",
                    "--decryption-key", str(holders["p256"].private),
                    f"docker://{place}:v1", f"oci:{target}:v1",
                )  # fmt: skip
                (layer,) = json.loads(skopeo.inspect_raw(f"oci:{target}:v1"))["layers"]
                assert OciLayout.open(target).get_blob(layer["digest"], layer["size"]) == expected

    def test_skopeo_carries_all_of_it(self, skopeo: Skopeo, tmp_path: Path) -> None:
        both = [(sealed_as(shape, Recipients((BROKER,))), None) for shape in SHAPES.values()]
        digest = push_shapes(OciLayout.create(tmp_path / "ours"), both, "v1")
        skopeo.run("copy", "--all", f"oci:{tmp_path}/ours:v1", f"oci:{tmp_path}/theirs:v1")
        theirs = OciLayout.open(tmp_path / "theirs")
        assert theirs.resolve("v1").digest == digest
        for shape, (one, _) in zip(SHAPES.values(), both, strict=True):
            found = describe(theirs, LayoutReference(folder="x", tag="v1"), shape=shape)
            assert found.manifest.raw == one.manifest
