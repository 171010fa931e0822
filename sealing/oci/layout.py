"""OCI image layout 1.0.0 in a folder (image spec, `image-layout.md`): the store without a server.

    oci-layout            {"imageLayoutVersion":"1.0.0"}
    index.json            every manifest; `org.opencontainers.image.ref.name` is the tag
    blobs/sha256/<hex>    blobs and manifests

Blobs are never changed once there. `index.json` changes last, in one step, under a lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sealing import limits as format_limits
from sealing.canonical import Buffer, encode, parse_json
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.blob import Blob, Receiver, Sink, collect
from sealing.oci.descriptor import MANIFEST_TYPE, Descriptor, ManifestFacts, parse_manifest
from sealing.oci.files import TEMPORARY_PREFIX, Folder
from sealing.oci.index import Index, described
from sealing.oci.reference import check_digest, check_tag, is_digest
from sealing.oci.store import ArtifactStore

MARKER = "oci-layout"
INDEX = "index.json"
BLOBS = "blobs"
ALGORITHM = "sha256"

_VERSION = {"imageLayoutVersion": "1.0.0"}


class OciLayout:
    """An `ArtifactStore` in a folder that other tools may write to: nothing in it is believed."""

    def __init__(self, path: Path) -> None:
        """Take a folder that `open` or `create` has looked at."""
        self._path = path
        # Whom a manifest refers to, by how an index describes it: that stays true.
        self._subjects: dict[tuple[str, str, int], str | None] = {}

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
                    folder.write(INDEX, [Index.empty(INDEX).to_bytes()])
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
        check_tag(target)
        with Folder.open(self._path) as folder:
            entry = self._index(folder).named(target)
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

    def mount_blob(self, digest: str, size: int, source: ArtifactStore) -> bool:  # noqa: ARG002
        """See `ArtifactStore`. Folders have no blobs in common: it is here already, or not."""
        return self.has_blob(digest, size)

    def put_manifest(self, data: bytes, *, tag: str | None = None) -> str:
        """See `ArtifactStore`."""
        if tag is not None:
            check_tag(tag)
        facts = parse_manifest(data)
        # It may have been damaged when it was looked at.
        self._subjects.pop(_described(facts.descriptor), None)
        self._require_blobs(facts)
        self.put_blob(Blob.of(data))
        with Folder.open(self._path) as folder, folder.locked():
            index = self._index(folder)
            if tag is None:
                index.add(described(facts))
            else:
                index.enter(facts, tag)
            folder.write(INDEX, [index.to_bytes()])
        return facts.descriptor.digest

    def replace_index(self, data: bytes) -> None:
        """Let `data`, whose manifests and their blobs are here, be all of `index.json`.

        Looking at each manifest again would make the work grow with the square of their number.
        Raises `SealError` for what is no index.
        """
        Index.parse(data, INDEX)
        with Folder.open(self._path) as folder, folder.locked():
            folder.write(INDEX, [data])

    def tags(self) -> tuple[str, ...]:
        """See `ArtifactStore`. Names that no reference can spell are passed over."""
        with Folder.open(self._path) as folder:
            return self._index(folder).tags

    def entries(self) -> tuple[Descriptor, ...]:
        """Return what `index.json` lists, in its order. Raises `SealError`."""
        with Folder.open(self._path) as folder:
            return self._index(folder).entries

    def referrers(self, digest: str, *, artifact_type: str) -> tuple[Descriptor, ...]:
        """See `ArtifactStore`. Looks into every manifest that `index.json` lists, but once."""
        check_digest(digest)
        with Folder.open(self._path) as folder:
            entries = self._index(folder).entries
        found = {}
        for entry in entries:
            if self._subjects.get(_described(entry), digest) != digest:
                continue
            facts = self._facts_or_none(entry)
            subject = None if facts is None or facts.subject is None else facts.subject.digest
            self._subjects[_described(entry)] = subject
            if facts is None or subject != digest:
                continue
            if facts.descriptor.artifact_type == artifact_type:
                found[entry.digest] = facts.descriptor
        return tuple(found.values())

    def _blobs(self) -> Folder:
        with Folder.open(self._path) as folder, folder.folder(BLOBS) as blobs:
            return blobs.folder(ALGORITHM)

    def _index(self, folder: Folder) -> Index:
        data = folder.read(INDEX, limit_bytes=limits.INDEX_BYTES)
        return Index.parse(data, f"{self._path}/{INDEX}")

    def _facts_or_none(self, entry: Descriptor) -> ManifestFacts | None:
        """Return what is known of a manifest; nothing of one that is broken, whosever it is."""
        if entry.media_type != MANIFEST_TYPE:
            return None
        try:
            return parse_manifest(self._read_manifest(entry.digest, entry.size))
        except SealError:
            return None

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


def _described(entry: Descriptor) -> tuple[str, str, int]:
    return entry.media_type, entry.digest, entry.size


def _file_of(digest: str) -> str:
    check_digest(digest)
    return digest.partition(":")[2]


def _refuse_foreign(path: Path, names: set[str]) -> None:
    """Let an empty folder pass, and one in which `create` was interrupted."""
    foreign = {name for name in names if not name.startswith(TEMPORARY_PREFIX)} - {BLOBS, INDEX}
    if foreign:
        raise SealError(SealRefusal.STORE_MALFORMED, f"{path} is not an image layout and not empty")
