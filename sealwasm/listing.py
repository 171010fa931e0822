"""What is published at one place: its tags, what they mean, and whose signature holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealing.errors import SealError
from sealing.oci.limits import INDEX_BYTES
from sealing.oci.reference import LayoutReference

if TYPE_CHECKING:
    from sealing.keys import VerifyingKey
    from sealing.oci.reference import RegistryReference
    from sealing.oci.store import ArtifactStore
    from sealing.oci.transfer import PulledDescription
    from sealing.statement import SealedModuleStatement

# Tags that belong to an artifact and are none themselves: cosign's, and lists of referrers.
_BESIDE = "sha256-"


@dataclass(frozen=True, slots=True)
class Listed:
    """One tag. `statement` is there if the signature of a key that is trusted holds."""

    tag: str
    found: PulledDescription | None
    statement: SealedModuleStatement | None
    refusal: str = ""

    def to_document(self) -> dict[str, Any]:
        """Return what is known of it; name and version of an unverified one are only claimed."""
        if self.found is None:
            return {"tag": self.tag, "refused": self.refusal}
        manifest = self.found.manifest
        context = manifest.envelopes[0].context
        return {
            "tag": self.tag,
            "module": context.module,
            "version": context.version,
            "policy": context.policy,
            "digest": manifest.digest,
            "bytes": manifest.layer_size,
            "created": created(self),
            "signer": self.statement.owner if self.statement else context.owner,
            "verified": self.statement is not None,
        }


def created(listed: Listed) -> str:
    """Return when it was sealed, as its signed statement says, or nothing."""
    from sealing.names import format_time

    return format_time(listed.statement.created) if listed.statement else ""


def tags_of(
    store: ArtifactStore, reference: LayoutReference | RegistryReference
) -> tuple[str, ...]:
    """Return the names of artifacts at a place. Raises `SealError`."""
    del store
    return tuple(
        tag for tag in layout_tags(Path(getattr(reference, "folder", ""))) if not is_beside(tag)
    )


def is_beside(tag: str) -> bool:
    """Return whether a tag only stands for what belongs to an artifact."""
    return tag.startswith(_BESIDE)


def layout_tags(path: Path) -> tuple[str, ...]:
    """Return the tags in an image-layout folder. Raises `SealError`."""
    from sealing.oci.files import Folder
    from sealing.oci.index import REF_NAME, Index

    with Folder.open(path) as folder:
        index = Index.parse(folder.read("index.json", limit_bytes=INDEX_BYTES), f"{path}")
    names = (entry.annotations.get(REF_NAME) for entry in index.entries)
    return tuple(sorted(name for name in names if name is not None))


def look_at(
    store: ArtifactStore,
    reference: LayoutReference | RegistryReference,
    tag: str,
    owners: Sequence[VerifyingKey],
) -> Listed:
    """Return what one tag means; whatever is wrong with it is said, not raised."""
    from sealing.oci.transfer import describe
    from sealing.unseal import verify_artifact

    try:
        found = describe(store, reference.with_tag(tag))
    except SealError as error:
        return Listed(tag, None, None, error.code.value)
    if not owners:
        return Listed(tag, found, None)
    try:
        artifact = verify_artifact(found.manifest.raw, found.config, found.bundles, owners=owners)
    except SealError as error:
        return Listed(tag, found, None, error.code.value)
    return Listed(tag, found, artifact.statement)


def published(
    store: ArtifactStore,
    reference: LayoutReference | RegistryReference,
    owners: Sequence[VerifyingKey],
) -> Iterator[Listed]:
    """Yield every tag at a place. Raises `SealError` where the place cannot be read."""
    for tag in tags_of(store, reference):
        yield look_at(store, reference, tag, owners)
