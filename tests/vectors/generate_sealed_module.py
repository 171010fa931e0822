"""Vectors of docs/specs/sealed-module.md: whole artifacts, each bent in one place.

Everything after the bend fits it (digests, envelopes, the owner's signature), so that only the step
named in `why` can refuse.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from sealing import limits
from sealing.bill import bill_of
from sealing.bom import bill_of_materials
from sealing.hpke import X25519, OpeningKey
from tests.unit.sealing import makers
from tests.unit.sealing.component_maker import WORLD
from tests.unit.sealing.hidden_maker import (
    OTHER_COMMITMENT,
    hidden_config,
    hidden_predicate,
    hiding,
    layer_digest,
)
from tests.unit.sealing.hpke_maker import ephemeral_for, seal_x25519
from tests.unit.sealing.makers import Artifact, b64, flipped, make, unb64
from tests.unit.sealing.wasm_maker import COMPONENT, FULL, SMALL, custom
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case

PLAIN = "application/wasm"
KEYS = "org.opencontainers.image.enc.keys."
OPTIONS = "org.opencontainers.image.enc.pubopts"
ENVELOPES = f"{KEYS}provider.sealwasm"
OTHER_DIGEST = "sha256:" + "0" * 64

ARTIFACT, ENVELOPE, UNSEAL = "artifact", "envelope", "unseal"


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    expect: str
    build: Callable[[], Artifact]
    stage: str = ARTIFACT


def put(*path: str | int, value: Any) -> Callable[[Any], None]:
    """Return an edit that sets one member deep inside a document."""

    def edit(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return edit


def drop(*path: str | int) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        del document[path[-1]]

    return edit


def replace(old: str, new: str) -> Callable[[bytes], bytes]:
    """Return an edit of bytes that must find what it replaces."""

    def edit(data: bytes) -> bytes:
        assert old.encode() in data, old
        return data.replace(old.encode(), new.encode(), 1)

    return edit


def refused(name: str, why: str, code: str, *, stage: str = ARTIFACT, **edits: Any) -> Case:
    return Case(name, why, f"seal-{code}", lambda: make(**edits), stage)


def accepted(name: str, why: str, **edits: Any) -> Case:
    return Case(name, why, ACCEPTED, lambda: make(**edits), UNSEAL)


def in_options(old: str, new: str) -> dict[str, Any]:
    return {"pubopts": replace(old, new)}


def second_envelope(change: Callable[[dict[str, Any]], None]) -> Callable[[list[bytes]], Any]:
    """Return an edit that adds an envelope for another key of the same broker."""

    def edit(envelopes: list[bytes]) -> list[bytes]:
        document = json.loads(envelopes[0])
        del document["sealed"]
        document["key"] = makers.OTHER_BROKER.public.key_id
        change(document)
        options = makers.options_json(makers.SYMKEY, makers.digest(SMALL), makers.NONCE)
        makers.seal_document(document, options, makers.OTHER_BROKER)
        return [*envelopes, rfc8785.dumps(document)]

    return edit


def shares(*headers: dict[str, Any]) -> dict[str, Any]:
    """Return edits that replace the envelope by shares, each for a broker of its own."""

    def edit(envelopes: list[bytes]) -> list[bytes]:
        made = []
        for number, share in enumerate(headers):
            document = json.loads(envelopes[0])
            del document["sealed"]
            document["broker"] = share.pop("broker", f"{number + 1:064x}")
            document["share"] = {
                "set": "5e" * 16,
                "index": number + 1,
                "threshold": 2,
                "of": len(headers),
                "commitment": OTHER_DIGEST,
            } | share
            makers.seal_document(document, bytes(80))
            made.append(rfc8785.dumps(document))
        return made

    return {"envelopes": edit}


def recovery(envelopes: list[bytes]) -> bytes:
    """Return an envelope for the owner's recovery key beside those of the brokers."""
    document = json.loads(envelopes[0])
    del document["sealed"], document["broker"]
    document |= {"recovery": True, "key": makers.OTHER_BROKER.public.key_id}
    options = makers.options_json(makers.SYMKEY, makers.digest(SMALL), makers.NONCE)
    makers.seal_document(document, options, makers.OTHER_BROKER)
    return rfc8785.dumps(document)


def cosigned(*signers: Any, threshold: int, trusted: bool = True) -> Callable[[Artifact], None]:
    """Return an edit that adds bundles by `signers` over the statement of the owner."""

    def edit(artifact: Artifact) -> None:
        payload = unb64(json.loads(artifact.bundles[0])["dsseEnvelope"]["payload"])
        for signer in signers:
            artifact.bundles.append(makers.sign_document(makers.Recipe(owner=signer), payload))
            if trusted and signer is not makers.OWNER:
                artifact.owners.append(signer.public.spki)
        artifact.threshold = threshold

    return edit


