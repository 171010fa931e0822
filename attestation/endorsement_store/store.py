"""Endorsements kept, looked up and renewed.

What may be filed, and what may replace what, is decided here; whether evidence is good is not.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from attestation.bundle import CERTIFICATE, CRL, Bundle, BundleDocument
from attestation.endorsement_store.fetchers import VendorFetcher
from attestation.endorsement_store.filing import SIMULATED, Filing, Registrar
from attestation.endorsement_store.folder import Folder
from attestation.endorsement_store.hints import wanted_by
from attestation.endorsement_store.wanted import (
    SnpCertificates,
    SnpChipKey,
    SnpRevocations,
    Wanted,
)
from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.trust import TrustAnchors

_log = logging.getLogger(__name__)

# What says that something is no longer so, and therefore has to be looked at again.
_AGEING: Final = frozenset({CRL, DocumentKind.INTEL_COLLATERAL.value, DocumentKind.OCSP.value})


@dataclass(frozen=True, slots=True)
class StorePolicy:
    """How long a document is used.

    `max_age`: lists, collateral and OCSP responses are asked for again after this time, even if
    their own end is further off. `stale_while_error`: for how long after that they are used while
    the service gives no good answer; nothing by default. Raises `ValueError` for negative times.
    """

    max_age: timedelta = timedelta(days=1)
    stale_while_error: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if self.max_age < timedelta(0) or self.stale_while_error < timedelta(0):
            raise ValueError("a time of the store's policy is negative")


class State(StrEnum):
    """Whether a document is used as it is."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Stored:
    """A document in the store, with what a person wants to know about it."""

    name: str
    filing: Filing
    document: BundleDocument
    state: State


