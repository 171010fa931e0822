"""Vectors of docs/specs/airgap.md: archives, whole and bent in one place.

Headers are written here field by field, so that `sealing.oci.tar` is compared with something.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rfc8785

from tests.vectors.folder import ACCEPTED, fresh_folder, write_case

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"
MARKER = b'{"imageLayoutVersion":"1.0.0"}'
MALFORMED = "seal-store-malformed"
LARGE = "seal-too-large"
DIGEST = "seal-digest-mismatch"
MIB = 1 << 20

Files = dict[str, bytes]
Change = Callable[["Bundle"], object]


def field(value: str, size: int) -> bytes:
    return value.encode("latin-1").ljust(size, b"\0")


def ustar(name: str, size: int, /, **other: Any) -> bytes:
    """Return a header of POSIX ustar; `other` replaces single fields."""
    at = {
        "name": field(name, 100), "mode": b"0000644\0", "uid": b"0000000\0", "gid": b"0000000\0",
        "size": f"{size:011o}\0".encode(), "mtime": b"00000000000\0", "checksum": b" " * 8,
        "type": b"0", "link": bytes(100), "magic": b"ustar\0", "version": b"00",
        "user": bytes(32), "group": bytes(32), "major": b"0000000\0", "minor": b"0000000\0",
        "prefix": bytes(155), "rest": bytes(12),
    }  # fmt: skip
    checksum = other.pop("checksum", None)
    at |= other
    total = sum(b"".join(at.values()))
    at["checksum"] = checksum or f"{total:06o}\0 ".encode()
    return b"".join(at.values())


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def descriptor(data: bytes, kind: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{digest_of(data)}", "size": len(data), **more}


class Bundle:
    """An archive in the making: `files` by name, and ways to bend how they are written."""

    def __init__(self) -> None:
        self.config, self.layer, self.signature = b'{"os":"wasip1"}', b"ciphertext", b'{"sig":1}'
        self.artifact = self.manifest(self.config, self.layer)
        self.referrer = self.attach(self.signature)
        self.index: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [
            descriptor(self.artifact, MANIFEST_TYPE, annotations={REF_NAME: "7"}),
            descriptor(self.referrer, MANIFEST_TYPE, artifactType=BUNDLE_TYPE),
        ]}  # fmt: skip
        self.files: Files = {"oci-layout": MARKER}
        for data in (self.config, self.layer, self.signature, b"{}", self.artifact, self.referrer):
            self.blob(data)
        self.headers: dict[str, dict[str, Any]] = {}
        self.sizes: dict[str, int] = {}
        self.order: Callable[[list[str]], list[str]] = sorted
        self.padding = b"\0"
        self.end = bytes(1024)
        self.edit: Callable[[bytes], bytes] = lambda data: data

    def manifest(self, config: bytes, layer: bytes, **more: Any) -> bytes:
        return rfc8785.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE,
            "config": descriptor(config, "application/vnd.example.config"),
            "layers": [descriptor(layer, "application/octet-stream")], **more,
        })  # fmt: skip

    def attach(self, signature: bytes) -> bytes:
        return rfc8785.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE, "artifactType": BUNDLE_TYPE,
            "config": descriptor(b"{}", EMPTY_TYPE), "layers": [descriptor(signature, BUNDLE_TYPE)],
            "subject": descriptor(self.artifact, MANIFEST_TYPE),
        })  # fmt: skip

    def blob(self, data: bytes) -> str:
        name = f"blobs/sha256/{digest_of(data)}"
        self.files[name] = data
        return name

    def name_of(self, what: str) -> str:
        return f"blobs/sha256/{digest_of(getattr(self, what))}"

    def to_bytes(self) -> bytes:
        self.files.setdefault("index.json", rfc8785.dumps(self.index))
        out = b""
        for name in self.order(list(self.files)):
            data = self.files[name]
            out += ustar(name, self.sizes.get(name, len(data)), **self.headers.get(name, {}))
            out += data + self.padding * (-len(data) % 512)
        return self.edit(out + self.end)


def _header(**fields: Any) -> Change:
    return lambda bundle: bundle.headers.update({bundle.name_of("layer"): fields})


def _more(name: str, data: bytes = b"x") -> Change:
    return lambda bundle: bundle.files.update({name: data})


def _without(what: str) -> Change:
    def change(bundle: Bundle) -> None:
        del bundle.files[bundle.name_of(what)]

    return change


def _index(edit: Callable[[dict[str, Any]], object]) -> Change:
    return lambda bundle: edit(bundle.index)


def _index_bytes(edit: Callable[[bytes], bytes]) -> Change:
    return lambda bundle: bundle.files.update({"index.json": edit(rfc8785.dumps(bundle.index))})


def _edit(edit: Callable[[bytes], bytes]) -> Change:
    return lambda bundle: setattr(bundle, "edit", edit)


def _set(**members: Any) -> Change:
    def change(bundle: Bundle) -> None:
        for name, value in members.items():
            setattr(bundle, name, value)

    return change


def _simple(bundle: Bundle) -> None:
    """Add cosign's older signature under its tag."""
    image = bundle.manifest(b'{"older":1}', b"payload")
    for data in (image, b'{"older":1}', b"payload"):
        bundle.blob(data)
    name = f"sha256-{digest_of(bundle.artifact)}.sig"
    entries = bundle.index["manifests"]
    entries.append(descriptor(image, MANIFEST_TYPE, annotations={REF_NAME: name}))
    bundle.index["manifests"] = [entries[0], *sorted(entries[1:], key=lambda one: one["digest"])]


