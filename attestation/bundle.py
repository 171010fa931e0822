"""One file with many endorsements: how a site with a network hands them to one without.

The format is docs/specs/endorsements.md. A bundle is transport: each document in it is signed by
its vendor and counts for what a verifier makes of it. Who put the bundle together is said by a
signature around it, which is not looked at here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from attestation.encoding import b64decode, b64encode, canonical_json, parse_json
from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_BUNDLE_BYTES, MAX_BUNDLE_DOCUMENTS, MAX_DOCUMENT_BYTES
from attestation.x509.pem import looks_like_pem

FORMAT: Final = "sealwasm/endorsements/v1"
# The payload type of the DSSE envelope around a signed bundle.
BUNDLE_TYPE: Final = "application/vnd.sealwasm.endorsements.v1+json"

CERTIFICATE: Final = "certificate"
CRL: Final = "crl"
KINDS: Final = frozenset({CERTIFICATE, CRL, *(kind.value for kind in DocumentKind)})

_DOCUMENT_MEMBERS: Final = frozenset({"data", "expires", "fetched", "kind", "source"})
# Neither quotes nor commas: what JSON would escape, and what would hide in a count of values.
_SOURCE: Final = re.compile(r"[ !#-+\--\[\]-~]{1,512}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True, slots=True)
class BundleDocument:
    """One document: what it is, its exact bytes, and what its collector noted about it.

    `source`, `fetched` and `expires` are notes for people and stores; no verifier reads them.
    """

    kind: str
    data: bytes = field(repr=False)
    source: str
    fetched: datetime | None = None
    expires: datetime | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise _malformed("a document is of an unknown kind")
        if not 1 <= len(self.data) <= MAX_DOCUMENT_BYTES:
            raise _malformed(f"a document has {len(self.data)} bytes, limit {MAX_DOCUMENT_BYTES}")
        if self.kind in {CERTIFICATE, CRL} and looks_like_pem(self.data):
            raise _malformed(f"a {self.kind} is PEM, expected DER")
        if not _SOURCE.fullmatch(self.source):
            raise _malformed("a source is empty, too long or has characters that are not allowed")
        for moment in (self.fetched, self.expires):
            if moment is not None and (moment.tzinfo is None or moment.microsecond):
                raise _malformed("a time has no zone or a fraction of a second")

    @property
    def digest(self) -> str:
        """Lower-case hex SHA-256 of the bytes: what the document is called."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Bundle:
    """Documents in the order of the format. Build with `of` or `parse_bundle`."""

    documents: tuple[BundleDocument, ...]

    @classmethod
    def of(cls, documents: Iterable[BundleDocument]) -> Bundle:
        """Return the bundle of these documents, in whatever order they come.

        Raises `EvidenceError` `malformed` if one is there twice or there are too many.
        """
        ordered = tuple(sorted(documents, key=_rank))
        if len(ordered) > MAX_BUNDLE_DOCUMENTS:
            raise _malformed(f"more than {MAX_BUNDLE_DOCUMENTS} documents")
        if len({_rank(one) for one in ordered}) != len(ordered):
            raise _malformed("a document is there twice")
        return cls(ordered)

    def to_bytes(self) -> bytes:
        """Return the one byte form of the bundle, which `parse_bundle` reads.

        Raises `EvidenceError` if it would be longer than a reader takes.
        """
        data = canonical_json(
            {"documents": [_wire(one) for one in self.documents], "format": FORMAT}
        )
        if len(data) > MAX_BUNDLE_BYTES:
            raise _malformed(f"{len(data)} bytes, limit {MAX_BUNDLE_BYTES}")
        return data

    def to_endorsements(self) -> Endorsements:
        """Return what a verifier takes. Every certificate and revocation list is read.

        Not checked: signatures, dates, trust. Raises `EvidenceError` for what cannot be read.
        """
        of_kind: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
        for one in self.documents:
            of_kind[one.kind].append(one.data)
        documents = [
            GivenDocument.of(kind, data) for kind in DocumentKind for data in of_kind[kind.value]
        ]
        return Endorsements.parse(of_kind[CERTIFICATE], of_kind[CRL], documents)


def parse_bundle(data: bytes) -> Bundle:
    """Return the bundle that `data` is, byte for byte.

    Not checked: who made it; what is inside the documents (`to_endorsements` reads that). Raises
    `EvidenceError` `malformed`.
    """
    # (1) Bounded before anything is built: seven commas are more than a document has.
    if data.count(b",") > 7 * MAX_BUNDLE_DOCUMENTS:
        raise _malformed("holds more values than a bundle can")
    value = parse_json(data, limit_bytes=MAX_BUNDLE_BYTES, what="endorsement bundle")

    # (2) Exactly the members of the format.
    if not isinstance(value, dict) or value.keys() != {"documents", "format"}:
        raise _malformed("not an object of documents and format")
    if value["format"] != FORMAT or not isinstance(value["documents"], list):
        raise _malformed(f"format is not {FORMAT}, or documents is no list")

    # (3) The documents, each once and in order; one set has one byte form.
    bundle = Bundle.of(_document(item) for item in value["documents"])
    if bundle.to_bytes() != data:
        raise _malformed("not in the one byte form of a bundle")
    return bundle


def format_time(moment: datetime) -> str:
    """Return a time as the format writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: Any, *, what: str) -> datetime:
    """Return the time that `format_time` wrote, or raise `EvidenceError`."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise _malformed(f"{what} is not a time in UTC to the second")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise _malformed(f"{what} is no time") from error


def _rank(document: BundleDocument) -> tuple[str, str]:
    return document.kind, document.digest


def _wire(document: BundleDocument) -> dict[str, str | None]:
    return {
        "data": b64encode(document.data),
        "expires": _time_or_null(document.expires),
        "fetched": _time_or_null(document.fetched),
        "kind": document.kind,
        "source": document.source,
    }


def _time_or_null(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def _document(item: Any) -> BundleDocument:
    if not isinstance(item, dict) or item.keys() != _DOCUMENT_MEMBERS:
        raise _malformed("a document has other members than the format")
    kind, data, source = item["kind"], item["data"], item["source"]
    if not (isinstance(kind, str) and isinstance(data, str) and isinstance(source, str)):
        raise _malformed("kind, data or source of a document is no text")
    return BundleDocument(
        kind,
        b64decode(data, what="a document"),
        source,
        fetched=_moment(item["fetched"], "fetched"),
        expires=_moment(item["expires"], "expires"),
    )


def _moment(value: Any, what: str) -> datetime | None:
    return None if value is None else parse_time(value, what=what)


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"endorsement bundle: {detail}")
