"""Descriptors, manifests of any kind and the media types of the OCI image spec 1.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sealing import limits as format_limits
from sealing.canonical import digest_of, malformed, parse_digest, parse_json, text, whole
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY_JSON = b"{}"
_SIZE_MAX = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a document says about some bytes. The bytes themselves are not checked by it."""

    media_type: str
    digest: str
    size: int
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: bytes, media_type: str) -> Descriptor:
        """Return the descriptor of `data`."""
        return cls(media_type=media_type, digest=digest_of(data), size=len(data))

    def to_document(self) -> dict[str, Any]:
        """Return the members as the image spec writes them, empty ones left out."""
        document: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.artifact_type is not None:
            document["artifactType"] = self.artifact_type
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        return document


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """What a store has to know of a manifest or index to keep it. Not a judgement of it."""

    descriptor: Descriptor
    subject: Descriptor | None
    blobs: tuple[Descriptor, ...]


def parse_descriptor(value: Any, what: str) -> Descriptor:
    """Return the descriptor in a document that other tools may have written.

    Members we have no use for (`platform`, `urls`, `data`) are left alone. Raises `SealError`.
    """
    if not isinstance(value, dict):
        raise malformed(what, "not an object")
    annotations = value.get("annotations", {})
    if not isinstance(annotations, dict):
        raise malformed(f"{what}.annotations", "not an object")
    kind = value.get("artifactType")
    return Descriptor(
        media_type=text(value.get("mediaType"), f"{what}.mediaType"),
        digest=parse_digest(value.get("digest"), what=f"{what}.digest"),
        size=whole(value.get("size"), f"{what}.size", least=0, most=_SIZE_MAX),
        artifact_type=None if kind is None else text(kind, f"{what}.artifactType"),
        annotations={name: text(note, f"{what}.annotations") for name, note in annotations.items()},
    )


def parse_manifest(data: bytes) -> ManifestFacts:
    """Return what a store has to know of the manifest or index in `data`.

    Only the members named in `ManifestFacts` are looked at. Raises `SealError`.
    """
    value = parse_json(data, limit_bytes=format_limits.MANIFEST_BYTES, what="manifest")
    if not isinstance(value, dict):
        raise malformed("manifest", "not an object")
    media_type = text(value.get("mediaType"), "manifest.mediaType")
    subject = value.get("subject")
    blobs: tuple[Descriptor, ...] = ()
    kind = value.get("artifactType")
    if media_type == MANIFEST_TYPE:
        config = parse_descriptor(value.get("config"), "manifest.config")
        blobs = (config, *parse_descriptors(value.get("layers"), "manifest.layers"))
        # Image spec, "Referrers": without artifactType the config's media type stands for it.
        kind = config.media_type if kind is None else kind
    elif media_type != INDEX_TYPE:
        raise SealError(SealRefusal.MEDIA_TYPE, f"manifest has media type {media_type[:100]}")
    own = parse_descriptor(
        Descriptor.of(data, media_type).to_document()
        | ({} if kind is None else {"artifactType": kind})
        | ({"annotations": value["annotations"]} if "annotations" in value else {}),
        "manifest",
    )
    return ManifestFacts(
        descriptor=own,
        subject=None if subject is None else parse_descriptor(subject, "manifest.subject"),
        blobs=blobs,
    )


def parse_descriptors(value: Any, what: str) -> tuple[Descriptor, ...]:
    """Return a list of descriptors of bounded length, or raise `SealError`."""
    if not isinstance(value, list):
        raise malformed(what, "not a list")
    if len(value) > limits.INDEX_ENTRIES:
        raise SealError(
            SealRefusal.TOO_LARGE, f"{what} has {len(value)} entries, limit {limits.INDEX_ENTRIES}"
        )
    return tuple(parse_descriptor(entry, what) for entry in value)
