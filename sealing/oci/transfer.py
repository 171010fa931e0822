"""Publish a sealed module and pull one: the whole way of its bytes through an `ArtifactStore`.

Steps are those of docs/specs/oci-artifact.md, sections 3 and 4. Nothing here says whose artifact
it is: `sealing.unseal.verify_artifact` does, with what `describe` returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey
from sealing.manifest import SealedManifest
from sealing.oci.attachments import bundle_manifest, simple_manifest
from sealing.oci.blob import Blob
from sealing.oci.bundles import Attachment, attached_to
from sealing.oci.descriptor import EMPTY_JSON
from sealing.oci.parallel import put_all
from sealing.oci.progress import Progress, collect_metered
from sealing.oci.reference import Reference, check_tag, tag_of
from sealing.oci.shape_index import followed, write_index
from sealing.oci.store import ArtifactStore
from sealing.seal import SealedModule
from sealing.shapes import WASM, Shape
from sealing.signatures.cosign import SimpleSignature
from sealing.signatures.statement import PREDICATE_TYPE
from sealing.unseal import require_blob

SIMPLE_SUFFIX = ".sig"


@dataclass(frozen=True, slots=True)
class PulledDescription:
    """Everything about an artifact but its ciphertext; digests checked, signatures not."""

    manifest: SealedManifest
    config: bytes = field(repr=False)
    attachments: tuple[Attachment, ...] = field(repr=False)

    @property
    def digest(self) -> str:
        """The digest of the manifest: from here on the artifact's name."""
        return self.manifest.digest

    @property
    def bundles(self) -> tuple[bytes, ...]:
        """The signature bundles, each once, for `verify_artifact`: refused if there are none."""
        return tuple(dict.fromkeys(attachment.bundle for attachment in self.attachments))


@dataclass(frozen=True, slots=True)
class PulledArtifact:
    """A whole artifact; digests, sizes and the strict profile checked, signatures not."""

    digest: str
    manifest: bytes = field(repr=False)
    config: bytes = field(repr=False)
    layer: bytes = field(repr=False)
    bundles: tuple[bytes, ...] = field(repr=False)


def push(
    store: ArtifactStore,
    sealed: SealedModule,
    tag: str,
    *,
    simple: SimpleSignature | None = None,
    progress: Progress | None = None,
) -> str:
    """Publish `sealed` under `tag` and return its digest.

    The tag moves last: who finds the artifact by it finds its signature too. Raises `SealError`;
    what was stored until then stays, under no tag. Whether the signature holds is not checked.
    """
    check_tag(tag)
    _store(store, sealed, simple, progress)
    return store.put_manifest(sealed.manifest, tag=tag)


def push_shapes(
    store: ArtifactStore,
    sealed: Sequence[tuple[SealedModule, SimpleSignature | None]],
    tag: str,
    *,
    progress: Progress | None = None,
) -> str:
    """Publish one module in several shapes as an image index under `tag`; return its digest.

    As `push`: each shape with its signatures first, the tag last.
    """
    check_tag(tag)
    index = write_index([each.manifest for each, _ in sealed])
    for each, simple in sealed:
        _store(store, each, simple, progress)
    return store.put_manifest(index, tag=tag)


def describe(
    store: ArtifactStore,
    reference: Reference,
    *,
    shape: Shape = WASM,
    owners: Sequence[VerifyingKey] = (),
) -> PulledDescription:
    """Return what can be known of an artifact without its ciphertext.

    With `owners`, their bundles are looked for among any number that others attached; whether they
    are enough is for `verify_artifact` to say.

    Where the reference means an image index, it is that entry of it which has this `shape`. Raises
    `SealError`: not there, not of the strict profile, or any digest or size wrong.
    """
    # (1) One request decides what the reference means; from here on everything is by digest.
    found = store.get_manifest(reference.target)
    manifest = SealedManifest.parse(followed(store, found, shape))
    return describe_manifest(store, manifest, owners=owners)


def describe_manifest(
    store: ArtifactStore, manifest: SealedManifest, *, owners: Sequence[VerifyingKey] = ()
) -> PulledDescription:
    """Return what the store has beside a manifest, as `describe`."""
    # (2) The config, within the limits that the profile has checked.
    config = store.get_blob(manifest.config_digest, manifest.config_size)

    # (3) What anybody attached as a signature: whose it is is for the verifier to say.
    return PulledDescription(manifest, config, attached_to(store, manifest.digest, owners))


def fetch_layer(
    store: ArtifactStore, manifest: SealedManifest, *, progress: Progress | None = None
) -> bytes:
    """Return the ciphertext that `manifest` names, or raise `SealError` and nothing of it."""
    return collect_metered(store, manifest.layer_digest, manifest.layer_size, "layer", progress)


def pull(
    store: ArtifactStore, reference: Reference, *, progress: Progress | None = None
) -> PulledArtifact:
    """Return a whole artifact, or raise `SealError` and nothing of it.

    A caller with an owner's key verifies what `describe` returns before it fetches the layer.
    """
    found = describe(store, reference)
    layer = fetch_layer(store, found.manifest, progress=progress)
    return PulledArtifact(found.digest, found.manifest.raw, found.config, layer, found.bundles)


def attach(store: ArtifactStore, attachment: Attachment) -> None:
    """Store a bundle and the manifest that refers to its subject. Raises `SealError`."""
    store.put_blob(Blob.of(EMPTY_JSON))
    store.put_blob(Blob.of(attachment.bundle))
    store.put_manifest(attachment.manifest)


def _store(
    store: ArtifactStore,
    sealed: SealedModule,
    simple: SimpleSignature | None,
    progress: Progress | None,
) -> None:
    """Store everything of an artifact, under no tag."""
    # (1) Nothing leaves that a reader would refuse.
    layer = _require_whole(sealed, simple)

    # (2) Blobs, then the manifest by its digest.
    put_all(store, [(None, Blob.of(sealed.config)), ("layer", layer)], progress)
    store.put_manifest(sealed.manifest)

    # (3) The owner's signature: as referrer, and for older tools as `.sig` tag.
    created = sealed.statement.created
    referrer = bundle_manifest(
        sealed.manifest, sealed.bundle, predicate_type=PREDICATE_TYPE, created=created
    )
    attach(store, Attachment(referrer, sealed.bundle))
    if simple is not None and not has_manifest(store, simple.tag):
        store.put_blob(Blob.of(simple.config))
        store.put_blob(Blob.of(simple.payload))
        store.put_manifest(simple_manifest(simple), tag=simple.tag)


def has_manifest(store: ArtifactStore, target: str) -> bool:
    """Return whether the store has the manifest; other failures raise `SealError`."""
    try:
        store.get_manifest(target)
    except SealError as error:
        if error.code is SealRefusal.NOT_FOUND:
            return False
        raise
    return True


def _require_whole(sealed: SealedModule, simple: SimpleSignature | None) -> Blob:
    """Return the layer if manifest, config, layer and `.sig` belong together, or raise."""
    manifest = SealedManifest.parse(sealed.manifest)
    config_size = manifest.config_size
    require_blob(sealed.config, digest=manifest.config_digest, size=config_size, what="config")
    layer = sealed.layer
    if (layer.digest, layer.size) != (manifest.layer_digest, manifest.layer_size):
        raise SealError(SealRefusal.DIGEST_MISMATCH, "layer is not the one of the manifest")
    if simple is not None and simple.tag != tag_of(manifest.digest, SIMPLE_SUFFIX):
        raise SealError(SealRefusal.DIGEST_MISMATCH, f".sig is not for {manifest.digest}")
    return layer
