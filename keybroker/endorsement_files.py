"""Bundles of endorsements that a broker reads again when they change: collateral does not last.

A file that has become bad, or older than what it replaces, changes nothing: the last good one
stays, the log and a metric say so. What it says is still the vendors' word, judged by verifiers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from attestation.bundle import BUNDLE_TYPE, Bundle, BundleDocument, parse_bundle
from attestation.endorsement_store.filing import Registrar
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.trust import TrustAnchors
from keybroker.errors import BrokerError
from keybroker.settings.named_files import invalid, read_named
from sealing.errors import SealError
from sealing.keys import VerifyingKey
from sealing.signatures import dsse

_log = logging.getLogger("keybroker.endorsements")

_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """One state of all files."""

    endorsements: Endorsements = field(repr=False)
    marks: Mapping[str, int]
    first_end: datetime | None


class EndorsementFiles:
    """The bundles that broker.yaml names. Safe to call from many threads.

    With `signers` each must be signed by one of them, without it is a bare bundle. `known` are
    endorsements the broker has besides: a list in a file may be by an issuer among them. Raises
    `BrokerError` with `CONFIG_INVALID` if a file is bad when the broker starts.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        *,
        signers: Sequence[VerifyingKey],
        anchors: TrustAnchors,
        known: Endorsements,
    ) -> None:
        self._folder = folder
        self._names = tuple(names)
        self._signers = tuple(signers)
        self._anchors = anchors
        self._known = known.joined(Endorsements.vendor())
        self._reading = threading.Lock()
        self._seen = self._stamp()
        self._loaded = self._load({})
        self._joined: tuple[Endorsements, Endorsements, Endorsements] | None = None
        self.failed = False

    @property
    def first_end(self) -> datetime | None:
        """When the first of the documents ends, if any does."""
        return self._loaded.first_end

    def joined(self, others: Endorsements) -> Endorsements:
        """Return the endorsements of now and `others`, put together once for each change.

        Raises `EvidenceError` if that is more than a set may hold.
        """
        current, kept = self._loaded.endorsements, self._joined
        if kept is None or kept[0] is not current or kept[1] is not others:
            kept = (current, others, others.joined(current))
            self._joined = kept
        return kept[2]

    def refresh(self) -> None:
        """Read the files again if one changed; keep what there was if one is bad."""
        with self._reading:
            stamp = self._stamp()
            if stamp == self._seen:
                return
            self._seen = stamp
            try:
                self._loaded = self._loaded_again()
            except (BrokerError, EvidenceError) as error:
                self.failed = True
                _log.warning("endorsements not read again", exc_info=error)
            else:
                self.failed = False
                _log.info("endorsements read again")

    def _loaded_again(self) -> _Loaded:
        """Return what the files hold now, if releases could go on with it."""
        loaded = self._load(self._loaded.marks)
        if self._joined is not None:
            self._joined[1].joined(loaded.endorsements)
        return loaded

    def _stamp(self) -> _Stamp:
        """Return what changes when a file does; a missing one is found when it is read."""
        found = []
        for name in self._names:
            try:
                status = (self._folder / name).stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(found)

    def _load(self, marks: Mapping[str, int]) -> _Loaded:
        found, raised, ends = Endorsements.none(), dict(marks), list[datetime]()
        opened: dict[str, Bundle] = {}
        for name in self._names:
            with self._about(name):
                opened[name] = self._open(name)
                found = found.joined(opened[name].to_endorsements())
        # Wherever its issuer's certificate comes from, an older list is an older list.
        issuers = (*self._known.certificates, *found.certificates)
        registrar = Registrar.of_certificates(self._anchors, issuers)
        for name, bundle in opened.items():
            with self._about(name):
                ends += _file(bundle.documents, registrar, raised)
        return _Loaded(found, raised, min(ends, default=None))

    @contextmanager
    def _about(self, name: str) -> Iterator[None]:
        try:
            yield
        except (EvidenceError, SealError) as error:
            raise invalid(f"{self._folder / name}: {error}") from error

    def _open(self, name: str) -> Bundle:
        data = read_named(self._folder, name)
        if self._signers:
            data = dsse.verify(data, payload_type=BUNDLE_TYPE, keys=self._signers)
        return parse_bundle(data)


def _file(
    documents: Sequence[BundleDocument], registrar: Registrar, marks: dict[str, int]
) -> list[datetime]:
    """Raise marks that vendors signed, refuse to lower one; return when documents end."""
    ends = []
    for one in documents:
        try:
            filing = registrar.file(one.kind, one.data)
        except EvidenceError as error:
            # Evidence that needs it will be refused for the same reason.
            _log.warning("an endorsement from %s is of no use: %s", one.source, error)
            continue
        if filing.expires is not None:
            ends.append(filing.expires)
        for name, number in filing.marks:
            if number < marks.get(name, number):
                detail = f"{name} is {number}, was {marks[name]} before"
                raise EvidenceError(Refusal.COLLATERAL_ROLLBACK, detail)
            marks[name] = number
    return ends