class EndorsementStore:
    """A folder of endorsements and, where there is a network, the services behind it. Thread-safe.

    Without a `fetcher` the store gives what it has and never asks anybody.
    """

    def __init__(
        self,
        folder: Path,
        *,
        anchors: TrustAnchors,
        clock: Callable[[], datetime],
        policy: StorePolicy | None = None,
        fetcher: VendorFetcher | None = None,
    ) -> None:
        self._folder = Folder(folder)
        self._anchors = anchors
        self._clock = clock
        self._policy = policy or StorePolicy()
        self._fetcher = fetcher
        self._fetching = threading.RLock()

    def for_evidence(self, evidence: UnverifiedEvidence) -> Endorsements:
        """Return what is needed to verify `evidence`, fetched where it is missing or old.

        The evidence only says which documents to look for. It is not verified, and nothing it says
        reaches a service but bounded numbers and names. Documents that no name fits are always
        included. What a vendor does not have is left out: the verifier says what that means.
        Raises `EvidenceError` as `get` does otherwise.
        """
        needed = [one for wanted in wanted_by(evidence) for one in self._get_or_nothing(wanted)]
        # Collateral goes by its name alone: what is unverified of it is by a root not trusted here.
        others = [
            one.document
            for one in self.list()
            if not one.filing.verified and one.document.kind != DocumentKind.INTEL_COLLATERAL
        ]
        return endorsements_of([*needed, *others])

    def _get_or_nothing(self, wanted: Wanted) -> tuple[BundleDocument, ...]:
        try:
            return self.get(wanted)
        except EvidenceError as failure:
            if failure.code is not Refusal.NO_ENDORSEMENT:
                raise
            _log.warning("the vendor has no %s", ", ".join(wanted.names))
            return ()

    def endorsements(self) -> Endorsements:
        """Return everything that is there, whatever its age: verifiers judge dates."""
        return endorsements_of(self._folder.read_all().values())

    def get(self, wanted: Wanted, *, renew: bool = False) -> tuple[BundleDocument, ...]:
        """Return the documents that are wanted; `renew` asks for them even if they are fresh.

        Raises `EvidenceError` if they cannot be had: `endorsement-unavailable`, `no-endorsement`,
        `collateral-rollback`, or what is wrong with the answer. With no fetcher: what there is.
        """
        found = self._find(wanted)
        if self._fetcher is None or (found and not renew and self._all_fresh(found)):
            return found
        with self._fetching:
            # Another thread may have fetched it in the meantime.
            found = self._find(wanted)
            if found and not renew and self._all_fresh(found):
                return found
            try:
                return self._fetch(wanted, self._fetcher)
            except EvidenceError as failure:
                if renew or not found or not all(map(self._usable_while_error, found)):
                    raise
                _log.warning("%s: going on with what was stored: %s", wanted.names, failure)
                return found

    def add(self, documents: Iterable[BundleDocument]) -> tuple[Filing, ...]:
        """File documents from elsewhere, all of them or none; return where each one went.

        Raises `EvidenceError`: `collateral-rollback` if one is older than what was seen before,
        or what is wrong with one that cannot be read.
        """
        given = tuple(documents)
        registrar = self._registrar(given)
        filings = tuple(registrar.file(one.kind, one.data) for one in given)
        self._keep(list(zip(filings, given, strict=True)), registrar)
        return filings

    def list(self) -> list[Stored]:
        """Return every document, by name."""
        documents = self._folder.read_all()
        registrar = self._registrar(tuple(documents.values()), reread=False)
        found = []
        for name, document in documents.items():
            filing = replace(_filed_again(registrar, document), name=name)
            found.append(Stored(name, filing, document, self.state(document)))
        return found

    def export(self) -> Bundle:
        """Return everything as one bundle. Raises `EvidenceError` if it is too much for one."""
        documents = {one.digest: one for one in self._folder.read_all().values()}
        return Bundle.of(documents.values())

    def state(self, document: BundleDocument) -> State:
        """Return whether a document is used as it is, at this moment."""
        now = self._clock()
        if document.expires is not None and now >= document.expires:
            return State.EXPIRED
        return State.FRESH if now < self._fresh_until(document) else State.STALE

    def _fresh_until(self, document: BundleDocument) -> datetime:
        """Return when a document has to be asked for again."""
        now = self._clock()
        # Without an end of its own a manifest is good for as long as it is there.
        end = document.expires or now + timedelta(days=1)
        if document.kind not in _AGEING:
            return end
        # A note from the future is no reason to wait longer.
        fetched = min(document.fetched or now, now)
        return min(end, fetched + self._policy.max_age)

    def _all_fresh(self, documents: Sequence[BundleDocument]) -> bool:
        return all(self.state(one) is State.FRESH for one in documents)

    def _usable_while_error(self, document: BundleDocument) -> bool:
        return self._clock() < self._fresh_until(document) + self._policy.stale_while_error

    def _find(self, wanted: Wanted) -> tuple[BundleDocument, ...]:
        """Return a whole set of what is wanted, a fresh one if there is, or nothing."""
        sets = []
        for prefix in ("", SIMULATED) if self._anchors.simulated else ("",):
            documents = tuple(self._folder.read(prefix + name) for name in wanted.names)
            complete = tuple(one for one in documents if one is not None)
            if len(complete) == len(documents):
                sets.append(complete)
        return max(sets, key=self._all_fresh, default=())

    def _fetch(self, wanted: Wanted, fetcher: VendorFetcher) -> tuple[BundleDocument, ...]:
        if isinstance(wanted, SnpRevocations | SnpChipKey):
            # What they are verified with.
            signing_key = wanted.signing_key if isinstance(wanted, SnpRevocations) else "vcek"
            self.get(SnpCertificates(wanted.product, signing_key))
        answers = fetcher.fetch(wanted)
        now = self._clock().replace(microsecond=0)
        documents = [BundleDocument(one.kind, one.data, one.source, now) for one in answers]
        registrar = self._registrar(documents)
        filed: list[tuple[Filing, BundleDocument]] = []
        for answer, document in zip(answers, documents, strict=True):
            filing = registrar.file(document.kind, document.data)
            filing = replace(filing, name=answer.name) if answer.name else filing
            self._require_wanted(filing, wanted, named=bool(answer.name))
            filed.append((filing, replace(document, expires=filing.expires)))
        if {filing.name.removeprefix(SIMULATED) for filing, _ in filed} != set(wanted.names):
            raise EvidenceError(Refusal.MALFORMED, f"answer lacks a part of {wanted.names}")
        self._keep(filed, registrar)
        return tuple(document for _, document in filed)

    def _require_wanted(self, filing: Filing, wanted: Wanted, *, named: bool) -> None:
        if not filing.verified and not named:
            raise EvidenceError(
                Refusal.UNTRUSTED_CHAIN, f"{filing.what} is not signed as its vendor's are"
            )
        if filing.name.removeprefix(SIMULATED) not in wanted.names:
            raise EvidenceError(
                Refusal.MALFORMED, f"service sent {filing.name}, asked for {wanted.names}"
            )
        if filing.expires is not None and self._clock() >= filing.expires:
            raise EvidenceError(
                Refusal.COLLATERAL_EXPIRED, f"{filing.what} ended {filing.expires.isoformat()}"
            )

    def _registrar(self, documents: Sequence[BundleDocument], *, reread: bool = True) -> Registrar:
        stored = tuple(self._folder.read_all().values()) if reread else ()
        return Registrar.of(self._anchors, (*stored, *documents))

    def _keep(self, filed: Sequence[tuple[Filing, BundleDocument]], registrar: Registrar) -> None:
        """Write documents and marks, after none was found to be older than what was seen."""
        now = self._clock().replace(microsecond=0)
        with self._folder.locked():
            marks = self._folder.marks()
            for filing, document in filed:
                self._raise_marks(marks, filing, document, registrar)
            self._folder.write(
                {
                    filing.name: replace(
                        document, expires=filing.expires, fetched=document.fetched or now
                    )
                    for filing, document in filed
                },
                marks,
            )

    def _raise_marks(
        self, marks: dict[str, int], filing: Filing, document: BundleDocument, registrar: Registrar
    ) -> None:
        before = self._folder.read(filing.name)
        if before is not None and before.digest != document.digest:
            # Also if the marks were lost, nothing older takes a document's place.
            for name, number in _filed_again(registrar, before).marks:
                marks[name] = max(number, marks.get(name, number))
        for name, number in filing.marks:
            if number < marks.get(name, number):
                raise EvidenceError(
                    Refusal.COLLATERAL_ROLLBACK,
                    f"{filing.what}: {name} is {number}, seen before: {marks[name]}",
                )
            marks[name] = number


def _filed_again(registrar: Registrar, document: BundleDocument) -> Filing:
    """Return what a stored document is now; one by a root that is not trusted here is of no use."""
    try:
        return registrar.file(document.kind, document.data)
    except EvidenceError as error:
        _log.warning("a stored %s is of no use here: %s", document.kind, error)
        what = f"{document.kind.replace('-', ' ')} of no use: {error.code}"
        return Filing("", what, verified=False, expires=document.expires)


def endorsements_of(documents: Iterable[BundleDocument]) -> Endorsements:
    """Return what a verifier takes, each document once. Raises `EvidenceError` if too many."""
    listed = {(one.kind, one.digest): one.data for one in documents}
    return Endorsements.parse(
        [data for (kind, _), data in listed.items() if kind == CERTIFICATE],
        [data for (kind, _), data in listed.items() if kind == CRL],
        [
            GivenDocument.of(DocumentKind(kind), data)
            for (kind, _), data in listed.items()
            if kind not in {CERTIFICATE, CRL}
        ],
    )
