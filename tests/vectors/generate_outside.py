"""Vectors of sections O and S of docs/specs/other-holders.md: whole sealed artifacts, bent once.

The attacks on ocicrypt that are tried on plain artifacts in `sealed-module/` and `foreign/` are
tried here through the doors that these holders open.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rfc8785

from sealing.hpke import X25519
from tests.unit.sealing.jwe_maker import flattened, general
from tests.unit.sealing.makers import NONCE, SYMKEY, b64, digest, options_json
from tests.unit.sealing.wasm_maker import SMALL
from tests.vectors.folder import fresh_folder, write_case
from tests.vectors.generate_coco import PACKET
from tests.vectors.generate_foreign import GOOD_TAR, PLUGIN, tar_of, zipped
from tests.vectors.generate_sealed_module import (
    UNSEAL,
    Case,
    accepted,
    put,
    refused,
    shares,
)
from tests.vectors.jwe_world import EC_KEY, RSA_KEY

KEYS = "org.opencontainers.image.enc.keys."
JWE, COCO = f"{KEYS}jwe", f"{KEYS}provider.attestation-agent"
SECRET = options_json(SYMKEY, digest(SMALL), NONCE)
ENTRY = rfc8785.dumps(flattened(SECRET, EC_KEY.public_key()))
VARIANT = {"module.wasm.image/variant": "compat"}
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"


def noted(name: str, value: Any) -> Callable[[Any], None]:
    return lambda document: document["layers"][0]["annotations"].update({name: value})


def note(name: str, *entries: bytes) -> Callable[[Any], None]:
    return noted(name, ",".join(map(b64, entries)))


def beside(name: str, *entries: bytes, kinds: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return edits that add entries, and name their kind in the statement."""
    edits: dict[str, Any] = {"manifest": note(name, *entries)}
    kind = {JWE: "jwe", COCO: "coco"}[name]
    edits["predicate"] = put("recipients", value=sorted(kinds or ("broker", kind)))
    return edits


def image(
    tar: bytes = GOOD_TAR,
    packed: bytes | None = None,
    *,
    config: Callable[[dict[str, Any]], Any] = lambda _: None,
    manifest: Callable[[Any], Any] = lambda _: None,
) -> dict[str, Any]:
    """Return edits that make an artifact of the other shape."""

    def its_config(_: Any) -> dict[str, Any]:
        document = {
            "architecture": "wasm",
            "config": {},
            "os": "wasip1",
            "rootfs": {"diff_ids": [digest(tar)], "type": "layers"},
        }
        config(document)
        return document

    def its_manifest(document: Any) -> None:
        document["annotations"] = dict(VARIANT)
        document["config"]["mediaType"] = CONFIG
        document["layers"][0]["mediaType"] = f"{LAYER}+encrypted"
        manifest(document)

    plain = zipped(tar) if packed is None else packed
    return {"module": plain, "config": its_config, "manifest": its_manifest}


