"""Fixed keys, and a builder of sealed artifacts that can bend any one document on the way.

The builder writes every document by hand, so it checks `sealing.seal` instead of repeating it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sealing.bom import bill_of_materials
from sealing.hpke import X25519, OpeningKey, SealingKey
from sealing.keys import SigningKey
from tests.unit.sealing.hpke_maker import ephemeral_for, seal_x25519
from tests.unit.sealing.wasm_maker import SMALL

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
OWNER = SigningKey._of(ec.derive_private_key(0x0A11CE, ec.SECP256R1()))
STRANGER = SigningKey._of(ec.derive_private_key(0x0BAD, ec.SECP256R1()))
OWNER_ED25519 = SigningKey._of(ed25519.Ed25519PrivateKey.from_private_bytes(b"owner" + bytes(27)))
IDENTITY = SigningKey._of(ed25519.Ed25519PrivateKey.from_private_bytes(b"broker" + bytes(26)))
BROKER = OpeningKey.from_bytes(X25519, b"sealing key of the broker".ljust(32, b"."))
OTHER_BROKER = OpeningKey.from_bytes(X25519, b"sealing key of another".ljust(32, b"."))
CAPABILITIES = {
    "apiVersion": "sealwasm/v1",
    "kind": "CapabilityPolicy",
    "metadata": {"name": "scoring", "version": 1},
    "spec": {"mode": "enforce", "imports": ["wasi_snapshot_preview1.fd_write"]},
}
SYMKEY = bytes(range(0x20, 0x40))
NONCE = bytes(range(0x40, 0x50))


def fixed_entropy() -> Callable[[int], bytes]:
    values = iter((SYMKEY, NONCE))
    return lambda size: next(values)[:size]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    return base64.b64decode(text)


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def flipped(data: bytes, bit: int) -> bytes:
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


class FixedSealingKey(SealingKey):
    """Seals the same thing to the same bytes every time."""

    def seal(self, plaintext: bytes, *, info: bytes) -> bytes:
        ephemeral = ephemeral_for(self.raw, info, plaintext)
        return seal_x25519(self.raw, plaintext, info, ephemeral)


def options_json(symkey: bytes, plaintext_digest: str, nonce: bytes) -> bytes:
    return (
        f'{{"symkey":"{b64(symkey)}","digest":"{plaintext_digest}",'
        f'"cipheroptions":{{"nonce":"{b64(nonce)}"}}}}'
    ).encode()


def seal_document(document: dict[str, Any], options: bytes, key: OpeningKey = BROKER) -> None:
    """Put `sealed` into an envelope document, bound to the rest of it."""
    info = b"sealwasm/envelope/v1\0" + rfc8785.dumps(document)
    public = key.public.raw
    document["sealed"] = b64(
        seal_x25519(public, options, info, ephemeral_for(public, info, options))
    )


@dataclass
class Artifact:
    manifest: bytes
    config: bytes
    layer: bytes
    bundles: list[bytes]
    owners: list[bytes]
    opening_key: OpeningKey = field(default=BROKER)
    threshold: int = 1


Edit = Callable[[Any], Any]


@dataclass
class Recipe:
    """What to bend: each edit takes a document and returns another, or None after editing it."""

    module: bytes = SMALL
    symkey: bytes = SYMKEY
    owner: SigningKey = OWNER
    edits: dict[str, Edit] = field(default_factory=dict)

    def apply(self, stage: str, value: Any) -> Any:
        if stage not in self.edits:
            return value
        changed = self.edits[stage](value)
        return value if changed is None else changed


def make(module: bytes = SMALL, owner: SigningKey = OWNER, **edits: Edit) -> Artifact:
    """Return an artifact, valid but for what `edits` bends; everything after a bend fits it."""
    recipe = Recipe(module=module, owner=owner, edits=edits)
    encryptor = Cipher(algorithms.AES(SYMKEY), modes.CTR(NONCE)).encryptor()
    layer = encryptor.update(module)
    mac = hmac.digest(SYMKEY, layer, "sha256")
    pubopts = recipe.apply(
        "pubopts",
        f'{{"cipher":"AES_256_CTR_HMAC_SHA256","hmac":"{b64(mac)}","cipheroptions":{{}}}}'.encode(),
    )
    private = recipe.apply("privopts", options_json(SYMKEY, digest(module), NONCE))
    config = {"architecture": "wasm", "layerDigests": [digest(module)], "os": "wasip1"}
    config_bytes = rfc8785.dumps(recipe.apply("config", config))
    envelopes = _envelopes(recipe, config_bytes, layer, private)
    manifest = _manifest(recipe, config_bytes, layer, pubopts, envelopes)
    manifest_bytes = recipe.apply("manifest_bytes", rfc8785.dumps(manifest))
    bundles = [_bundle(recipe, manifest_bytes, config_bytes, layer, envelopes)]
    artifact = Artifact(manifest_bytes, config_bytes, layer, bundles, [owner.public.spki])
    return recipe.apply("artifact", artifact)


def _envelopes(recipe: Recipe, config: bytes, layer: bytes, private: bytes) -> list[bytes]:
    context = {
        "module": "acme/scoring",
        "version": 7,
        "owner": recipe.owner.key_id,
        "policy": "acme/prod",
        "capabilities": digest(rfc8785.dumps(CAPABILITIES)),
        "config": digest(config),
        "layer": digest(layer),
    }
    document = {
        "v": 1,
        "suite": BROKER.suite,
        "broker": IDENTITY.key_id,
        "key": BROKER.public.key_id,
        "context": recipe.apply("context", context),
    }
    document = recipe.apply("envelope_header", document)
    seal_document(document, private)
    document = recipe.apply("envelope", document)
    return recipe.apply("envelopes", [rfc8785.dumps(document)])


def _manifest(
    recipe: Recipe, config: bytes, layer: bytes, pubopts: bytes, envelopes: list[bytes]
) -> dict[str, Any]:
    annotations = {
        "org.opencontainers.image.enc.pubopts": b64(pubopts),
        "org.opencontainers.image.enc.keys.provider.sealwasm": ",".join(map(b64, envelopes)),
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.wasm.config.v0+json",
            "digest": digest(config),
            "size": len(config),
        },
        "layers": [
            {
                "mediaType": "application/wasm+encrypted",
                "digest": digest(layer),
                "size": len(layer),
                "annotations": annotations,
            }
        ],
    }
    return recipe.apply("manifest", manifest)


def _bundle(
    recipe: Recipe, manifest: bytes, config: bytes, layer: bytes, envelopes: list[bytes]
) -> bytes:
    predicate = {
        "module": "acme/scoring",
        "version": 7,
        "owner": recipe.owner.key_id,
        "policy": "acme/prod",
        "brokers": [IDENTITY.key_id],
        "threshold": 1,
        "recipients": ["broker"],
        "config": digest(config),
        "layer": digest(layer),
        "envelopes": [digest(envelope) for envelope in envelopes],
        "capabilities": {
            "digest": digest(rfc8785.dumps(CAPABILITIES)),
            "document": deepcopy(CAPABILITIES),
        },
        "bill-of-materials": recipe.apply("bill", bill_of_materials(SMALL).to_document()),
        "created": "2026-11-22T10:00:00Z",
    }
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": digest(manifest).removeprefix("sha256:")}}],
        "predicateType": "urn:sealwasm:sealed-module:v1",
        "predicate": recipe.apply("predicate", predicate),
    }
    statement = recipe.apply("statement", statement)
    return sign_document(recipe, recipe.apply("statement_bytes", rfc8785.dumps(statement)))


def sign_document(recipe: Recipe, payload: bytes) -> bytes:
    kind = "application/vnd.in-toto+json"
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    bundle = {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": b64(hashlib.sha256(recipe.owner.public.spki).digest())}
        },
        "dsseEnvelope": {
            "payload": b64(payload),
            "payloadType": kind,
            "signatures": [{"sig": b64(recipe.owner.sign(message))}],
        },
    }
    return recipe.apply("bundle_bytes", rfc8785.dumps(recipe.apply("bundle", bundle)))