def forged_beside(artifact: Artifact) -> None:
    """Add a bundle that claims the owner's key and was signed with another."""
    forged = json.loads(make(owner=makers.STRANGER).bundles[0])
    hint = json.loads(artifact.bundles[0])["verificationMaterial"]
    artifact.bundles.insert(0, rfc8785.dumps(forged | {"verificationMaterial": hint}))


def stated_again(signer: Any) -> Callable[[Artifact], None]:
    """Return an edit that adds a later statement about the same manifest by a trusted `signer`."""

    def edit(artifact: Artifact) -> None:
        statement = json.loads(unb64(json.loads(artifact.bundles[0])["dsseEnvelope"]["payload"]))
        statement["predicate"]["created"] = "2026-11-23T10:00:00Z"
        payload = rfc8785.dumps(statement)
        artifact.bundles.append(makers.sign_document(makers.Recipe(owner=signer), payload))
        if signer is not makers.OWNER:
            artifact.owners.append(signer.public.spki)

    return edit


def add_bundle(owner: Any) -> Callable[[Artifact], None]:
    def edit(artifact: Artifact) -> None:
        artifact.bundles.append(make(owner=owner).bundles[0])

    return edit


def replayed(artifact: Artifact) -> None:
    """Put what two trusted owners signed about other artifacts beside this one."""
    others = make(module=WORLD), make(owner=makers.STRANGER)
    artifact.bundles[:0] = [other.bundles[0] for other in others]
    artifact.owners.append(makers.STRANGER.public.spki)


