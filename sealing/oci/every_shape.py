"""All that a reference means: one artifact, or every shape that an index offers.

For whoever answers for the whole of it: an owner, and who checks an owner's work. A runner takes
the one entry it runs. Spec: docs/specs/other-holders.md, section S.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sealing.canonical import digest_of
from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey
from sealing.manifest import SealedManifest
from sealing.oci.bundles import OF_THE_WAY
from sealing.oci.descriptor import Descriptor
from sealing.oci.reference import Reference
from sealing.oci.shape_index import every_entry, is_index
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import PulledDescription, describe_manifest
from sealing.shapes import Shape
from sealing.unseal import require_blob


@dataclass(frozen=True, slots=True)
class PulledShapes:
    """What a reference means. `digest` is that of the index, if there is one, else the artifact's.

    Digests, sizes and the strict profile are checked, signatures are not.
    """

    digest: str
    shapes: tuple[PulledDescription, ...]
    is_index: bool


def describe_every(
    store: ArtifactStore, reference: Reference, *, owners: Sequence[VerifyingKey] = ()
) -> PulledShapes:
    """Return the artifact, or each that an index lists, without ciphertexts. Raises `SealError`.

    `owners` as for `describe`. Of an index everything is good or nothing is: an entry is refused by
    its name.
    """
    found = store.get_manifest(reference.target)
    if not is_index(found):
        one = describe_manifest(store, SealedManifest.parse(found), owners=owners)
        return PulledShapes(one.digest, (one,), is_index=False)
    described = tuple(
        _described(store, shape, entry, owners) for shape, entry in every_entry(found)
    )
    return PulledShapes(digest_of(found), described, is_index=True)


@contextmanager
def entry_named(shape: Shape, digest: str) -> Iterator[None]:
    """Say of a refusal which entry of an index it is about."""
    try:
        yield
    except SealError as error:
        if error.code in OF_THE_WAY:
            raise
        detail = f"entry of shape {shape.name} ({digest}): {error.detail}"
        raise SealError(error.code, detail) from error


def _described(
    store: ArtifactStore, shape: Shape, entry: Descriptor, owners: Sequence[VerifyingKey]
) -> PulledDescription:
    with entry_named(shape, entry.digest):
        data = store.get_manifest(entry.digest)
        require_blob(data, digest=entry.digest, size=entry.size, what="manifest")
        manifest = SealedManifest.parse(data)
        if manifest.shape is not shape:
            detail = f"the artifact has shape {manifest.shape.name}"
            raise SealError(SealRefusal.PLATFORM, detail)
        return describe_manifest(store, manifest, owners=owners)
