"""The bundles beside an artifact: its owner's, and what others attached as if it were.

Whoever may write to a repository may attach any number of them, described like the owner's. Where
there are more than a reader takes, those by keys that it trusts are looked for among all, at a cost
that has a bound. Steps are those of docs/specs/oci-artifact.md, 4.4.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar, TypeVarTuple

from sealing import limits as format_limits
from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey
from sealing.oci import limits
from sealing.oci.attachments import PREDICATE_NOTE, parse_bundle_manifest
from sealing.oci.descriptor import Descriptor
from sealing.oci.parallel import together
from sealing.oci.store import ArtifactStore
from sealing.signatures.bundle import BUNDLE_TYPE
from sealing.signatures.counting import signed_by_one_of
from sealing.signatures.statement import PREDICATE_TYPE
from sealing.unseal import require_blob

_Given = TypeVarTuple("_Given")
_Found = TypeVar("_Found")

# About the line or the registry as a whole, and not about the entry that was asked for.
OF_THE_WAY: Final = (
    SealRefusal.UNREACHABLE,
    SealRefusal.REGISTRY_SLOW,
    SealRefusal.REGISTRY_FAILED,
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One signature bundle and the manifest that attaches it. Neither is verified."""

    manifest: bytes = field(repr=False)
    bundle: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Referrer:
    manifest: bytes = field(repr=False)
    bundle: Descriptor


class _Signed:
    """Attachments of trusted keys: one for each key and statement, however often it is there."""

    def __init__(self, subject: str, owners: Sequence[VerifyingKey]) -> None:
        self._subject = subject
        self._owners = owners
        self._kept: dict[tuple[str, str], Attachment] = {}
        self._lock = threading.Lock()

    def keep(self, one: Attachment) -> None:
        """Keep an attachment if a trusted key signed it and nothing like it is kept."""
        said = signed_by_one_of(self._owners, one.bundle, manifest=self._subject)
        if said is not None:
            with self._lock:
                self._kept.setdefault(said, one)

    @property
    def kept(self) -> tuple[Attachment, ...]:
        """What was kept, in the order in which it came."""
        return tuple(self._kept.values())


def attached_to(
    store: ArtifactStore, subject: str, owners: Sequence[VerifyingKey]
) -> tuple[Attachment, ...]:
    """Return the bundles that are attached as ours are, at most `BUNDLES`, or raise `SealError`.

    Those described like ours are looked at first. What is wrong with one of them is a refusal only
    where none like ours is left. Where more are listed, those that one of `owners` signed are
    looked for among the others too, and come first then.
    """
    listed = sorted(store.referrers(subject, artifact_type=BUNDLE_TYPE), key=_strangeness)
    entries, more = listed[: format_limits.BUNDLES], listed[format_limits.BUNDLES :]
    attempts = [partial(readable, attachment_of, store, entry, subject) for entry in entries]
    looked_at = together(attempts)
    found = [one for one in looked_at if isinstance(one, Attachment)]
    signed = _Signed(subject, owners)
    if owners and more:
        for one in found:
            signed.keep(one)
        _search(store, more, subject, signed)
    ours = [one for entry, one in zip(entries, looked_at, strict=True) if _strangeness(entry) == 0]
    refusals = [one for one in ours if isinstance(one, SealError)]
    if refusals and len(refusals) == len(ours) and not signed.kept:
        raise refusals[0]
    return tuple(dict.fromkeys([*signed.kept, *found]))[: format_limits.BUNDLES]


def attachment_of(store: ArtifactStore, entry: Descriptor, subject: str) -> Attachment:
    """Return what an entry of a list attaches to `subject`, or raise `SealError`."""
    return _fetched(store, _referrer(store, entry, subject))


def readable(read: Callable[[*_Given], _Found], *given: *_Given) -> _Found | SealError:
    """Return what is read, or what is wrong with it; a line that breaks is raised."""
    try:
        return read(*given)
    except SealError as error:
        if error.code in OF_THE_WAY:
            raise
        return error


def _search(
    store: ArtifactStore, entries: Sequence[Descriptor], subject: str, signed: _Signed
) -> None:
    """Have `signed` keep what it wants among `entries`, those with small bundles first."""
    # (1) What says that it is something else, or is larger than any of ours, is not asked for.
    likely = [
        entry
        for entry in entries
        if _strangeness(entry) < 2 and entry.size <= limits.BUNDLE_REFERRER_BYTES
    ]
    attempts = [
        partial(readable, _referrer, store, entry, subject)
        for entry in likely[: limits.INDEX_ENTRIES]
    ]
    referrers = [one for one in together(attempts) if isinstance(one, _Referrer)]

    # (2) Whoever wants to hide a bundle has to attach no larger ones, and as many as are listed.
    def look_at(one: _Referrer) -> None:
        found = readable(_fetched, store, one)
        if isinstance(found, Attachment):
            signed.keep(found)

    together([partial(look_at, one) for one in _within_bytes(referrers)])


def _within_bytes(referrers: Sequence[_Referrer]) -> Iterator[_Referrer]:
    total = 0
    # By size as well: a wrong one beside the digest of the owner's bundle must not stand for it.
    every = {(one.bundle.digest, one.bundle.size): one for one in referrers}
    for one in sorted(every.values(), key=lambda one: one.bundle.size):
        total += one.bundle.size
        if total > limits.SEARCHED_BYTES:
            return
        yield one


def _strangeness(entry: Descriptor) -> int:
    """Return 0 for a bundle that is described like ours, 1 for one that does not say what it is."""
    predicate = entry.annotations.get(PREDICATE_NOTE)
    if predicate == PREDICATE_TYPE:
        return 0
    return 1 if predicate is None else 2


def _referrer(store: ArtifactStore, entry: Descriptor, subject: str) -> _Referrer:
    manifest = store.get_manifest(entry.digest)
    require_blob(manifest, digest=entry.digest, size=entry.size, what="referrer")
    return _Referrer(manifest, parse_bundle_manifest(manifest, subject=subject))


def _fetched(store: ArtifactStore, one: _Referrer) -> Attachment:
    return Attachment(one.manifest, store.get_blob(one.bundle.digest, one.bundle.size))