def in_artifact(name: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    def edit(artifact: Artifact) -> None:
        setattr(artifact, name, change(getattr(artifact, name)))

    return {"artifact": edit}


def in_signature(change: Callable[[bytes], bytes]) -> dict[str, Any]:
    def edit(bundle: dict[str, Any]) -> None:
        entry = bundle["dsseEnvelope"]["signatures"][0]
        entry["sig"] = b64(change(unb64(entry["sig"])))

    return {"bundle": edit}


def long_length(signature: bytes) -> bytes:
    return b"\x30\x81" + signature[1:]


def sealed_by_stranger(document: dict[str, Any]) -> None:
    """Replace the sealed key by one bound to no context at all."""
    options = makers.options_json(makers.SYMKEY, makers.digest(SMALL), makers.NONCE)
    public = makers.BROKER.public.raw
    sealed = seal_x25519(public, options, b"", ephemeral_for(public, options))
    document["sealed"] = b64(sealed)


def unused_bits(data: bytes) -> bytes:
    """Set an unused bit in the base64 of the hint, which ends in one `=`."""
    hint = json.loads(data)["verificationMaterial"]["publicKey"]["hint"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet[alphabet.index(hint[-2]) ^ 1]
    return data.replace(hint.encode(), f"{hint[:-2]}{last}=".encode())


ACCEPTED_CASES = (
    accepted("owner-p256", "R9.6: every step with an ECDSA P-256 owner"),
    accepted("owner-ed25519", "R9.6: every step with an Ed25519 owner", owner=makers.OWNER_ED25519),
    accepted("two-envelopes", "R4.1: 1 to 16 envelopes", envelopes=second_envelope(lambda _: None)),
    accepted(
        "full-module",
        "R9.6: a module that uses every section",
        module=FULL,
        bill=lambda _: bill_of_materials(FULL).to_document(),
    ),
    accepted(
        "bundle-of-a-stranger-beside",
        "R6.5: bundles by keys that are not expected are passed over",
        artifact=add_bundle(makers.STRANGER),
    ),
    accepted(
        "statements-about-others",
        "R6.5: what owners signed about other manifests is passed over",
        artifact=replayed,
    ),
    accepted(
        "bundle-that-claims-the-owner-beside",
        "R6.5: what does not hold is nobody's",
        artifact=forged_beside,
    ),
    accepted(
        "owner-signs-twice",
        "R6.6: the same statement signed again is still one",
        artifact=cosigned(makers.OWNER, threshold=1),
    ),
    accepted(
        "two-of-two-owners",
        "R6.6: as many owners as expected signed this very statement",
        artifact=cosigned(makers.OWNER_ED25519, threshold=2),
    ),
    accepted(
        "recovery-envelope",
        "R4.7: an envelope for the owner's own key, after the brokers'",
        envelopes=lambda envelopes: [*envelopes, recovery(envelopes)],
        predicate=put("recipients", value=["broker", "recovery"]),
    ),
    accepted(
        "bundle-of-another-form-beside",
        "R6.5: bundles of other forms are passed over",
        artifact=lambda artifact: artifact.bundles.insert(0, b'{"mediaType":"another"}'),
    ),
)

DOCUMENT_CASES = (
    refused(
        "too-many-values",
        "R1.1: not more values than its limit",
        "too-large",
        manifest_bytes=lambda _: b"[" * (limits.JSON_VALUES + 1),
    ),
    refused(
        "too-many-members",
        "R1.1: no object of more members than a reader takes",
        "too-large",
        manifest_bytes=lambda _: rfc8785.dumps(
            {f"{number:04}": 0 for number in range(limits.JSON_MEMBERS + 1)}
        ),
    ),
    refused(
        "not-json", "R1.2: the manifest is not JSON", "malformed", manifest_bytes=replace("{", "[")
    ),
    refused(
        "trailing-bytes",
        "R1.2: nothing after the JSON text",
        "malformed",
        manifest_bytes=lambda data: data + b"{}",
    ),
    refused(
        "repeated-member",
        "R1.3: no object names a member twice",
        "duplicate-member",
        manifest_bytes=replace('"schemaVersion":2', '"schemaVersion":2,"schemaVersion":2'),
    ),
    refused(
        "white-space",
        "R1.4: a document is its own canonical form",
        "not-canonical",
        manifest_bytes=replace('"schemaVersion":2', '"schemaVersion": 2'),
    ),
    refused(
        "unknown-member", "R1.5: no unknown member", "unknown-member", manifest=put("x", value=1)
    ),
    refused("missing-member", "R1.5: no missing member", "malformed", manifest=drop("mediaType")),
    refused(
        "base64-unused-bits",
        "R1.6: base64 is canonical",
        "not-canonical",
        bundle_bytes=unused_bits,
    ),
)

MANIFEST_CASES = (
    refused(
        "schema-version",
        "R2.2: schemaVersion is 2",
        "malformed",
        manifest=put("schemaVersion", value=1),
    ),
    refused(
        "docker-manifest",
        "R2.3: exact media types",
        "media-type",
        manifest=put("mediaType", value="application/vnd.docker.distribution.manifest.v2+json"),
    ),
    refused(
        "image-config",
        "R2.3: exact media types",
        "media-type",
        manifest=put("config", "mediaType", value="application/vnd.oci.image.config.v1+json"),
    ),
    refused("no-layer", "R2.4: exactly one layer", "layer-count", manifest=put("layers", value=[])),
    refused(
        "two-layers",
        "R2.4: exactly one layer",
        "layer-count",
        manifest=lambda document: document["layers"].append(document["layers"][0]),
    ),
    refused(
        "plaintext-layer",
        "R2.5: a plaintext layer is no substitute for a sealed one",
        "not-sealed",
        manifest=lambda document: document["layers"][0].update(mediaType=PLAIN),
    ),
    refused(
        "relabelled-layer",
        "R2.5: exact media types",
        "media-type",
        manifest=put("layers", 0, "mediaType", value="application/x-anything+encrypted"),
    ),
    refused(
        "envelope-of-another-scheme",
        "R2.6: no way to the key but ours",
        "envelope-scheme",
        manifest=put("layers", 0, "annotations", f"{KEYS}pgp", value="e30="),
    ),
    refused(
        "no-envelope",
        "R2.6: at least one envelope",
        "envelope-count",
        manifest=drop("layers", 0, "annotations", ENVELOPES),
    ),
    refused(
        "unknown-annotation",
        "R2.6: no unknown annotation",
        "unknown-member",
        manifest=put("layers", 0, "annotations", "org.opencontainers.image.title", value="a.wasm"),
    ),
    refused(
        "no-options",
        "R2.6: public options are there",
        "malformed",
        manifest=drop("layers", 0, "annotations", OPTIONS),
    ),
    refused(
        "layer-size-too-large",
        "R2.7: no layer above 512 MiB",
        "too-large",
        manifest=put("layers", 0, "size", value=(512 << 20) + 1),
    ),
    refused(
        "layer-size-too-small",
        "R2.7: no layer below 8 bytes",
        "malformed",
        manifest=put("layers", 0, "size", value=7),
    ),
    refused(
        "config-size-too-large",
        "R2.7: no config above 64 KiB",
        "too-large",
        manifest=put("config", "size", value=(64 << 10) + 1),
    ),
    refused(
        "digest-upper-case",
        "R2.7: digests are lower case hex",
        "malformed",
        manifest=lambda document: document["config"].update(
            digest=document["config"]["digest"].upper()
        ),
    ),
)


def _two_keys(envelopes: list[bytes]) -> list[bytes]:
    """Give the second envelope another key of the same broker."""
    document = json.loads(envelopes[1])
    document["key"] = makers.OTHER_BROKER.public.key_id
    return [envelopes[0], rfc8785.dumps(document)]


OPTIONS_CASES = (
    refused("other-cipher", "R3.1: one cipher", "cipher-unknown", **in_options("CTR_HMAC", "GCM")),
    refused(
        "nonce-in-public-options",
        "R3.2: nothing in public can override the wrapped nonce",
        "cipher-options",
        **in_options("{}}", '{"nonce":"AAAAAAAAAAAAAAAAAAAAAA=="}}'),
    ),
    refused(
        "short-hmac",
        "R3.3: the HMAC has 32 bytes",
        "malformed",
        pubopts=lambda _: (
            b'{"cipher":"AES_256_CTR_HMAC_SHA256","hmac":"%s","cipheroptions":{}}'
            % b64(bytes(31)).encode()
        ),
    ),
    refused(
        "options-spaced",
        "R3.4: exactly the bytes ocicrypt writes",
        "not-canonical",
        **in_options('","hmac', '", "hmac'),
    ),
)

ENVELOPE_CASES = (
    refused(
        "seventeen-envelopes",
        "R4.1: at most 16 envelopes",
        "envelope-count",
        envelopes=lambda envelopes: envelopes * 17,
    ),
    refused(
        "envelope-version",
        "R4.2: envelope version 1",
        "envelope-version",
        envelope=put("v", value=2),
    ),
    refused(
        "envelope-suite", "R4.3: a known suite", "suite-unknown", envelope=put("suite", value="x")
    ),
    refused(
        "envelope-owner",
        "R4.4: owner is a key id",
        "malformed",
        context=put("owner", value="acme"),
    ),
    refused(
        "envelope-version-zero",
        "R4.4: module versions start at 1",
        "malformed",
        context=put("version", value=0),
    ),
    refused(
        "envelope-name",
        "R4.4: module names are path-like and lower case",
        "malformed",
        context=put("module", value="acme/../scoring"),
    ),
    refused(
        "envelope-twice",
        "R4.5: one envelope per broker key",
        "envelope-repeated",
        envelopes=lambda envelopes: envelopes * 2,
    ),
    refused(
        "recovery-only",
        "R4.7: at least one envelope is for a broker",
        "envelope-count",
        envelopes=lambda envelopes: [recovery(envelopes)],
    ),
    refused(
        "recovery-first",
        "R4.7: the brokers' envelopes come first",
        "not-canonical",
        envelopes=lambda envelopes: [recovery(envelopes), *envelopes],
    ),
    refused(
        "whole-key-beside-shares",
        "R4.9: a whole key for one broker makes shares for others a show",
        "share-set",
        envelopes=lambda envelopes: [*shares({}, {})["envelopes"](envelopes), *envelopes],
    ),
    refused(
        "shares-of-two-splits",
        "R4.9: shares of one split",
        "share-set",
        **shares({}, {"set": "6f" * 16}),
    ),
    refused(
        "shares-of-two-thresholds",
        "R4.9: shares of one split",
        "share-set",
        **shares({}, {"threshold": 3, "of": 3}, {}),
    ),
    refused(
        "share-missing", "R4.9: every share is there", "share-set", **shares({"of": 3}, {"of": 3})
    ),
    refused(
        "share-twice", "R4.9: every share is there once", "share-set", **shares({}, {"index": 1})
    ),
    refused(
        "two-shares-for-one-key",
        "R4.9: no key opens two shares",
        "envelope-repeated",
        **shares({}, {}),
    ),
    refused(
        "recovery-by-a-broker-of-shares",
        "R4.9: no key opens a share and the recovery envelope",
        "envelope-repeated",
        envelopes=lambda envelopes: [
            *_two_keys(shares({}, {})["envelopes"](envelopes)),
            recovery(envelopes),
        ],
    ),
    refused(
        "two-shares-for-one-broker",
        "R4.9: no broker has two shares",
        "envelope-repeated",
        envelopes=lambda envelopes: _two_keys(
            shares({"broker": "1" * 64}, {"broker": "1" * 64})["envelopes"](envelopes)
        ),
    ),
    refused(
        "envelope-other-config",
        "R4.6: envelopes name the manifest's config",
        "context-mismatch",
        context=put("config", value=OTHER_DIGEST),
    ),
    refused(
        "envelope-other-layer",
        "R4.6: envelopes name the manifest's layer",
        "context-mismatch",
        context=put("layer", value=OTHER_DIGEST),
    ),
    refused(
        "envelopes-disagree",
        "R4.6: envelopes agree with each other",
        "context-mismatch",
        envelopes=second_envelope(put("context", "version", value=8)),
    ),
)

CONFIG_CASES = (
    refused(
        "config-cut",
        "R5.1: the config has its size",
        "size-mismatch",
        **in_artifact("config", lambda data: data[:-1]),
    ),
    refused(
        "config-bit",
        "R5.1: the config has its digest",
        "digest-mismatch",
        **in_artifact("config", lambda data: flipped(data, 99)),
    ),
    refused(
        "config-architecture",
        "R5.2: WebAssembly only",
        "platform",
        config=put("architecture", value="amd64"),
    ),
    refused("config-os", "R5.2: WASI only", "platform", config=put("os", value="linux")),
    refused(
        "config-os-of-components",
        "R5.4: wasip2 says what the component imports and exports",
        "malformed",
        config=put("os", value="wasip2"),
    ),
    refused(
        "config-component-target",
        "R5.4: a component has two lists of names and no more",
        "unknown-member",
        config=lambda document: document.update(
            os="wasip2", component={"exports": [], "imports": [], "target": "wasi:cli/command"}
        ),
    ),
    refused(
        "config-component-names",
        "R5.4: names are texts",
        "malformed",
        config=lambda document: document.update(
            os="wasip2", component={"exports": [7], "imports": []}
        ),
    ),
    refused(
        "config-two-layers",
        "R5.3: one layer digest",
        "layer-count",
        config=lambda document: document["layerDigests"].append(OTHER_DIGEST),
    ),
    refused(
        "config-component",
        "R1.5: no unknown member",
        "unknown-member",
        config=put("component", value={}),
    ),
)

NAMES = {"exports": ["run"], "imports": ["acme:clock/timers@0.2.0"]}

DISCLOSURE_CASES = (
    accepted(
        "component",
        "R9.6: a component, whose names are in the config too",
        module=WORLD,
        bill=lambda _: bill_of(WORLD).to_document(),
        config=lambda document: document.update(os="wasip2", component=NAMES),
    ),
    accepted(
        "hidden-component",
        "R7.7: the config of a hidden component has no names",
        module=WORLD,
        **hiding(
            bill=lambda _: bill_of(WORLD).to_document(),
            config=lambda document: document.update(
                layerDigests=[layer_digest(WORLD)],
                os="wasip2",
                component={"exports": [], "imports": []},
            ),
        ),
    ),
    refused(
        "component-names-changed",
        "R7.7: the names in the config are those of the bill",
        "statement-mismatch",
        module=WORLD,
        bill=lambda _: bill_of(WORLD).to_document(),
        config=lambda document: document.update(
            os="wasip2", component=NAMES | {"imports": ["wasi:cli/environment@0.2.0"]}
        ),
    ),
    refused(
        "component-as-core-module",
        "R7.7: the config is that of the module in the bill",
        "statement-mismatch",
        module=WORLD,
        bill=lambda _: bill_of(WORLD).to_document(),
    ),
    accepted("hidden-details", "R7.7: neither bill nor plaintext digest is told", **hiding()),
    refused(
        "hidden-bill-plain-digest",
        "R7.7: a hidden bill beside the plaintext's digest hides nothing",
        "statement-mismatch",
        predicate=hidden_predicate(),
    ),
    refused(
        "plain-bill-hidden-digest",
        "R7.7: a bill in clear, but another digest than the plaintext's",
        "statement-mismatch",
        config=hidden_config,
    ),
    refused(
        "both-bills",
        "R7.2: one bill, in clear or hidden",
        "unknown-member",
        predicate=put("hidden-bill", value=OTHER_COMMITMENT),
    ),
    refused("no-bill", "R7.2: there is a bill", "malformed", predicate=drop("bill-of-materials")),
    refused(
        "hidden-bill-not-hex",
        "R7.2: a commitment has 64 lower hexadecimal digits",
        "malformed",
        **hiding(predicate=hidden_predicate("A" * 64)),
    ),
    refused(
        "hidden-config-names",
        "R7.7: a hidden component's names are not in its config",
        "statement-mismatch",
        **hiding(
            config=lambda document: document.update(
                os="wasip2",
                layerDigests=[layer_digest()],
                component={"exports": ["wasi:cli/run@0.2.0"], "imports": []},
            )
        ),
    ),
    refused(
        "config-of-a-component",
        "R7.7: the config is that of the module in the bill",
        "statement-mismatch",
        config=lambda document: document.update(
            os="wasip2", component={"exports": [], "imports": []}
        ),
    ),
    refused(
        "hidden-bill-under-another-key",
        "R9.6: the commitment is made with the content key",
        "bill-mismatch",
        stage=UNSEAL,
        **hiding(predicate=hidden_predicate(OTHER_COMMITMENT)),
    ),
    refused(
        "hidden-component-as-core-module",
        "R9.6: a hidden module is of the kind its config tells",
        "bill-mismatch",
        stage=UNSEAL,
        module=WORLD,
        **hiding(
            bill=lambda _: bill_of(WORLD).to_document(),
            config=lambda document: document.update(layerDigests=[layer_digest(WORLD)]),
        ),
    ),
    refused(
        "hidden-core-module-as-component",
        "R9.6: a hidden module is of the kind its config tells",
        "bill-mismatch",
        stage=UNSEAL,
        **hiding(
            config=lambda document: document.update(
                layerDigests=[layer_digest()],
                os="wasip2",
                component={"exports": [], "imports": []},
            ),
        ),
    ),
    refused(
        "hidden-bill-of-another-module",
        "R9.6: the commitment is to the module's bill",
        "bill-mismatch",
        stage=UNSEAL,
        module=FULL,
        **hiding(
            config=lambda document: document.update(layerDigests=[layer_digest(FULL)]),
        ),
    ),
    refused(
        "hidden-key-of-another-plaintext",
        "R9.4: the digest in the private options is the plaintext's, whatever the config tells",
        "plaintext-mismatch",
        stage=UNSEAL,
        **hiding(privopts=lambda _: makers.options_json(makers.SYMKEY, OTHER_DIGEST, makers.NONCE)),
    ),
)

BUNDLE_CASES = (
    refused(
        "unsigned",
        "R6.1: at least one bundle",
        "signature-missing",
        **in_artifact("bundles", lambda _: []),
    ),
    refused(
        "bundle-media-type",
        "R6.2: bundle v0.3 only",
        "media-type",
        bundle=put("mediaType", value="application/vnd.dev.sigstore.bundle+json;version=0.2"),
    ),
    refused(
        "bundle-payload-type",
        "R6.2: in-toto only",
        "payload-type",
        bundle=put("dsseEnvelope", "payloadType", value="application/json"),
    ),
    refused(
        "bundle-without-signature",
        "R6.2: exactly one signature",
        "signature-missing",
        bundle=put("dsseEnvelope", "signatures", value=[]),
    ),
    refused(
        "bundle-two-signatures",
        "R6.2: exactly one signature",
        "signature-repeated",
        bundle=lambda document: document["dsseEnvelope"].update(
            signatures=document["dsseEnvelope"]["signatures"] * 2
        ),
    ),
    refused(
        "bundle-key-id",
        "R1.5: a keyid is not covered by the signature, so there is none",
        "unknown-member",
        bundle=put("dsseEnvelope", "signatures", 0, "keyid", value=""),
    ),
    refused(
        "bundle-with-log-entries",
        "R1.5: no unknown member",
        "unknown-member",
        bundle=put("verificationMaterial", "tlogEntries", value=[]),
    ),
    refused(
        "short-hint",
        "R6.3: the hint is a SHA-256",
        "malformed",
        bundle=put("verificationMaterial", "publicKey", "hint", value=b64(bytes(31))),
    ),
    refused(
        "signer-unknown",
        "R6.5: one of the expected owners",
        "signer-unknown",
        **in_artifact("owners", lambda _: [makers.STRANGER.public.spki]),
    ),
    refused(
        "no-owners",
        "R6.5: no expected owner means no accepted one",
        "signer-unknown",
        **in_artifact("owners", lambda _: []),
    ),
    refused(
        "hint-of-another-owner",
        "R6.5: the hint is the signer's",
        "signer-unknown",
        bundle=put("verificationMaterial", "publicKey", "hint", value=b64(bytes(32))),
    ),
    refused(
        "two-owners-two-statements",
        "R6.6: one statement by all expected owners",
        "signature-repeated",
        artifact=stated_again(makers.STRANGER),
    ),
    refused(
        "one-owner-two-statements",
        "R6.6: one statement by an owner",
        "signature-repeated",
        artifact=stated_again(makers.OWNER),
    ),
    refused(
        "only-statements-about-others",
        "R6.5: a statement about another manifest, and no other",
        "statement-mismatch",
        **in_artifact("bundles", lambda _: [make(module=WORLD).bundles[0]]),
    ),
    refused(
        "one-of-two-owners",
        "R6.6: as many owners as expected",
        "signature-missing",
        artifact=cosigned(threshold=2),
    ),
    refused(
        "owner-counts-once",
        "R6.6: as many different owners as expected",
        "signature-missing",
        artifact=cosigned(makers.OWNER, threshold=2),
    ),
    refused(
        "stranger-does-not-count",
        "R6.6: as many expected owners as expected",
        "signature-missing",
        artifact=cosigned(makers.STRANGER, threshold=2, trusted=False),
    ),
    refused(
        "signature-bit",
        "R6.4: the signature holds",
        "signature-invalid",
        **in_signature(lambda signature: flipped(signature, 8 * len(signature) - 1)),
    ),
    refused(
        "signature-not-der",
        "R6.4: ECDSA signatures are canonical DER",
        "signature-invalid",
        **in_signature(long_length),
    ),
    refused(
        "signature-of-another-payload",
        "R6.4: the signature is over the payload",
        "signature-invalid",
        bundle=put("dsseEnvelope", "payload", value="e30="),
    ),
)

STATEMENT_CASES = (
    refused(
        "cosign-predicate",
        "R7.1: our predicate",
        "statement-type",
        statement=put("predicateType", value="https://sigstore.dev/cosign/sign/v1"),
    ),
    refused(
        "statement-v0",
        "R7.1: in-toto Statement v1",
        "statement-type",
        statement=put("_type", value="https://in-toto.io/Statement/v0.1"),
    ),
    refused(
        "two-subjects",
        "R7.2: one subject",
        "malformed",
        statement=lambda document: document["subject"].append(document["subject"][0]),
    ),
    refused(
        "created-with-fraction",
        "R7.2: times are UTC to the second",
        "malformed",
        predicate=put("created", value="2026-11-22T10:00:00.5Z"),
    ),
    refused(
        "no-envelope-digests",
        "R7.2: 1 to 16 envelope digests",
        "envelope-count",
        predicate=put("envelopes", value=[]),
    ),
    refused(
        "capabilities-digest",
        "R7.3: the capability policy has its digest",
        "statement-mismatch",
        predicate=put("capabilities", "document", "kind", value="Other"),
    ),
    refused(
        "owner-is-not-the-signer",
        "R7.4: the owner signs",
        "statement-mismatch",
        predicate=put("owner", value=makers.STRANGER.key_id),
    ),
    refused(
        "transplanted-signature",
        "R7.5: the statement is about this manifest",
        "statement-mismatch",
        statement=put("subject", value=[{"digest": {"sha256": "0" * 64}}]),
    ),
    refused(
        "statement-other-config",
        "R7.5: the statement names the config",
        "statement-mismatch",
        predicate=put("config", value=OTHER_DIGEST),
    ),
    refused(
        "statement-other-layer",
        "R7.5: the statement names the layer",
        "statement-mismatch",
        predicate=put("layer", value=OTHER_DIGEST),
    ),
    refused(
        "envelope-not-signed",
        "R7.5: the statement names every envelope",
        "statement-mismatch",
        predicate=put("envelopes", value=[OTHER_DIGEST]),
    ),
    refused(
        "context-other-module",
        "R7.6: the envelope is for the signed module name",
        "context-mismatch",
        context=put("module", value="acme/other"),
    ),
    refused(
        "context-other-version",
        "R7.6: the envelope is for the signed version",
        "context-mismatch",
        context=put("version", value=8),
    ),
    refused(
        "context-other-owner",
        "R7.6: the envelope is for the signing owner",
        "context-mismatch",
        context=put("owner", value=makers.STRANGER.key_id),
    ),
    refused(
        "context-other-policy",
        "R7.6: the envelope is for the signed policy name",
        "context-mismatch",
        context=put("policy", value="acme/test"),
    ),
    refused(
        "context-other-capabilities",
        "R7.6: the envelope is for the signed capabilities",
        "context-mismatch",
        context=put("capabilities", value=OTHER_DIGEST),
    ),
    refused(
        "envelope-other-broker",
        "R7.5: the statement names the brokers",
        "statement-mismatch",
        envelope_header=put("broker", value=makers.STRANGER.key_id),
    ),
    refused(
        "statement-other-threshold",
        "R7.5: the statement says how many brokers it takes",
        "statement-mismatch",
        predicate=put("threshold", value=2),
    ),
    refused(
        "statement-hides-the-recovery-key",
        "R7.5: the statement names every kind of holder",
        "statement-mismatch",
        envelopes=lambda envelopes: [*envelopes, recovery(envelopes)],
    ),
    refused(
        "no-brokers",
        "R7.2: 1 to 16 brokers",
        "malformed",
        predicate=put("brokers", value=[]),
    ),
)

OPENING_CASES = (
    refused(
        "key-of-another-broker",
        "R8.1: the envelope names the opening key",
        "envelope-not-opened",
        stage=ENVELOPE,
        **in_artifact("opening_key", lambda _: makers.OTHER_BROKER),
    ),
    refused(
        "sealed-without-context",
        "R8.2: the sealed key is bound to the envelope's header",
        "envelope-not-opened",
        stage=ENVELOPE,
        envelope=sealed_by_stranger,
    ),
    refused(
        "private-options-spaced",
        "R8.3: exactly the bytes ocicrypt writes",
        "not-canonical",
        stage=ENVELOPE,
        privopts=replace('","digest', '", "digest'),
    ),
    refused(
        "short-key",
        "R8.3: the content key has 32 bytes",
        "malformed",
        stage=ENVELOPE,
        privopts=lambda _: makers.options_json(bytes(31), makers.digest(SMALL), makers.NONCE),
    ),
)

UNSEAL_CASES = (
    refused(
        "layer-cut",
        "R9.1: the layer has its size",
        "size-mismatch",
        stage=UNSEAL,
        **in_artifact("layer", lambda data: data[:-1]),
    ),
    refused(
        "layer-bit",
        "R9.1: the layer has its digest",
        "digest-mismatch",
        stage=UNSEAL,
        **in_artifact("layer", lambda data: flipped(data, 100)),
    ),
    refused(
        "key-of-another-plaintext",
        "R9.2: options and config name the same plaintext",
        "plaintext-mismatch",
        stage=UNSEAL,
        privopts=lambda _: makers.options_json(makers.SYMKEY, OTHER_DIGEST, makers.NONCE),
    ),
    refused(
        "hmac",
        "R9.3: the HMAC holds before a byte is decrypted",
        "hmac-mismatch",
        stage=UNSEAL,
        pubopts=lambda _: (
            b'{"cipher":"AES_256_CTR_HMAC_SHA256","hmac":"%s","cipheroptions":{}}'
            % b64(bytes(32)).encode()
        ),
    ),
    refused(
        "other-nonce",
        "R9.4: the plaintext has its digest",
        "plaintext-mismatch",
        stage=UNSEAL,
        privopts=lambda _: makers.options_json(makers.SYMKEY, makers.digest(SMALL), bytes(16)),
    ),
    refused(
        "not-a-module",
        "R9.5: the plaintext is WebAssembly",
        "not-wasm",
        stage=UNSEAL,
        module=b"#!/bin/sh\nexit 0\n",
    ),
    refused(
        "another-version",
        "R9.5: versions that are known",
        "module-unsupported",
        stage=UNSEAL,
        module=b"\0asm\x02\0\0\0",
    ),
    refused(
        "component-for-a-core-module",
        "R9.6: the bill of materials is the signed one",
        "bill-mismatch",
        stage=UNSEAL,
        module=COMPONENT,
    ),
    refused(
        "module-cut",
        "R9.6: sections are as long as they say",
        "module-malformed",
        stage=UNSEAL,
        module=SMALL[:-1],
    ),
    refused(
        "too-many-sections",
        "R9.6: a module has at most 1024 sections",
        "too-large",
        stage=UNSEAL,
        module=SMALL + custom("x") * limits.BILL_SECTIONS,
    ),
    refused(
        "other-bill",
        "R9.6: the bill of materials is the signed one",
        "bill-mismatch",
        stage=UNSEAL,
        module=FULL,
    ),
)


CASES = (
    *ACCEPTED_CASES,
    *DOCUMENT_CASES,
    *MANIFEST_CASES,
    *OPTIONS_CASES,
    *ENVELOPE_CASES,
    *CONFIG_CASES,
    *BUNDLE_CASES,
    *STATEMENT_CASES,
    *DISCLOSURE_CASES,
    *OPENING_CASES,
    *UNSEAL_CASES,
)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "sealed-module")
    for case in CASES:
        artifact = case.build()
        files = {
            "manifest.json": artifact.manifest,
            "config.json": artifact.config,
            "layer.bin": artifact.layer,
        }
        files |= {f"bundle-{n}.json": data for n, data in enumerate(artifact.bundles)}
        document = {
            "why": case.why,
            "stage": case.stage,
            "expect": case.expect,
            "owners": [b64(spki) for spki in artifact.owners],
            "threshold": artifact.threshold,
            "opening_key": b64(artifact.opening_key.to_bytes()),
            "suite": X25519,
        }
        write_case(folder, case.name, document, files)


def opening_key(case: dict[str, Any]) -> OpeningKey:
    """Return the key a case opens its envelope with."""
    return OpeningKey.from_bytes(case["suite"], unb64(case["opening_key"]))
