"""Vectors of section 2 of docs/specs/oci-artifact.md: image-layout folders, whole and damaged.

A case is a folder `layout` beside its `case.json`. The reader opens it, gets the manifest of
`target`, every blob of that manifest, and the referrers of type `artifact_type`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.vectors.folder import fresh_folder, write_case

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
DOCKER_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
NOTE_TYPE = "application/vnd.example.note"
REF_NAME = "org.opencontainers.image.ref.name"
CONFIG = b'{"architecture":"wasm","os":"wasip1"}'
LAYER = b"ciphertext of a module"
ABSENT = "seal-not-found"
DIGEST = "seal-digest-mismatch"
LARGE = "seal-too-large"
MALFORMED = "seal-malformed"
REPEATED = "seal-duplicate-member"
SIZE = "seal-size-mismatch"
STORE = "seal-store-malformed"
TYPE = "seal-media-type"

Change = Callable[["Layout"], object]


class Layout:
    """A folder in the making: `files` by path, `index` and the manifest still changeable."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
        self.links: dict[str, str] = {}
        self.skip: set[str] = set()
        self.config = self.add(CONFIG, "application/vnd.example.config")
        self.layer = self.add(LAYER, "application/octet-stream")
        self.manifest: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self.config,
            "layers": [self.layer],
        }
        self.index: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX_TYPE}
        self.target = "v1"
        self.enter()

    def add(self, data: bytes, media_type: str) -> dict[str, Any]:
        """Store a blob and return its descriptor."""
        digest = hashlib.sha256(data).hexdigest()
        self.files[f"blobs/sha256/{digest}"] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def enter(self) -> None:
        """Store the manifest as it is now and make it the one that `index.json` names v1."""
        self.entry = self.add(to_json(self.manifest), MANIFEST_TYPE)
        self.index["manifests"] = [self.entry | {"annotations": {REF_NAME: "v1"}}]

    def refer(self, **changes: Any) -> None:
        """Add a manifest whose subject is the one named v1."""
        document = self.manifest | {"artifactType": NOTE_TYPE, "subject": self.entry} | changes
        self.index["manifests"].append(self.add(to_json(document), MANIFEST_TYPE))

    def path(self, descriptor: dict[str, Any]) -> str:
        """Return where the bytes of a descriptor lie."""
        return "blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")

    def write(self, folder: Path) -> None:
        """Write everything below `folder`."""
        self.files.setdefault("index.json", to_json(self.index))
        for name, data in self.files.items():
            if name in self.skip:
                continue
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        for name, target in self.links.items():
            (folder / name).unlink()
            (folder / name).symlink_to(target)


def to_json(value: Any) -> bytes:
    """Return compact JSON in the order of the members."""
    return json.dumps(value, separators=(",", ":")).encode()


def _marker(data: bytes) -> Change:
    return lambda layout: layout.files.update({"oci-layout": data})


def _index_bytes(data: bytes) -> Change:
    return lambda layout: layout.files.update({"index.json": data})


def _index(**members: Any) -> Change:
    return lambda layout: layout.index.update(members)


def _entry(**members: Any) -> Change:
    return lambda layout: layout.index["manifests"][0].update(members)


def _entries(value: Any) -> Change:
    return lambda layout: layout.index.update({"manifests": value})


def _manifest(**members: Any) -> Change:
    def change(layout: Layout) -> None:
        layout.manifest.update(members)
        layout.enter()

    return change


def _layer(**members: Any) -> Change:
    def change(layout: Layout) -> None:
        layout.manifest["layers"] = [layout.layer | members]
        layout.enter()

    return change


def _stored(which: str, alter: Callable[[bytes], bytes | None]) -> Change:
    """Return the change of the stored bytes of `entry`, `config` or `layer`; None removes them."""

    def change(layout: Layout) -> None:
        path = layout.path(getattr(layout, which))
        data = alter(layout.files.pop(path))
        if data is not None:
            layout.files[path] = data

    return change


