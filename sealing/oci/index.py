"""`index.json` and lists of referrers: image indexes that several tools write into.

An entry that is no descriptor is another tool's business: passed over when we read, kept as it is
when we write.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from sealing.canonical import encode, malformed, parse_json
from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.descriptor import INDEX_TYPE, Descriptor, ManifestFacts, parse_descriptor
from sealing.oci.reference import is_tag

REF_NAME = "org.opencontainers.image.ref.name"


class Index:
    """One image index with everything that others wrote into it. `what` names it in errors."""

    def __init__(self, document: dict[str, Any], what: str) -> None:
        """Take a document that `parse` or `empty` made."""
        self._document = document
        self._what = what

    @classmethod
    def empty(cls, what: str) -> Self:
        """Return an index without entries."""
        return cls({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []}, what)

    @classmethod
    def parse(cls, data: bytes, what: str) -> Self:
        """Return the index in `data`. Of its entries only the number is checked.

        Raises `SealError`.
        """
        value = parse_json(data, limit_bytes=limits.INDEX_BYTES, what=what)
        if not isinstance(value, dict) or value.get("schemaVersion") != 2:
            raise malformed(what, "not an object with schemaVersion 2")
        if value.get("mediaType", INDEX_TYPE) != INDEX_TYPE:
            raise SealError(SealRefusal.MEDIA_TYPE, f"{what} is not an image index")
        entries = value.get("manifests")
        if not isinstance(entries, list):
            raise malformed(f"{what}.manifests", "not a list")
        if len(entries) > limits.INDEX_ENTRIES:
            raise SealError(
                SealRefusal.TOO_LARGE, f"{what}: {len(entries)} of {limits.INDEX_ENTRIES} entries"
            )
        return cls(value, what)

    def to_bytes(self) -> bytes:
        """Return the document, or raise `SealError` if the next reader would refuse it."""
        data = encode(self._document)
        self.parse(data, self._what)
        return data

    @property
    def entries(self) -> tuple[Descriptor, ...]:
        """The entries that are descriptors."""
        found = (_descriptor_or_none(entry) for entry in self._raw)
        return tuple(entry for entry in found if entry is not None)

    @property
    def tags(self) -> tuple[str, ...]:
        """The names of entries that are tags, each once."""
        names = (_name_of(entry) for entry in self._raw)
        return tuple(dict.fromkeys(name for name in names if is_tag(name)))

    def named(self, tag: str) -> Descriptor:
        """Return the one entry with the name `tag`; it has to be a descriptor, or `SealError`."""
        named = [entry for entry in self._raw if _name_of(entry) == tag]
        if not named:
            raise SealError(SealRefusal.NOT_FOUND, f"{self._what} has no tag {tag}")
        if len(named) > 1:
            raise SealError(
                SealRefusal.STORE_MALFORMED, f"{self._what} names tag {tag} {len(named)} times"
            )
        return parse_descriptor(named[0], self._what)

    def lists(self, wanted: Descriptor) -> bool:
        """Return whether an entry says of these bytes what `wanted` says."""
        return any(
            (entry.media_type, entry.digest, entry.size)
            == (wanted.media_type, wanted.digest, wanted.size)
            and wanted.artifact_type in (None, entry.artifact_type)
            for entry in self.entries
        )

    def add(self, entry: Descriptor) -> None:
        """Put `entry` at the end, unless it is listed."""
        if not self.lists(entry):
            self._raw.append(entry.to_document())

    def enter(self, facts: ManifestFacts, tag: str) -> None:
        """Name a manifest. What had the name stays, without one."""
        digest = facts.descriptor.digest
        kept = [_without_name(entry) if _name_of(entry) == tag else entry for entry in self._raw]
        # The entry with the name takes the place of one without.
        kept = [
            entry for entry in kept if _digest_of(entry) != digest or _name_of(entry) is not None
        ]
        own = described(facts)
        named = replace(own, annotations={**own.annotations, REF_NAME: tag})
        self._document["manifests"] = [*kept, named.to_document()]

    @property
    def _raw(self) -> list[Any]:
        entries: list[Any] = self._document["manifests"]
        return entries


def described(facts: ManifestFacts) -> Descriptor:
    """Return the entry of a manifest; one with a subject is described as in a referrers list."""
    own = facts.descriptor
    return own if facts.subject is not None else replace(own, artifact_type=None, annotations={})


def _descriptor_or_none(entry: Any) -> Descriptor | None:
    try:
        return parse_descriptor(entry, "entry")
    except SealError:
        return None


def _name_of(entry: Any) -> Any:
    notes = entry.get("annotations") if isinstance(entry, dict) else None
    return notes.get(REF_NAME) if isinstance(notes, dict) else None


def _digest_of(entry: Any) -> Any:
    return entry.get("digest") if isinstance(entry, dict) else None


def _without_name(entry: dict[str, Any]) -> dict[str, Any]:
    notes = {name: note for name, note in entry["annotations"].items() if name != REF_NAME}
    rest = {name: value for name, value in entry.items() if name != "annotations"}
    return rest | ({"annotations": notes} if notes else {})
