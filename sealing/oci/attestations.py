"""Everything that others said about a manifest: bundles of any predicate, and the `.sig` tag.

For looking at, and for counting what trusted keys say. What a module's own signature needs is in
`sealing.oci.transfer`. Spec: docs/specs/attestations.md, section A.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sealing import limits as format_limits
from sealing.bundle import BUNDLE_TYPE
from sealing.canonical import parse_json
from sealing.cosign import PAYLOAD_TYPE, SIGNATURE_ANNOTATION
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.attachments import parse_bundle_manifest
from sealing.oci.descriptor import EMPTY_TYPE, Descriptor, parse_descriptors
from sealing.oci.reference import tag_of
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import OF_THE_WAY, SIMPLE_SUFFIX
from sealing.unseal import require_blob


@dataclass(frozen=True, slots=True)
class SimpleLayer:
    """One signature of a `.sig` image, as anybody could have written it."""

    payload: bytes = field(repr=False)
    signature: str = field(repr=False)


def bundles_about(store: ArtifactStore, subject: str) -> tuple[bytes, ...]:
    """Return the bundles attached to the digest `subject`, each once, whoever made them.

    What cannot be read is passed over, as anybody may attach anything. Raises `SealError` for more
    than is reasonable, and where the line or the registry fails.
    """
    listed = list(store.referrers(subject, artifact_type=BUNDLE_TYPE))
    # cosign lists its bundles by the type of their config where a registry has no referrers API.
    known = {entry.digest for entry in listed}
    unnamed = store.referrers(subject, artifact_type=EMPTY_TYPE)
    listed.extend(entry for entry in unnamed if entry.digest not in known)
    if len(listed) > limits.ATTESTATIONS:
        detail = f"{len(listed)} attestations, limit {limits.ATTESTATIONS}"
        raise SealError(SealRefusal.TOO_LARGE, detail)
    found = (_bundle_or_none(store, entry, subject) for entry in listed)
    return tuple(dict.fromkeys(bundle for bundle in found if bundle is not None))


def simple_signatures(store: ArtifactStore, subject: str) -> tuple[SimpleLayer, ...]:
    """Return the signatures of the `.sig` tag of `subject`; none where there is no such tag.

    Layers of other kinds are passed over. Raises `SealError`.
    """
    try:
        data = store.get_manifest(tag_of(subject, SIMPLE_SUFFIX))
    except SealError as error:
        if error.code is SealRefusal.NOT_FOUND:
            return ()
        raise
    value = parse_json(data, limit_bytes=format_limits.MANIFEST_BYTES, what=".sig manifest")
    layers = parse_descriptors(
        value.get("layers") if isinstance(value, dict) else None, ".sig layers"
    )
    signed = [layer for layer in layers if _is_signature(layer)]
    if len(signed) > limits.ATTESTATIONS:
        detail = f"{len(signed)} simple signatures, limit {limits.ATTESTATIONS}"
        raise SealError(SealRefusal.TOO_LARGE, detail)
    return tuple(
        SimpleLayer(store.get_blob(one.digest, one.size), one.annotations[SIGNATURE_ANNOTATION])
        for one in signed
    )


def _is_signature(layer: Descriptor) -> bool:
    return (
        layer.media_type == PAYLOAD_TYPE
        and SIGNATURE_ANNOTATION in layer.annotations
        and layer.size <= format_limits.SIMPLE_PAYLOAD_BYTES
    )


def _bundle_or_none(store: ArtifactStore, entry: Descriptor, subject: str) -> bytes | None:
    try:
        manifest = store.get_manifest(entry.digest)
        require_blob(manifest, digest=entry.digest, size=entry.size, what="referrer")
        bundle = parse_bundle_manifest(manifest, subject=subject)
        return store.get_blob(bundle.digest, bundle.size)
    except SealError as error:
        if error.code in OF_THE_WAY:
            raise
        return None
