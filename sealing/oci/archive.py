"""An artifact in one file, for where no network goes: a tar of an image layout, exact or refused.

One artifact with one set of signatures has one archive, whoever writes it. Steps are those of
docs/specs/airgap.md. Whose artifact it is is not looked at: `sealing.unseal.verify_artifact` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from sealing import limits as format_limits
from sealing.canonical import encode
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.blob import Blob
from sealing.oci.descriptor import INDEX_TYPE, Descriptor, ManifestFacts, parse_manifest
from sealing.oci.index import REF_NAME, Index, described
from sealing.oci.layout import INDEX, MARKER
from sealing.oci.reference import check_tag, is_digest, tag_of
from sealing.oci.store import ArtifactStore
from sealing.oci.tar import END, TarReader, header, padding
from sealing.oci.transfer import SIMPLE_SUFFIX

DESCRIPTOR: Final = "documents/broker.json"
POLICY: Final = "documents/release.yaml"
_BLOBS: Final = "blobs/sha256/"
_MARKER: Final = encode({"imageLayoutVersion": "1.0.0"})
# What may lie beside the blobs, and how large it may be.
_FILES: Final = {
    INDEX: limits.INDEX_BYTES,
    MARKER: len(_MARKER),
    DESCRIPTOR: format_limits.DSSE_BYTES,
    POLICY: limits.ARCHIVE_POLICY_BYTES,
}


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive holds beside its blobs, which are kept elsewhere by their digests."""

    index: bytes = field(repr=False)
    # Manifests in the order of the index: the first is the artifact, and `tag` its name.
    manifests: tuple[str, ...]
    tag: str
    # Those of them that the index names as cosign's older signature.
    simple: tuple[str, ...]
    sizes: Mapping[str, int] = field(repr=False)
    # `documents/broker.json` and `documents/release.yaml`, where they are there: anybody's words.
    documents: Mapping[str, bytes] = field(repr=False)

    @property
    def digest(self) -> str:
        """The digest of the artifact."""
        return self.manifests[0]


def read_archive(stream: BinaryIO, keep: Callable[[Blob], object]) -> Archive:
    """Return what is in an archive; `keep` stores each blob, and raises if it is not that blob.

    Nothing may be used before `require_whole` has accepted it. Raises `SealError`.
    """
    reader = TarReader(stream)
    sizes: dict[str, int] = {}
    files: dict[str, bytes] = {}
    last, total = "", 0
    while (found := reader.next()) is not None:
        # (1.3) Names that may be there, each once, in the one order.
        name, size = found
        if name <= last:
            raise _malformed(f"{name[:80]} is out of order")
        last = name
        digest = _digest_in(name)
        _require_room(name, size, count=len(sizes) + len(files), total=total)
        total += size
        if digest is None:
            files[name] = b"".join(reader.chunks())
        else:
            # (1.4) Bytes that have the digest in their name.
            keep(Blob(digest, size, reader.chunks))
            sizes[digest] = size

    # (2.1) An image layout of the one version, with an index that names an artifact first.
    if files.pop(MARKER, b"") != _MARKER:
        raise _malformed(f"{MARKER} is not that of an image layout")
    index = files.pop(INDEX, b"")
    entries = Index.parse(index, INDEX).entries
    tag = entries[0].annotations.get(REF_NAME) if entries else None
    if tag is None:
        raise _malformed(f"{INDEX} names no artifact first")
    simple = tag_of(entries[0].digest, SIMPLE_SUFFIX)
    named = tuple(one.digest for one in entries if one.annotations.get(REF_NAME) == simple)
    digests = tuple(entry.digest for entry in entries)
    if len(set(digests)) != len(digests):
        raise _malformed(f"{INDEX} lists a manifest twice")
    return Archive(index, digests, tag, named, sizes, files)