def cases() -> tuple[Case, ...]:
    spaced = json.dumps(json.loads(ENTRY)).encode()
    for_two = rfc8785.dumps(general(SECRET, RSA_KEY.public_key(), EC_KEY.public_key()))
    moved = json.loads(ENTRY) | {"protected": "e30"}
    other = [{"index": n} for n in (1, 2)]
    return (
        accepted("jwe", "O1: a JWE beside the envelope", **beside(JWE, ENTRY)),
        accepted("two-jwe", "O1: each for one recipient", **beside(JWE, ENTRY, ENTRY)),
        accepted("coco", "O1: a packet beside the envelope", **beside(COCO, PACKET)),
        accepted("image", "S5: the other shape", **image()),
        refused("jwe-spaced", "O1: one form", "not-canonical", **beside(JWE, spaced)),
        refused("jwe-for-two", "O1: one recipient each", "envelope-count", **beside(JWE, for_two)),
        refused(
            "jwe-of-no-form", "O1: a JWE", "suite-unknown", **beside(JWE, rfc8785.dumps(moved))
        ),
        refused("jwe-empty", "O1: a JWE", "malformed", **beside(JWE, b"")),
        refused("jwe-null", "O1: a text with a JWE", "malformed", manifest=noted(JWE, None)),
        refused("coco-null", "O1: a text with a packet", "malformed", manifest=noted(COCO, None)),
        refused(
            "coco-spaced",
            "O1: one form",
            "not-canonical",
            **beside(COCO, json.dumps(json.loads(PACKET)).encode()),
        ),
        refused(
            "coco-counter-mode",
            "O1: a packet that is checked",
            "suite-unknown",
            **beside(COCO, PACKET.replace(b"A256GCM", b"A256CTR")),
        ),
        refused(
            "coco-host",
            "O1: no host",
            "envelope-scheme",
            **beside(COCO, PACKET.replace(b"kbs:///", b"kbs://evil.example/")),
        ),
        refused(
            "other-provider",
            "O1: no other scheme",
            "envelope-scheme",
            manifest=noted(f"{KEYS}provider.another", "e30="),
        ),
        refused(
            "pkcs7",
            "O1: no other scheme",
            "envelope-scheme",
            manifest=noted(f"{KEYS}pkcs7", "e30="),
        ),
        refused(
            "sixteen-and-one",
            "O2: at most 16 in all",
            "envelope-count",
            **beside(JWE, *[ENTRY] * 16),
        ),
        refused("seventeen-jwe", "O2: at most 16", "envelope-count", **beside(JWE, *[ENTRY] * 17)),
        refused(
            "beside-shares",
            "O3: no whole key beside shares",
            "share-set",
            **(beside(JWE, ENTRY) | shares(*other)),
        ),
        refused(
            "coco-beside-shares",
            "O3: no whole key beside shares",
            "share-set",
            **(beside(COCO, PACKET) | shares(*other)),
        ),
        refused(
            "jwe-not-said",
            "O4: the statement says so",
            "statement-mismatch",
            manifest=note(JWE, ENTRY),
        ),
        refused(
            "coco-not-said",
            "O4: the statement says so",
            "statement-mismatch",
            manifest=note(COCO, PACKET),
        ),
        refused(
            "said-but-not-there",
            "O4: the statement says what is there",
            "statement-mismatch",
            predicate=put("recipients", value=["broker", "jwe"]),
        ),
        refused(
            "added-after-signing",
            "O4: entries are signed",
            "statement-mismatch",
            artifact=add_after_signing,
        ),
        refused(
            "variant-of-another-kind",
            "S1: this annotation",
            "media-type",
            **image(manifest=put("annotations", value={"module.wasm.image/variant": "oci"})),
        ),
        refused(
            "annotations-empty",
            "S1: this annotation",
            "media-type",
            **image(manifest=put("annotations", value={})),
        ),
        refused(
            "annotation-beside",
            "S1: no other",
            "media-type",
            **image(manifest=put("annotations", "org.example", value="x")),
        ),
        refused(
            "image-without-variant",
            "S1: types of its shape",
            "media-type",
            **image(manifest=lambda one: one.pop("annotations")),
        ),
        refused(
            "variant-on-a-module",
            "S1: types of its shape",
            "media-type",
            manifest=put("annotations", value=dict(VARIANT)),
        ),
        refused(
            "image-of-a-module",
            "S1: types of its shape",
            "media-type",
            **image(manifest=put("layers", 0, "mediaType", value="application/wasm+encrypted")),
        ),
        refused(
            "image-in-clear",
            "S1: no downgrade",
            "not-sealed",
            **image(manifest=put("layers", 0, "mediaType", value=LAYER)),
        ),
        refused(
            "image-not-zipped",
            "S1: types of its shape",
            "media-type",
            **image(
                manifest=put(
                    "layers",
                    0,
                    "mediaType",
                    value="application/vnd.oci.image.layer.v1.tar+encrypted",
                )
            ),
        ),
        refused(
            "image-of-31-bytes",
            "S1: a layer that can hold an archive",
            "malformed",
            **image(manifest=put("layers", 0, "size", value=31)),
        ),
        refused(
            "image-for-linux",
            "S2: its platform",
            "platform",
            **image(config=put("os", value="linux")),
        ),
        refused(
            "image-with-history",
            "S2: no unknown member",
            "unknown-member",
            **image(config=put("history", value=[])),
        ),
        refused(
            "image-with-an-entrypoint",
            "S2: an empty config",
            "unknown-member",
            **image(config=put("config", "Entrypoint", value=["/x"])),
        ),
        refused(
            "image-of-two-layers",
            "S2: one layer",
            "layer-count",
            **image(config=put("rootfs", "diff_ids", value=[digest(b"a"), digest(b"b")])),
        ),
        refused(
            "image-rootfs",
            "S2: a list of layers",
            "malformed",
            **image(config=put("rootfs", "type", value="x")),
        ),
        refused(
            "image-not-gzip",
            "S3: gzip",
            "archive-malformed",
            stage=UNSEAL,
            **image(packed=GOOD_TAR),
        ),
        refused(
            "image-bomb",
            "S3: not more than a module may be",
            "too-large",
            stage=UNSEAL,
            **image(packed=zipped(GOOD_TAR)[:-4] + b"\xff\xff\xff\x7f"),
        ),
        refused(
            "image-two-files",
            "S4: one file",
            "archive-malformed",
            stage=UNSEAL,
            **image(tar_of(PLUGIN, PLUGIN)),
        ),
        refused(
            "image-other-tar",
            "S5: the tar of the config",
            "plaintext-mismatch",
            stage=UNSEAL,
            **image(config=put("rootfs", "diff_ids", value=[digest(b"another")])),
        ),
        refused(
            "image-of-another-module",
            "S5: the module of the bill",
            "bill-mismatch",
            stage=UNSEAL,
            **image(tar_of(("plugin.wasm", SMALL[:8]))),
        ),
        refused(
            "image-of-no-module",
            "S5: a module",
            "not-wasm",
            stage=UNSEAL,
            **image(tar_of(("plugin.wasm", b"#!/bin/sh\n"))),
        ),
    )


def add_after_signing(artifact: Any) -> None:
    """Add a recipient as skopeo adds one, to a manifest that is signed."""
    document = json.loads(artifact.manifest)
    note(JWE, ENTRY)(document)
    artifact.manifest = rfc8785.dumps(document)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "outside")
    for case in cases():
        artifact = case.build()
        files = {
            "manifest.json": artifact.manifest,
            "config.json": artifact.config,
            "layer.bin": artifact.layer,
            "bundle.json": artifact.bundles[0],
        }
        document = {
            "why": case.why,
            "stage": case.stage,
            "expect": case.expect,
            "owners": [b64(spki) for spki in artifact.owners],
            "opening_key": b64(artifact.opening_key.to_bytes()),
            "suite": X25519,
        }
        write_case(folder, case.name, document, files)
