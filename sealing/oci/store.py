"""What an image-layout folder and a registry have in common."""

from __future__ import annotations

from typing import Protocol

from sealing.oci.blob import Blob, Sink
from sealing.oci.descriptor import Descriptor


class ArtifactStore(Protocol):
    """One repository of artifacts. A `target` is a tag or a digest.

    Everything read is compared with its digest and size before the call returns. Who made it is
    not checked: that is what the owner's signature is for. Every method raises `SealError` only.
    Threads may share a store.
    """

    def resolve(self, target: str) -> Descriptor:
        """Return media type, digest and size of the manifest that `target` names right now."""

    def get_manifest(self, target: str) -> bytes:
        """Return the exact bytes of a manifest. For a tag they are whatever the tag names now."""

    def get_blob(self, digest: str, size: int) -> bytes:
        """Return a blob as a whole."""

    def fetch_blob(self, digest: str, size: int, sink: Sink) -> None:
        """Write a blob to `sink` piece by piece; none of it may be used before this returns."""

    def has_blob(self, digest: str, size: int) -> bool:
        """Return whether the store has the blob with this digest and this size."""

    def put_blob(self, blob: Blob) -> None:
        """Store a blob unless it is there. It is there as a whole or not at all."""

    def mount_blob(self, digest: str, size: int, source: ArtifactStore) -> bool:
        """Take a blob over from `source` if no bytes have to move for that.

        Return whether it is here then; if not, `put_blob` is the way.
        """

    def put_manifest(self, data: bytes, *, tag: str | None = None) -> str:
        """Store a manifest whose blobs are there, name it `tag` if given, and return its digest.

        A manifest with a `subject` is found by `referrers` from then on.
        """

    def tags(self) -> tuple[str, ...]:
        """Return the tags there are, those of signatures among them."""

    def referrers(self, digest: str, *, artifact_type: str) -> tuple[Descriptor, ...]:
        """Return the manifests of that type whose subject is `digest`. Empty if there are none."""