def require_whole(archive: Archive, store: ArtifactStore) -> None:
    """Accept an archive whose blobs, kept in `store`, are all there and all wanted. `SealError`."""
    # (2.2) The index is the one that these manifests have.
    if any(digest not in archive.sizes for digest in archive.manifests):
        raise _malformed("a manifest is missing")
    facts = [parse_manifest(store.get_manifest(digest)) for digest in archive.manifests]
    if index_of(facts, archive.tag, archive.simple) != archive.index:
        raise _malformed(f"{INDEX} is not the one of its manifests")

    # (2.3) Every blob belongs to a manifest, and every manifest has its blobs.
    wanted = {one.descriptor.digest: one.descriptor.size for one in facts}
    wanted |= {blob.digest: blob.size for one in facts for blob in one.blobs}
    if wanted != archive.sizes:
        raise _malformed("its blobs are not those of its manifests")


def write_archive(
    store: ArtifactStore,
    entries: Iterable[Descriptor],
    documents: Mapping[str, bytes],
    out: BinaryIO,
) -> None:
    """Write the archive of what `entries` list: the artifact first, under its tag.

    Raises `SealError`, also for what `read_archive` would refuse.
    """
    first, *others = entries
    digests = [first.digest, *sorted({entry.digest for entry in others} - {first.digest})]
    manifests = {digest: store.get_manifest(digest) for digest in digests}
    facts = [parse_manifest(data) for data in manifests.values()]
    tag = first.annotations.get(REF_NAME, "")
    simple = tag_of(first.digest, SIMPLE_SUFFIX)
    has_simple = [one.digest for one in others if one.annotations.get(REF_NAME) == simple]
    files = {MARKER: _MARKER, INDEX: index_of(facts, tag, has_simple), **documents}
    blobs = {_BLOBS + _hex(blob.digest): blob for one in facts for blob in one.blobs}
    files |= {_BLOBS + _hex(digest): data for digest, data in manifests.items()}
    total = 0
    for count, name in enumerate(sorted({*files, *blobs})):
        data = files.get(name)
        size = blobs[name].size if data is None else len(data)
        _require_room(name, size, count=count, total=total)
        total += size
        out.write(header(name, size))
        if data is None:
            store.fetch_blob(blobs[name].digest, size, out.write)
        else:
            out.write(data)
        out.write(padding(size))
    out.write(END)


def index_of(facts: Iterable[ManifestFacts], tag: str, simple: Iterable[str]) -> bytes:
    """Return `index.json`: the artifact under its tag, then the others by digest.

    `simple` has the digest of the image that is cosign's older signature, if there is one.
    """
    check_tag(tag)
    first, *rest = facts
    named = tag_of(first.descriptor.digest, SIMPLE_SUFFIX)
    others = sorted(rest, key=lambda one: one.descriptor.digest)
    entries = [_entry(first, tag)]
    entries += [_entry(one, named if one.descriptor.digest in simple else None) for one in others]
    return encode({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries})


def _entry(facts: ManifestFacts, name: str | None) -> dict[str, object]:
    entry = described(facts)
    if name is not None:
        entry = replace(entry, annotations={**entry.annotations, REF_NAME: name})
    return entry.to_document()


def _digest_in(name: str) -> str | None:
    """Return the digest of a blob's name, and None for another file that may be there."""
    if name in _FILES:
        return None
    digest = f"sha256:{name.removeprefix(_BLOBS)}"
    if not name.startswith(_BLOBS) or not is_digest(digest):
        raise _malformed(f"{name[:80]} has no place in it")
    return digest


def _require_room(name: str, size: int, *, count: int, total: int) -> None:
    """Raise before anything is read that is larger, or more, than an artifact has."""
    if count >= limits.ARCHIVE_ENTRIES:
        raise SealError(SealRefusal.TOO_LARGE, f"archive has over {limits.ARCHIVE_ENTRIES} files")
    limit = min(_FILES.get(name, format_limits.MODULE_BYTES), limits.ARCHIVE_BYTES - total)
    if size > limit:
        raise SealError(SealRefusal.TOO_LARGE, f"{name} is {size} bytes, limit {limit}")


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _malformed(why: str) -> SealError:
    return SealError(SealRefusal.STORE_MALFORMED, f"archive: {why}")
