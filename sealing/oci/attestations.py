"""Everything that others said about a manifest: bundles of any predicate, and the `.sig` tag.

For looking at, and for counting what trusted keys say. What a module's own signature needs is in
`sealing.oci.transfer`. Spec: docs/specs/attestations.md, section A.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sealing import limits as format_limits
from sealing.canonical import digest_of, parse_json
from sealing.errors import SealError
from sealing.oci import limits
from sealing.oci.bundles import Attachment, attachment_of, readable
from sealing.oci.descriptor import EMPTY_TYPE, Descriptor, parse_descriptors
from sealing.oci.reference import tag_of
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import SIMPLE_SUFFIX
from sealing.signatures.bundle import BUNDLE_TYPE
from sealing.signatures.cosign import PAYLOAD_TYPE, SIGNATURE_ANNOTATION


@dataclass(frozen=True, slots=True)
class SimpleLayer:
    """One signature of a `.sig` image, as anybody could have written it."""

    payload: bytes = field(repr=False)
    signature: str = field(repr=False)


def bundles_about(store: ArtifactStore, subject: str) -> tuple[bytes, ...]:
    """Return the bundles attached to the digest `subject`, each once, whoever made them.

    At most 64 are looked at, and what cannot be read is passed over, as anybody may attach
    anything. Raises `SealError` only where the line or the registry fails.
    """
    return tuple(dict.fromkeys(each.bundle for each in attachments_about(store, subject)))


def attachments_about(
    store: ArtifactStore, subject: str, *, besides: Sequence[Attachment] = ()
) -> tuple[Attachment, ...]:
    """Return the bundles as `bundles_about`, with what attaches them, but for some known ones."""
    listed = list(store.referrers(subject, artifact_type=BUNDLE_TYPE))
    # cosign lists its bundles by the type of their config where a registry has no referrers API.
    listed.extend(store.referrers(subject, artifact_type=EMPTY_TYPE))
    known = {digest_of(attachment.manifest) for attachment in besides}
    fresh = {entry.digest: entry for entry in listed if entry.digest not in known}
    wanted = list(fresh.values())[: limits.ATTESTATIONS]
    found = [readable(attachment_of, store, entry, subject) for entry in wanted]
    return tuple(one for one in found if isinstance(one, Attachment))


def simple_signatures(store: ArtifactStore, subject: str) -> tuple[SimpleLayer, ...]:
    """Return the signatures of the `.sig` tag of `subject`, whoever made them.

    Looks at no more and raises as `bundles_about`; nothing where there is no such tag.
    """
    layers = readable(_signature_layers, store, subject)
    if isinstance(layers, SealError):
        return ()
    signed = [layer for layer in layers if _is_signature(layer)]
    found = [readable(_simple_layer, store, layer) for layer in signed[: limits.ATTESTATIONS]]
    return tuple(one for one in found if isinstance(one, SimpleLayer))


def _signature_layers(store: ArtifactStore, subject: str) -> tuple[Descriptor, ...]:
    data = store.get_manifest(tag_of(subject, SIMPLE_SUFFIX))
    value = parse_json(data, limit_bytes=format_limits.MANIFEST_BYTES, what=".sig manifest")
    listed = value.get("layers") if isinstance(value, dict) else None
    return parse_descriptors(listed, ".sig layers")


def _is_signature(layer: Descriptor) -> bool:
    return (
        layer.media_type == PAYLOAD_TYPE
        and SIGNATURE_ANNOTATION in layer.annotations
        and layer.size <= format_limits.SIMPLE_PAYLOAD_BYTES
    )


def _simple_layer(store: ArtifactStore, layer: Descriptor) -> SimpleLayer:
    payload = store.get_blob(layer.digest, layer.size)
    return SimpleLayer(payload, layer.annotations[SIGNATURE_ANNOTATION])
