"""OCI image layout 1.0.0 in a folder (image spec, `image-layout.md`): the store without a server.

    oci-layout            {"imageLayoutVersion":"1.0.0"}
    index.json            every manifest; `org.opencontainers.image.ref.name` is the tag
    blobs/sha256/<hex>    blobs and manifests

Blobs are never changed once there. `index.json` changes last, in one step, under a lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sealing import limits as format_limits
from sealing.canonical import Buffer, encode, parse_json
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.blob import Blob, Receiver, Sink, collect
from sealing.oci.descriptor import (
    INDEX_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    ManifestFacts,
    parse_index,
    parse_manifest,
)
from sealing.oci.files import TEMPORARY_PREFIX, Folder
from sealing.oci.reference import check_digest, check_tag, is_digest

MARKER = "oci-layout"
INDEX = "index.json"
BLOBS = "blobs"
ALGORITHM = "sha256"
REF_NAME = "org.opencontainers.image.ref.name"

_VERSION = {"imageLayoutVersion": "1.0.0"}
_EMPTY_INDEX: Mapping[str, Any] = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}


class OciLayout:
    """An `ArtifactStore` in a folder that other tools may write to: nothing in it is believed."""

    def __init__(self, path: Path) -> None:
        """Take a folder that `open` or `create` has looked at."""
        self._path = path

    @classmethod
    def open(cls, path: Path) -> OciLayout:
        """Return the layout at `path`.

        Only the marker is read. Raises `SealError`: no such folder, no layout, another version.
        """
        with Folder.open(path) as folder:
            marker = folder.read(MARKER, limit_bytes=limits.MARKER_BYTES)
        if parse_json(marker, limit_bytes=limits.MARKER_BYTES, what=MARKER) != _VERSION:
            raise SealError(SealRefusal.STORE_MALFORMED, f"{path} is not an image layout 1.0.0")
        return cls(path)

    @classmethod
    def create(cls, path: Path) -> OciLayout:
        """Return the layout at `path`, made if the folder is absent or empty.

        Its parent has to exist. Raises `SealError`, also for a folder with other things in it.
        """
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise SealError(SealRefusal.STORE_UNUSABLE, f"{path}: {error.strerror}") from error
        with Folder.open(path) as folder, folder.locked():
            names = set(folder.names())
            if MARKER not in names:
                _refuse_foreign(path, names)
                folder.make_folder(BLOBS)
                with folder.folder(BLOBS) as blobs:
                    blobs.make_folder(ALGORITHM)
                if INDEX not in names:
                    folder.write(INDEX, [encode(_EMPTY_INDEX)])
                # Last: before it is there, nobody takes the folder for a layout.
                folder.write(MARKER, [encode(_VERSION)])
        return cls.open(path)

    def resolve(self, target: str) -> Descriptor:
        """See `ArtifactStore`."""
        return parse_manifest(self.get_manifest(target)).descriptor

    def get_manifest(self, target: str) -> bytes:
        """See `ArtifactStore`."""
        if is_digest(target):
            return self._read_manifest(target, None)
        entry = self._tagged(target)
        return self._read_manifest(entry.digest, entry.size)

    def get_blob(self, digest: str, size: int) -> bytes:
        """See `ArtifactStore`."""
        return collect(self.fetch_blob, digest, size)

    def fetch_blob(self, digest: str, size: int, sink: Sink) -> None:
        """See `ArtifactStore`."""
        receiver = Receiver(digest, size, sink)
        with self._blobs() as blobs:
            blobs.stream(_file_of(digest), receiver.feed)
        receiver.finish()

    def has_blob(self, digest: str, size: int) -> bool:
        """See `ArtifactStore`. A damaged file does not count as there."""
        try:
            self.fetch_blob(digest, size, len)
        except SealError as error:
            absent = (SealRefusal.NOT_FOUND, SealRefusal.SIZE_MISMATCH, SealRefusal.DIGEST_MISMATCH)
            if error.code in absent:
                return False
            raise
        return True

    def put_blob(self, blob: Blob) -> None:
        """See `ArtifactStore`."""
        if not self.has_blob(blob.digest, blob.size):
            with self._blobs() as blobs:
                blobs.write(_file_of(blob.digest), _checked(blob))

    def put_manifest(self, data: bytes, *, tag: str | None = None) -> str:
        """See `ArtifactStore`."""
        if tag is not None:
            check_tag(tag)
        facts = parse_manifest(data)
        self._require_blobs(facts)
        self.put_blob(Blob.of(data))
        with Folder.open(self._path) as folder, folder.locked():
            index = _parse_entries(folder)
            index["manifests"] = _enter(index["manifests"], facts, tag)
            # As strict as the next reader will be: never write what we would not read.
            document = encode(index)
            parse_index(document, INDEX)
            folder.write(INDEX, [document])
        return facts.descriptor.digest

    def referrers(self, digest: str, *, artifact_type: str) -> tuple[Descriptor, ...]:
        """See `ArtifactStore`. Looks into every manifest that `index.json` lists."""
        check_digest(digest)
        found = []
        for entry in self._entries():
            if entry.media_type != MANIFEST_TYPE:
                continue
            facts = parse_manifest(self._read_manifest(entry.digest, entry.size))
            if facts.subject is not None and facts.subject.digest == digest:
                found.append(facts.descriptor)
        return tuple(entry for entry in found if entry.artifact_type == artifact_type)

    def _blobs(self) -> Folder:
        with Folder.open(self._path) as folder, folder.folder(BLOBS) as blobs:
            return blobs.folder(ALGORITHM)

    def _entries(self) -> tuple[Descriptor, ...]:
        with Folder.open(self._path) as folder:
            return parse_index(folder.read(INDEX, limit_bytes=limits.INDEX_BYTES), INDEX)

    def _tagged(self, tag: str) -> Descriptor:
        check_tag(tag)
        named = [entry for entry in self._entries() if entry.annotations.get(REF_NAME) == tag]
        if not named:
            raise SealError(SealRefusal.NOT_FOUND, f"{self._path} has no tag {tag}")
        if len(named) > 1:
            raise SealError(
                SealRefusal.STORE_MALFORMED, f"{self._path} names tag {tag} {len(named)} times"
            )
        return named[0]

    def _read_manifest(self, digest: str, size: int | None) -> bytes:
        with self._blobs() as blobs:
            data = blobs.read(_file_of(digest), limit_bytes=format_limits.MANIFEST_BYTES)
        receiver = Receiver(digest, len(data) if size is None else size, len)
        receiver.feed(data)
        receiver.finish()
        return data

    def _require_blobs(self, facts: ManifestFacts) -> None:
        with self._blobs() as blobs:
            for blob in facts.blobs:
                size = blobs.size(_file_of(blob.digest))
                if size != blob.size:
                    raise SealError(
                        SealRefusal.SIZE_MISMATCH,
                        f"{blob.digest} has {size} bytes here, the manifest says {blob.size}",
                    )


def _checked(blob: Blob) -> Iterator[Buffer]:
    """Give the chunks, and raise at the end if they were not the blob: then no file appears."""
    receiver = Receiver(blob.digest, blob.size, len)
    for chunk in blob.chunks():
        receiver.feed(chunk)
        yield chunk
    receiver.finish()


def _file_of(digest: str) -> str:
    check_digest(digest)
    return digest.partition(":")[2]


def _refuse_foreign(path: Path, names: set[str]) -> None:
    """Let an empty folder pass, and one in which `create` was interrupted."""
    foreign = {name for name in names if not name.startswith(TEMPORARY_PREFIX)} - {BLOBS, INDEX}
    if foreign:
        raise SealError(SealRefusal.STORE_MALFORMED, f"{path} is not an image layout and not empty")


def _parse_entries(folder: Folder) -> dict[str, Any]:
    """Return `index.json` with everything other tools wrote into it, after checking what we use."""
    data = folder.read(INDEX, limit_bytes=limits.INDEX_BYTES)
    parse_index(data, INDEX)
    index: dict[str, Any] = parse_json(data, limit_bytes=limits.INDEX_BYTES, what=INDEX)
    return index


def _enter(
    entries: list[dict[str, Any]], facts: ManifestFacts, tag: str | None
) -> list[dict[str, Any]]:
    """Return the list with the manifest in it. A tag moves; what had it stays, without a name."""
    digest = facts.descriptor.digest
    if tag is None:
        known = any(entry["digest"] == digest for entry in entries)
        return entries if known else [*entries, _document(facts, {})]
    kept = [_without_name(entry) if _name_of(entry) == tag else entry for entry in entries]
    # The entry with the name takes the place of one without.
    kept = [entry for entry in kept if entry["digest"] != digest or _name_of(entry) is not None]
    return [*kept, _document(facts, {REF_NAME: tag})]


def _document(facts: ManifestFacts, annotations: dict[str, str]) -> dict[str, Any]:
    """Return the entry of a manifest; one with a subject is described as in a referrers list."""
    own = facts.descriptor
    if facts.subject is not None:
        return replace(own, annotations={**own.annotations, **annotations}).to_document()
    return replace(own, artifact_type=None, annotations=annotations).to_document()


def _name_of(entry: dict[str, Any]) -> str | None:
    name: str | None = entry.get("annotations", {}).get(REF_NAME)
    return name


def _without_name(entry: dict[str, Any]) -> dict[str, Any]:
    notes = {name: note for name, note in entry["annotations"].items() if name != REF_NAME}
    rest = {name: value for name, value in entry.items() if name != "annotations"}
    return rest | ({"annotations": notes} if notes else {})
