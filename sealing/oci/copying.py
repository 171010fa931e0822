"""Carry an artifact with its signatures from one store to another, byte for byte."""

from __future__ import annotations

from sealing import limits as format_limits
from sealing.errors import SealError, SealRefusal
from sealing.manifest import SealedManifest
from sealing.oci.attestations import attachments_about
from sealing.oci.blob import Blob
from sealing.oci.descriptor import parse_manifest
from sealing.oci.progress import Progress, put_metered
from sealing.oci.reference import Reference, check_tag, tag_of
from sealing.oci.shape_index import entries, is_index
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import SIMPLE_SUFFIX, attach, describe_manifest, fetch_layer, has_manifest
from sealing.shapes import SHAPES
from sealing.unseal import require_blob


def copy(
    source: ArtifactStore,
    reference: Reference,
    target: ArtifactStore,
    tag: str,
    *,
    progress: Progress | None = None,
) -> str:
    """Publish under `tag` in `target` what `reference` means in `source`; return its digest.

    Every digest is checked on the way and none changes; whose artifact it is is not checked. The
    tag moves last. Raises `SealError`.
    """
    check_tag(tag)
    found = source.get_manifest(reference.target)
    if not is_index(found):
        return _copy_one(source, found, target, tag, progress)
    # Every shape as it is, with what is attached to it; the index over them is the last.
    listed = entries(found)
    # Each may be as large as a module: a reader follows one of a shape, so more are only a burden.
    if len(listed) > len(SHAPES):
        raise SealError(SealRefusal.TOO_LARGE, f"index lists {len(listed)} artifacts")
    for entry in listed:
        manifest = source.get_manifest(entry.digest)
        require_blob(manifest, digest=entry.digest, size=entry.size, what="manifest")
        _copy_one(source, manifest, target, None, progress)
    return target.put_manifest(found, tag=tag)


def _copy_one(
    source: ArtifactStore,
    raw: bytes,
    target: ArtifactStore,
    tag: str | None,
    progress: Progress | None,
) -> str:
    found = describe_manifest(source, SealedManifest.parse(raw))
    target.put_blob(Blob.of(found.config))
    _carry_layer(source, found.manifest, target, progress)
    digest = target.put_manifest(found.manifest.raw)
    others = attachments_about(source, found.digest, besides=found.attachments)
    for attachment in (*found.attachments, *others):
        attach(target, attachment)
    _copy_simple(source, target, tag_of(found.digest, SIMPLE_SUFFIX))
    return digest if tag is None else target.put_manifest(found.manifest.raw, tag=tag)


def _carry_layer(
    source: ArtifactStore,
    manifest: SealedManifest,
    target: ArtifactStore,
    progress: Progress | None,
) -> None:
    """Store the ciphertext in `target`; within one registry no byte of it comes through here."""
    if target.mount_blob(manifest.layer_digest, manifest.layer_size, source):
        if progress is not None:
            progress("layer", manifest.layer_size, manifest.layer_size)
        return
    layer = fetch_layer(source, manifest, progress=progress)
    put_metered(target, Blob.of(layer), "layer", progress)


def _copy_simple(source: ArtifactStore, target: ArtifactStore, tag: str) -> None:
    """Carry cosign's `.sig` along, unless there is none or the target has one."""
    if not has_manifest(source, tag) or has_manifest(target, tag):
        return
    manifest = source.get_manifest(tag)
    blobs = parse_manifest(manifest).blobs
    if len(blobs) > format_limits.BUNDLES + 1 or any(
        blob.size > format_limits.BUNDLE_BYTES for blob in blobs
    ):
        raise SealError(SealRefusal.TOO_LARGE, f"{tag} holds more than signatures do")
    for blob in blobs:
        target.put_blob(Blob.of(source.get_blob(blob.digest, blob.size)))
    target.put_manifest(manifest, tag=tag)