def _linked(path_of: Callable[[Layout], str]) -> Change:
    def change(layout: Layout) -> None:
        path = path_of(layout)
        layout.files.setdefault("index.json", to_json(layout.index))
        layout.files["elsewhere"] = layout.files[path]
        layout.links[path] = "../" * path.count("/") + "elsewhere"

    return change


def _target(target: str) -> Change:
    return lambda layout: setattr(layout, "target", target)


def _by_digest(layout: Layout) -> None:
    layout.target = layout.entry["digest"]


def _twice(layout: Layout) -> None:
    layout.index["manifests"].append(layout.index["manifests"][0])


def _other_tools(layout: Layout) -> None:
    layout.index["annotations"] = {"org.example.note": "kept"}
    layout.index["manifests"][0]["platform"] = {"architecture": "wasm", "os": "wasip1"}
    layout.index["manifests"].append(layout.layer | {"urls": ["https://example.com/layer"]})


def _referrer(**members: Any) -> Change:
    return lambda layout: layout.refer(**members)


def _damaged_referrer(alter: Callable[[bytes], bytes | None]) -> Change:
    def change(layout: Layout) -> None:
        layout.refer()
        path = layout.path(layout.index["manifests"][-1])
        data = alter(layout.files.pop(path))
        if data is not None:
            layout.files[path] = data

    return change


def _neighbour(entry: Any) -> Change:
    """Return the change that adds a referrer, with `entry` of another tool before it."""

    def change(layout: Layout) -> None:
        layout.index["manifests"].append(entry)
        layout.refer()

    return change


def _neighbour_manifest(data: bytes) -> Change:
    return lambda layout: _neighbour(layout.add(data, MANIFEST_TYPE))(layout)


def _flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def _gone(_: bytes) -> None:
    return None


def _nothing(_: Layout) -> None:
    return None


# (case, step of the spec, number of referrers found, change)
ACCEPTED: list[tuple[str, str, int, Change]] = [
    ("by-tag", "2.3", 0, _nothing),
    ("by-digest", "2.4", 0, _by_digest),
    ("members-of-other-tools", "2.2", 0, _other_tools),
    ("marker-with-spaces", "2.1", 0, _marker(b'{ "imageLayoutVersion": "1.0.0" }')),
    ("index-without-media-type", "2.2", 0, lambda layout: layout.index.pop("mediaType")),
    ("referrer", "2.6", 1, _referrer()),
    ("referrer-of-another-type", "2.6", 0, _referrer(artifactType="application/vnd.example.x")),
    ("referrer-of-another-subject", "2.6", 0, _referrer(subject={
        "mediaType": MANIFEST_TYPE, "digest": "sha256:" + "0" * 64, "size": 2})),
    ("referrer-missing", "2.6", 0, _damaged_referrer(_gone)),
    ("referrer-changed", "2.6", 0, _damaged_referrer(_flip)),
    ("referrer-subject-is-text", "2.6", 0, _referrer(subject="x")),
    ("referrer-subject-sha512", "2.6", 0, _referrer(subject={
        "mediaType": MANIFEST_TYPE, "digest": "sha512:" + "a" * 128, "size": 2})),
    ("referrer-annotations-are-text", "2.6", 0, _referrer(annotations="x")),
    ("neighbour-entry-is-text", "2.2", 1, _neighbour("x")),
    ("neighbour-entry-without-media-type", "2.2", 1,
     _neighbour({"digest": "sha256:" + "0" * 64, "size": 2})),
    ("neighbour-entry-sha512", "2.2", 1, _neighbour(
        {"mediaType": MANIFEST_TYPE, "digest": "sha512:" + "a" * 128, "size": 2})),
    ("neighbour-entry-with-annotations-of-another-form", "2.2", 1, _neighbour(
        {"mediaType": MANIFEST_TYPE, "digest": "sha256:" + "0" * 64, "size": 2,
         "annotations": {REF_NAME: ["v1"]}})),
    ("neighbour-manifest-missing", "2.6", 1, _neighbour(
        {"mediaType": MANIFEST_TYPE, "digest": "sha256:" + "0" * 64, "size": 2})),
    ("neighbour-manifest-without-media-type", "2.6", 1, _neighbour_manifest(
        b'{"schemaVersion":2,"config":{},"layers":[]}')),
    ("neighbour-manifest-of-docker", "2.6", 1, _neighbour_manifest(
        to_json({"schemaVersion": 2, "mediaType": DOCKER_TYPE}))),
    ("neighbour-manifest-not-json", "2.6", 1, _neighbour_manifest(b"{")),
]  # fmt: skip

