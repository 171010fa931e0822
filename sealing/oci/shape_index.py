"""Image indexes that offer one module in several shapes: written in one form, followed one level.

Which entry is taken is decided by platform alone. What the entry holds is verified as if there had
been no index: each shape has its own signature, and the index has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sealing import canonical
from sealing.config import ARCHITECTURE, OS, OS_OF_COMPONENTS
from sealing.errors import SealError, SealRefusal
from sealing.manifest import MANIFEST_TYPE, SealedManifest
from sealing.oci import limits
from sealing.oci.descriptor import INDEX_TYPE, Descriptor, parse_descriptor
from sealing.oci.store import ArtifactStore
from sealing.shapes import COMPAT, SHAPES, WASM, Shape
from sealing.unseal import require_blob

_INDEX: Final = ("schemaVersion", "mediaType", "manifests")
_ENTRY: Final = ("mediaType", "digest", "size", "platform")
_PLATFORM: Final = ("architecture", "os")


def write_index(manifests: Sequence[bytes], *, os: str = OS) -> bytes:
    """Return an index of sealed modules, one of each shape. Raises `SealError`."""
    found = [SealedManifest.parse(data) for data in manifests]
    document = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [
            Descriptor.of(each.raw, MANIFEST_TYPE).to_document()
            | {"platform": _platform(each.shape, os)}
            for each in found
        ],
    }
    data = canonical.encode(document)
    for each in found:
        pick(data, each.shape)
    return data


def is_index(data: bytes) -> bool:
    """Return whether a document says that it is an image index. Raises `SealError`."""
    if INDEX_TYPE.encode("ascii") not in data:
        return False
    value = canonical.parse_json(data, limit_bytes=limits.INDEX_BYTES, what="manifest")
    return isinstance(value, dict) and value.get("mediaType") == INDEX_TYPE


def entries(data: bytes) -> tuple[Descriptor, ...]:
    """Return the manifests that an index lists, or raise `SealError`."""
    return tuple(entry for entry, _ in _entries(data))


def pick(data: bytes, shape: Shape) -> Descriptor:
    """Return the one manifest in an index that has this shape, or raise `SealError`.

    Entries for other platforms are passed over; a second one that fits is refused, as tools would
    not agree which one is meant.
    """
    return _pick(_entries(data), shape)


def every_entry(data: bytes) -> tuple[tuple[Shape, Descriptor], ...]:
    """Return every manifest in an index and the shape that it is listed as, or raise `SealError`.

    What a reader of one shape passes over is refused here: nobody answers for it.
    """
    listed = _entries(data)
    shapes = [shape for shape in SHAPES.values() if any(_fits(one, shape) for _, one in listed)]
    found = tuple((shape, _pick(listed, shape)) for shape in shapes)
    if not found or len(found) != len(listed):
        detail = f"index lists {len(listed)} artifacts, {len(found)} of them of a shape of ours"
        raise SealError(SealRefusal.PLATFORM, detail)
    return found


def _pick(listed: Sequence[tuple[Descriptor, dict[str, Any]]], shape: Shape) -> Descriptor:
    fitting = [entry for entry, platform in listed if _fits(platform, shape)]
    if not fitting:
        raise SealError(SealRefusal.PLATFORM, f"index has no entry of shape {shape.name}")
    if len(fitting) > 1:
        detail = f"index has {len(fitting)} entries of shape {shape.name}"
        raise SealError(SealRefusal.LAYER_COUNT, detail)
    if fitting[0].media_type != MANIFEST_TYPE:
        raise SealError(SealRefusal.MEDIA_TYPE, "index does not list a manifest")
    return fitting[0]


def followed(store: ArtifactStore, data: bytes, shape: Shape) -> bytes:
    """Return the manifest that a document is or, where it is an index, lists for `shape`.

    Raises `SealError`.
    """
    if not is_index(data):
        return data
    entry = pick(data, shape)
    manifest = store.get_manifest(entry.digest)
    require_blob(manifest, digest=entry.digest, size=entry.size, what="manifest")
    return manifest


def _platform(shape: Shape, os: str) -> dict[str, str]:
    variant = {"variant": COMPAT.name} if shape is COMPAT else {}
    return {"architecture": ARCHITECTURE, "os": os} | variant


def _entries(data: bytes) -> list[tuple[Descriptor, dict[str, Any]]]:
    what = "index"
    value = canonical.parse_json(data, limit_bytes=limits.INDEX_BYTES, what=what)
    value = canonical.members(value, _INDEX, what)
    if type(value["schemaVersion"]) is not int or value["schemaVersion"] != 2:
        raise canonical.malformed(what, "schemaVersion is not 2")
    if value["mediaType"] != INDEX_TYPE:
        raise SealError(SealRefusal.MEDIA_TYPE, f"expected media type {INDEX_TYPE}")
    listed = value["manifests"]
    if not isinstance(listed, list):
        raise canonical.malformed(what, "manifests is not a list")
    if len(listed) > limits.INDEX_ENTRIES:
        detail = f"index has {len(listed)} entries, limit {limits.INDEX_ENTRIES}"
        raise SealError(SealRefusal.TOO_LARGE, detail)
    return [_entry(each) for each in listed]


def _entry(value: Any) -> tuple[Descriptor, dict[str, Any]]:
    what = "index entry"
    found = canonical.members(value, _ENTRY, what)
    platform = found["platform"]
    varied = isinstance(platform, dict) and "variant" in platform
    known = (*_PLATFORM, *(("variant",) if varied else ()))
    platform = canonical.members(platform, known, "platform")
    for name in known:
        canonical.text(platform[name], f"platform {name}")
    return parse_descriptor(found, what), platform


def _fits(platform: dict[str, Any], shape: Shape) -> bool:
    if platform["architecture"] != ARCHITECTURE:
        return False
    if shape is WASM:
        return platform["os"] in (OS, OS_OF_COMPONENTS) and "variant" not in platform
    return platform["os"] == OS and platform.get("variant") == shape.name
