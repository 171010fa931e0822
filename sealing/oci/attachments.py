"""Manifests that carry signatures: the bundle as referrer, and cosign's older `.sig` tag.

Forms: cosign 3 for the first, sigstore/cosign `specs/SIGNATURE_SPEC.md` for the second.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sealing import limits as format_limits
from sealing import names
from sealing.canonical import digest_of, encode
from sealing.errors import SealError, SealRefusal
from sealing.oci.descriptor import (
    EMPTY_JSON,
    EMPTY_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    parse_manifest,
)
from sealing.signatures.bundle import BUNDLE_TYPE
from sealing.signatures.cosign import CONFIG_TYPE, PAYLOAD_TYPE, SimpleSignature

_CONTENT: Final = "dev.sigstore.bundle.content"
PREDICATE_NOTE: Final = "dev.sigstore.bundle.predicateType"
_CREATED: Final = "org.opencontainers.image.created"


def bundle_manifest(
    subject: bytes, bundle: bytes, *, predicate_type: str, created: datetime
) -> bytes:
    """Return the manifest that attaches `bundle` to the manifest `subject`.

    The same arguments give the same bytes: attaching twice is attaching once.
    """
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": BUNDLE_TYPE,
            "config": Descriptor.of(EMPTY_JSON, EMPTY_TYPE).to_document(),
            "layers": [Descriptor.of(bundle, BUNDLE_TYPE).to_document()],
            "subject": Descriptor.of(subject, MANIFEST_TYPE).to_document(),
            "annotations": {
                _CONTENT: "dsse-envelope",
                PREDICATE_NOTE: predicate_type,
                _CREATED: names.format_time(created),
            },
        }
    )


def parse_bundle_manifest(data: bytes, *, subject: str) -> Descriptor:
    """Return where the bundle is that `data` attaches to the digest `subject`.

    Annotations are not looked at: the bundle says the same under a signature. Raises `SealError`.
    """
    facts = parse_manifest(data)
    if facts.subject is None or facts.subject.digest != subject:
        raise SealError(SealRefusal.DIGEST_MISMATCH, f"referrer is not about {subject}")
    if facts.descriptor.artifact_type != BUNDLE_TYPE:
        raise SealError(SealRefusal.MEDIA_TYPE, f"referrer is not of type {BUNDLE_TYPE}")
    config, *layers = facts.blobs
    if (config.media_type, config.digest) != (EMPTY_TYPE, digest_of(EMPTY_JSON)):
        raise SealError(SealRefusal.MEDIA_TYPE, "config of a bundle referrer is not the empty one")
    if len(layers) != 1:
        raise SealError(SealRefusal.LAYER_COUNT, f"bundle referrer has {len(layers)} layers")
    if layers[0].media_type != BUNDLE_TYPE:
        raise SealError(SealRefusal.MEDIA_TYPE, f"layer of a referrer is not a {BUNDLE_TYPE}")
    if layers[0].size > format_limits.BUNDLE_BYTES:
        raise SealError(SealRefusal.TOO_LARGE, f"bundle is {layers[0].size} bytes")
    return layers[0]


def simple_manifest(signature: SimpleSignature) -> bytes:
    """Return the manifest for the tag of `signature`."""
    layer = Descriptor.of(signature.payload, PAYLOAD_TYPE).to_document()
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": Descriptor.of(signature.config, CONFIG_TYPE).to_document(),
            "layers": [layer | {"annotations": dict(signature.annotations)}],
        }
    )