# (case, step of the spec, stage, code, change)
REFUSED: list[tuple[str, str, str, str, Change]] = [
    ("marker-missing", "2.1", "open", ABSENT, lambda layout: layout.files.pop("oci-layout")),
    ("marker-other-version", "2.1", "open", STORE, _marker(b'{"imageLayoutVersion":"1.1.0"}')),
    ("marker-unknown-member", "2.1", "open", STORE,
     _marker(b'{"imageLayoutVersion":"1.0.0","x":1}')),
    ("marker-empty", "2.1", "open", MALFORMED, _marker(b"")),
    ("marker-trailing-data", "2.1", "open", MALFORMED, _marker(b'{"imageLayoutVersion":"1.0.0"}x')),
    ("marker-repeated-member", "2.1", "open", REPEATED,
     _marker(b'{"imageLayoutVersion":"1.1.0","imageLayoutVersion":"1.0.0"}')),
    ("marker-too-large", "2.1", "open", LARGE,
     _marker(b'{"imageLayoutVersion":"1.0.0"}'.ljust(1025))),
    ("marker-is-a-link", "2.1", "open", STORE, _linked(lambda _: "oci-layout")),
    ("index-missing", "2.2", "manifest", ABSENT, lambda layout: layout.skip.add("index.json")),
    ("index-is-a-link", "2.2", "manifest", STORE, _linked(lambda _: "index.json")),
    ("index-not-json", "2.2", "manifest", MALFORMED, _index_bytes(b"{")),
    ("index-not-utf8", "2.2", "manifest", MALFORMED, _index_bytes(b'{"\xff":1}')),
    ("index-is-a-list", "2.2", "manifest", MALFORMED, _index_bytes(b"[]")),
    ("index-repeated-member", "2.2", "manifest", REPEATED, _index_bytes(b'{"a":1,"a":1}')),
    ("index-schema-version", "2.2", "manifest", MALFORMED, _index(schemaVersion=1)),
    ("index-media-type", "2.2", "manifest", TYPE, _index(mediaType=MANIFEST_TYPE)),
    ("index-without-list", "2.2", "manifest", MALFORMED,
     lambda layout: layout.index.pop("manifests")),
    ("index-list-is-an-object", "2.2", "manifest", MALFORMED, _entries({})),
    ("index-list-too-long", "2.2", "manifest", LARGE, _entries([{}] * 1025)),
    ("entry-is-text", "2.3", "manifest", ABSENT, _entries(["x"])),
    ("entry-without-media-type", "2.3", "manifest", MALFORMED, _entry(mediaType=None)),
    ("entry-digest-upper-case", "2.3", "manifest", MALFORMED, _entry(digest="sha256:" + "A" * 64)),
    ("entry-digest-sha512", "2.3", "manifest", MALFORMED, _entry(digest="sha512:" + "a" * 128)),
    ("entry-digest-is-a-path", "2.3", "manifest", MALFORMED,
     _entry(digest="sha256:../../index.json")),
    ("entry-size-is-text", "2.3", "manifest", MALFORMED, _entry(size="2")),
    ("entry-size-negative", "2.3", "manifest", MALFORMED, _entry(size=-1)),
    ("entry-size-is-true", "2.3", "manifest", MALFORMED, _entry(size=True)),
    ("entry-annotations-are-a-list", "2.3", "manifest", ABSENT, _entry(annotations=[])),
    ("entry-name-is-a-number", "2.3", "manifest", ABSENT, _entry(annotations={REF_NAME: 1})),
    ("entry-annotation-is-a-number", "2.3", "manifest", MALFORMED,
     _entry(annotations={REF_NAME: "v1", "org.example.note": 1})),
    ("entry-artifact-type-is-a-number", "2.3", "manifest", MALFORMED, _entry(artifactType=1)),
    ("tag-absent", "2.3", "manifest", ABSENT, _target("v2")),
    ("tag-in-other-letters", "2.3", "manifest", ABSENT, _target("V1")),
    ("tag-twice", "2.3", "manifest", STORE, _twice),
    ("tag-twice-once-on-no-descriptor", "2.3", "manifest", STORE,
     _neighbour({"annotations": {REF_NAME: "v1"}})),
    ("target-is-a-path", "2.3", "manifest", "seal-reference-invalid", _target("../v1")),
    ("digest-absent", "2.4", "manifest", ABSENT, _target("sha256:" + "0" * 64)),
    ("manifest-missing", "2.4", "manifest", ABSENT, _stored("entry", _gone)),
    ("manifest-changed", "2.4", "manifest", DIGEST, _stored("entry", _flip)),
    ("manifest-truncated", "2.4", "manifest", SIZE, _stored("entry", lambda data: data[:-1])),
    ("manifest-longer", "2.4", "manifest", SIZE, _stored("entry", lambda data: data + b"\n")),
    ("manifest-is-a-link", "2.4", "manifest", STORE,
     _linked(lambda layout: layout.path(layout.entry))),
    ("manifest-without-media-type", "2.4", "facts", MALFORMED, _manifest(mediaType=None)),
    ("manifest-of-docker", "2.4", "facts", TYPE, _manifest(mediaType=DOCKER_TYPE)),
    ("manifest-without-layers", "2.4", "facts", MALFORMED, _manifest(layers=None)),
    ("manifest-without-config", "2.4", "facts", MALFORMED, _manifest(config=None)),
    ("blob-missing", "2.5", "blobs", ABSENT, _stored("layer", _gone)),
    ("blob-truncated", "2.5", "blobs", SIZE, _stored("layer", lambda data: data[:-1])),
    ("blob-longer", "2.5", "blobs", SIZE, _stored("layer", lambda data: data + b"\0")),
    ("blob-empty", "2.5", "blobs", SIZE, _stored("layer", lambda _: b"")),
    ("blob-changed", "2.5", "blobs", DIGEST, _stored("layer", _flip)),
    ("blob-is-a-link", "2.5", "blobs", STORE, _linked(lambda layout: layout.path(layout.layer))),
    ("blob-size-in-manifest", "2.5", "blobs", SIZE, _layer(size=len(LAYER) - 1)),
    ("blob-size-over-limit", "2.5", "blobs", LARGE, _layer(size=(512 << 20) + 1)),
    ("config-changed", "2.5", "blobs", DIGEST, _stored("config", _flip)),
]  # fmt: skip


def generate(root: Path) -> None:
    """Write every case below `root`/oci_layout."""
    folder = fresh_folder(root, "oci_layout")
    for name, step, referrers, change in ACCEPTED:
        expected = {"stage": "referrers", "expect": "accepted", "referrers": referrers}
        _write(folder, name, step, change, expected)
    for name, step, stage, code, change in REFUSED:
        _write(folder, name, step, change, {"stage": stage, "expect": code})


def _write(folder: Path, name: str, step: str, change: Change, expected: dict[str, Any]) -> None:
    layout = Layout()
    change(layout)
    why = f"docs/specs/oci-artifact.md step {step}: {name.replace('-', ' ')}"
    case = {"why": why, "target": layout.target, "artifact_type": NOTE_TYPE}
    write_case(folder, name, case | expected)
    refused = expected["expect"] != "accepted"
    layout.write(folder / (f"{name}_refused" if refused else name) / "layout")