def _second_artifact(bundle: Bundle) -> None:
    other = bundle.manifest(bundle.config, b"another")
    bundle.blob(other)
    bundle.blob(b"another")
    bundle.index["manifests"].append(descriptor(other, MANIFEST_TYPE, annotations={REF_NAME: "8"}))


def _changed_blob(bundle: Bundle) -> None:
    bundle.files[bundle.name_of("layer")] = b"ciphertexT"


def _size(size: int) -> Change:
    return lambda bundle: bundle.sizes.update({bundle.name_of("layer"): size})


def _declared(name: str, size: int) -> Change:
    """Return the change that adds a file which says to be larger than it is."""

    def change(bundle: Bundle) -> None:
        bundle.files[name] = b"{}"
        bundle.sizes[name] = size

    return change


def _reverse(names: list[str]) -> list[str]:
    return sorted(names, reverse=True)


def _twice(names: list[str]) -> list[str]:
    first, *rest = sorted(names)
    return [first, first, *rest]


def _nothing(_: Bundle) -> None:
    return None


def _entry(number: int, **members: Any) -> Change:
    return _index(lambda index: index["manifests"][number].update(members))


def _unlisted_size(bundle: Bundle) -> None:
    bundle.artifact = rfc8785.dumps(
        json.loads(bundle.artifact) | {"layers": [descriptor(b"c", "application/octet-stream")]}
    )
    bundle.blob(bundle.artifact)


