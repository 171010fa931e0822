"""Vectors of section 7 of docs/specs/oci-artifact.md: manifests of modules in clear.

A case is a `manifest.json` beside its `case.json`, which names the layer that is the module.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.vectors.folder import fresh_folder, write_case

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
DOCKER_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CNCF_CONFIG = "application/vnd.wasm.config.v0+json"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
CNCF = "application/wasm"
KRUSTLET = "application/vnd.wasm.content.layer.v1+wasm"
ISTIO = "application/vnd.module.wasm.content.layer.v1+wasm"
SETTINGS = "application/vnd.module.wasm.config.v1+json"
RUNWASI = "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"
PACKED = "application/vnd.oci.image.layer.v1.tar+gzip"
OPTIONS = "org.opencontainers.image.enc.pubopts"
JWE = "org.opencontainers.image.enc.keys.jwe"
OURS = "org.opencontainers.image.enc.keys.provider.sealwasm"
MODULE = bytes.fromhex("0061736d01000000")


def descriptor(media_type: str, data: bytes = MODULE, **members: Any) -> dict[str, Any]:
    """Return the descriptor of some bytes."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(data)} | members


def manifest(*layers: Any, config: str = CNCF_CONFIG, **members: Any) -> dict[str, Any]:
    """Return a manifest with these layers."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": descriptor(config, b"{}"),
        "layers": list(layers),
    }
    return document | members


def noted(**notes: str) -> dict[str, Any]:
    """Return a layer that says `application/wasm` and has these annotations."""
    return descriptor(CNCF, annotations=notes)


# (case, step of the spec, manifest)
ACCEPTED = [
    ("cncf", "7.5", manifest(descriptor(CNCF))),
    (
        "krustlet",
        "7.5",
        manifest(descriptor(KRUSTLET), config="application/vnd.wasm.config.v1+json"),
    ),
    ("istio-alone", "7.5", manifest(descriptor(ISTIO), config=IMAGE_CONFIG)),
    (
        "istio-with-settings",
        "7.4",
        manifest(descriptor(SETTINGS, b"{}"), descriptor(ISTIO), config=IMAGE_CONFIG),
    ),
    (
        "istio-settings-last",
        "7.4",
        manifest(descriptor(ISTIO), descriptor(SETTINGS, b"{}"), config=IMAGE_CONFIG),
    ),
    ("runwasi", "7.5", manifest(descriptor(RUNWASI), config=IMAGE_CONFIG)),
    ("image", "7.5", manifest(descriptor(PACKED), config=IMAGE_CONFIG)),
    (
        "members-that-say-nothing",
        "7.2",
        manifest(
            noted(**{"org.opencontainers.image.title": "app.wasm"}),
            config="application/vnd.oci.empty.v1+json",
            artifactType="application/vnd.example",
            annotations={"a": "b"},
            subject=descriptor(MANIFEST_TYPE, b"x"),
        ),
    ),
]

# (case, step of the spec, manifest, code)
REFUSED = [
    ("docker", "7.2", manifest(descriptor(CNCF), mediaType=DOCKER_TYPE), "seal-media-type"),
    ("layers-no-list", "7.2", manifest() | {"layers": {}}, "seal-malformed"),
    ("layer-no-object", "7.2", manifest("sha256:"), "seal-malformed"),
    ("layer-without-type", "7.2", manifest({"digest": "", "size": 0}), "seal-malformed"),
    ("digest-of-another-kind", "7.2", manifest(descriptor(CNCF, digest="md5:0")), "seal-malformed"),
    ("size-below-zero", "7.2", manifest(descriptor(CNCF, size=-1)), "seal-malformed"),
    ("encrypted-by-its-type", "7.3", manifest(descriptor(f"{CNCF}+encrypted")), "seal-encrypted"),
    (
        "encrypted-image",
        "7.3",
        manifest(descriptor(f"{PACKED}+encrypted"), config=IMAGE_CONFIG),
        "seal-encrypted",
    ),
    ("encrypted-by-its-options", "7.3", manifest(noted(**{OPTIONS: "e30="})), "seal-encrypted"),
    ("encrypted-by-its-keys", "7.3", manifest(noted(**{JWE: "e30="})), "seal-encrypted"),
    ("sealed", "7.3", manifest(noted(**{OURS: "e30="})), "seal-encrypted"),
    (
        "encrypted-beside-one-in-clear",
        "7.3",
        manifest(descriptor(CNCF), descriptor(f"{CNCF}+encrypted")),
        "seal-encrypted",
    ),
    ("no-layer", "7.4", manifest(), "seal-layer-count"),
    ("settings-alone", "7.4", manifest(descriptor(SETTINGS, b"{}")), "seal-layer-count"),
    (
        "two-modules",
        "7.4",
        manifest(descriptor(CNCF), descriptor(CNCF, MODULE + b"\0")),
        "seal-layer-count",
    ),
    (
        "image-of-two-layers",
        "7.4",
        manifest(descriptor(PACKED), descriptor(PACKED, b"x"), config=IMAGE_CONFIG),
        "seal-layer-count",
    ),
    ("index-in-an-index", "7.4", {"mediaType": INDEX_TYPE, "manifests": []}, "seal-layer-count"),
    ("something-else", "7.5", manifest(descriptor("text/plain")), "seal-media-type"),
    (
        "tar-without-gzip",
        "7.5",
        manifest(descriptor("application/vnd.oci.image.layer.v1.tar")),
        "seal-media-type",
    ),
]


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "plain")
    for name, step, document in ACCEPTED:
        layers = [one for one in document["layers"] if one["mediaType"] != SETTINGS]
        case = {"expect": "accepted", "why": step, "layer": layers[0]["digest"]}
        write_case(folder, name, case, {"manifest.json": _json(document)})
    for name, step, document, code in REFUSED:
        case = {"expect": code, "why": step, "stage": "PlainModule.parse"}
        write_case(folder, name, case, {"manifest.json": _json(document)})


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