# (case, step, stage, expected, change)
CASES: list[tuple[str, str, str, str, Change]] = [
    ("artifact-and-signature", "2.3", "", ACCEPTED, _nothing),
    ("older-signature", "2.2", "", ACCEPTED, _simple),
    ("descriptor-and-policy", "1.3", "", ACCEPTED, lambda bundle: bundle.files.update(
        {"documents/broker.json": b"{}", "documents/release.yaml": b"kind: ReleasePolicy\n"})),
    ("empty", "1.1", "read", MALFORMED, _edit(lambda _: b"")),
    ("cut-in-a-header", "1.1", "read", MALFORMED, _edit(lambda data: data[:300])),
    ("cut-in-a-file", "1.1", "read", MALFORMED, _edit(lambda data: data[:600])),
    ("cut-before-the-end", "1.1", "read", MALFORMED, _edit(lambda data: data[:-512])),
    ("no-end", "1.1", "read", MALFORMED, _set(end=b"")),
    ("end-not-zero", "1.1", "read", MALFORMED, _set(end=bytes(1023) + b"x")),
    ("something-follows", "1.1", "read", MALFORMED, _set(end=bytes(1025))),
    ("padded-to-a-record", "1.1", "read", MALFORMED, _set(end=bytes(10240))),
    ("padding-not-zero", "1.1", "read", MALFORMED, _set(padding=b"x")),
    ("gzip", "1.2", "read", MALFORMED, _edit(lambda data: b"\x1f\x8b\x08" + data[3:])),
    ("symbolic-link", "1.2", "read", MALFORMED, _header(type=b"2", link=field("/etc/passwd", 100))),
    ("hard-link", "1.2", "read", MALFORMED, _header(type=b"1", link=field("index.json", 100))),
    ("folder", "1.2", "read", MALFORMED, _header(type=b"5")),
    ("device", "1.2", "read", MALFORMED, _header(type=b"3")),
    ("pipe", "1.2", "read", MALFORMED, _header(type=b"6")),
    ("old-plain-file", "1.2", "read", MALFORMED, _header(type=b"\0")),
    ("pax-header", "1.2", "read", MALFORMED, _header(type=b"x")),
    ("long-name-of-gnu", "1.2", "read", MALFORMED, _header(type=b"L")),
    ("gnu-magic", "1.2", "read", MALFORMED, _header(magic=b"ustar ", version=b" \0")),
    ("mode", "1.2", "read", MALFORMED, _header(mode=b"0000755\0")),
    ("set-user-id", "1.2", "read", MALFORMED, _header(mode=b"0004644\0")),
    ("owner", "1.2", "read", MALFORMED, _header(uid=b"0001750\0")),
    ("owner-name", "1.2", "read", MALFORMED, _header(user=field("root", 32))),
    ("time", "1.2", "read", MALFORMED, _header(mtime=b"14774203700\0")),
    ("checksum", "1.2", "read", MALFORMED, _header(checksum=b"000000\0 ")),
    ("size-in-base-256", "1.2", "read", MALFORMED, _header(size=b"\x80" + bytes(10) + b"\x0a")),
    ("size-with-spaces", "1.2", "read", MALFORMED, _header(size=b"         12\0")),
    ("size-negative", "1.2", "read", MALFORMED, _header(size=b"-0000000012\0")),
    ("prefix", "1.2", "read", MALFORMED, _header(prefix=field("outside", 155))),
    ("name-goes-up", "1.3", "read", MALFORMED, _more("blobs/sha256/../../../etc/passwd")),
    ("name-absolute", "1.3", "read", MALFORMED, _more("/etc/passwd")),
    ("name-unknown", "1.3", "read", MALFORMED, _more("README")),
    ("name-upper-case", "1.3", "read", MALFORMED, _more("blobs/sha256/" + "A" * 64)),
    ("name-sha512", "1.3", "read", MALFORMED, _more("blobs/sha512/" + "a" * 80)),
    ("name-not-ascii", "1.3", "read", MALFORMED, _more("blobs/\xe9")),
    ("name-empty", "1.3", "read", MALFORMED, _more("")),
    ("out-of-order", "1.3", "read", MALFORMED, _set(order=_reverse)),
    ("a-name-twice", "1.3", "read", MALFORMED, _set(order=_twice)),
    ("blob-too-large", "1.5", "read", LARGE, _size(513 * MIB)),
    ("index-too-large", "1.5", "read", LARGE, _declared("index.json", 2 * MIB + 1)),
    ("policy-too-large", "1.5", "read", LARGE, _declared("documents/release.yaml", MIB)),
    ("blob-changed", "1.4", "read", DIGEST, _changed_blob),
    ("blob-runs-into-the-next", "1.4", "read", DIGEST, _size(512)),
    ("marker-missing", "2.1", "read", MALFORMED, lambda bundle: bundle.files.pop("oci-layout")),
    ("marker-other-version", "2.1", "read", MALFORMED,
     _more("oci-layout", MARKER.replace(b"1.0.0", b"1.1.0"))),
    ("index-missing", "2.1", "read", "seal-malformed", _more("index.json", b"")),
    ("index-without-entries", "2.1", "read", MALFORMED, _index(lambda index: index.update(
        manifests=[]))),
    ("index-names-nothing", "2.1", "read", MALFORMED, _index(
        lambda index: index["manifests"][0].pop("annotations"))),
    ("index-not-canonical", "2.2", "whole", MALFORMED, _index_bytes(
        lambda data: data.replace(b',"', b', "', 1))),
    ("index-other-member", "2.2", "whole", MALFORMED, _index(lambda index: index.update(
        annotations={"a": "b"}))),
    ("index-entry-of-another-size", "2.2", "whole", MALFORMED, _entry(1, size=1)),
    ("index-entry-of-another-type", "2.2", "whole", MALFORMED, _entry(1, artifactType="a/b")),
    ("index-out-of-order", "2.2", "whole", MALFORMED, lambda bundle: (
        _simple(bundle), bundle.index["manifests"][1:].reverse(),
        bundle.index.update(manifests=[bundle.index["manifests"][0],
                                       *bundle.index["manifests"][:0:-1]]))),
    ("index-entry-twice", "2.2", "read", MALFORMED, _index(lambda index: index["manifests"].append(
        index["manifests"][1]))),
    ("second-artifact", "2.2", "whole", MALFORMED, _second_artifact),
    ("manifest-missing", "2.2", "whole", MALFORMED, _without("referrer")),
    ("layer-missing", "2.3", "whole", MALFORMED, _without("layer")),
    ("signature-missing", "2.3", "whole", MALFORMED, _without("signature")),
    ("blob-of-nobody", "2.3", "whole", MALFORMED, lambda bundle: bundle.blob(b"hidden")),
    ("manifest-not-listed", "2.3", "whole", MALFORMED, _unlisted_size),
]  # fmt: skip


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "airgap")
    for name, step, stage, expect, change in CASES:
        bundle = Bundle()
        change(bundle)
        data = bundle.to_bytes()
        case = {"why": f"{step} {name.replace('-', ' ')}", "expect": expect, "stage": stage}
        write_case(folder, name, case, {"archive.tar": data})
