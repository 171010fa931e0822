"""What vendors publish and the caller supplies: material, never trust.

What is trusted is pinned in `attestation.trust`; these only help to get there. They come from the
vendor's distribution service, a file or the evidence itself; it does not matter which.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files

from attestation.limits import (
    MAX_CERTIFICATES,
    MAX_CRLS,
    MAX_DOCUMENT_BYTES,
    MAX_DOCUMENTS,
    MAX_ENDORSED_CERTIFICATES,
    MAX_ENDORSED_CRLS,
)
from attestation.x509.certificate import Certificate, parse_certificate
from attestation.x509.crl import RevocationList, parse_crl
from attestation.x509.der import malformed
from attestation.x509.pem import der_blobs


class DocumentKind(StrEnum):
    """What a document other than a certificate or a revocation list is."""

    # TCB info, QE identity, chains and lists as one JSON object (Intel QuoteCollateralV3).
    INTEL_COLLATERAL = "intel-collateral"
    # One OCSP response (RFC 6960), DER.
    OCSP = "ocsp"
    # One signed reference integrity manifest of NVIDIA, XML.
    NVIDIA_RIM = "nvidia-rim"


@dataclass(frozen=True, slots=True)
class GivenCrl:
    """A list as given, with the digest its verified form is remembered by."""

    digest: bytes
    parsed: RevocationList

    @classmethod
    def of(cls, data: bytes) -> GivenCrl:
        """Return the list in `data` (DER); raise `EvidenceError` for what is none."""
        return cls(hashlib.sha256(data).digest(), parse_crl(data))


@dataclass(frozen=True, slots=True)
class GivenDocument:
    """A document as given, with the digest its verified form is remembered by."""

    kind: DocumentKind
    data: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, kind: DocumentKind, data: bytes) -> GivenDocument:
        """Return the document; raise `EvidenceError` if it is too long. Nothing is read."""
        if len(data) > MAX_DOCUMENT_BYTES:
            raise malformed(f"{kind} is {len(data)} bytes, limit {MAX_DOCUMENT_BYTES}")
        return cls(kind, data, hashlib.sha256(data).digest())


@dataclass(frozen=True, slots=True)
class Endorsements:
    """Parsed once, used for many verifications. `digest` names the set of certificates."""

    certificates: tuple[Certificate, ...]
    crls: tuple[GivenCrl, ...]
    digest: bytes = field(repr=False)
    documents: tuple[GivenDocument, ...] = ()

    @classmethod
    def none(cls) -> Endorsements:
        """Return the empty set: everything has to come with the evidence."""
        return cls.parse([])

    @classmethod
    def vendor(cls) -> Endorsements:
        """Return the CA certificates that vendors publish and this package carries.

        AMD's ASK, ASVK and ARK of every product. Read from the package at first use.
        """
        return _vendor_endorsements()

    @classmethod
    def parse(
        cls,
        certificates: Iterable[bytes],
        crls: Iterable[bytes] = (),
        documents: Iterable[GivenDocument] = (),
    ) -> Endorsements:
        """Return the set of all certificates and lists in the given blobs, each DER or PEM.

        Not checked: signatures, dates, trust. Raises `EvidenceError` for anything unreadable.
        """
        ders = [
            one for blob in certificates for one in _blobs(blob, "CERTIFICATE", MAX_CERTIFICATES)
        ]
        lists = [one for blob in crls for one in _blobs(blob, "X509 CRL", MAX_CRLS)]
        given = tuple(documents)
        _check_counts(len(ders), len(lists), len(given))
        parsed = tuple(parse_certificate(one) for one in ders)
        return cls(
            certificates=parsed,
            crls=tuple(GivenCrl.of(one) for one in lists),
            digest=hashlib.sha256(b"".join(one.fingerprint for one in parsed)).digest(),
            documents=given,
        )

    def of_kind(self, kind: DocumentKind) -> tuple[GivenDocument, ...]:
        """Return the documents of one kind, in the order in which they were given."""
        return tuple(one for one in self.documents if one.kind is kind)

    def joined(self, other: Endorsements) -> Endorsements:
        """Return the set of both; raise `EvidenceError` if that is more than a set may hold."""
        certificates = (*self.certificates, *other.certificates)
        crls, documents = (*self.crls, *other.crls), (*self.documents, *other.documents)
        _check_counts(len(certificates), len(crls), len(documents))
        digest = hashlib.sha256(b"".join(one.fingerprint for one in certificates)).digest()
        return Endorsements(certificates, crls, digest, documents)

    def with_certificates(self, more: Iterable[Certificate]) -> Endorsements:
        """Return the set with certificates that came with evidence added at the end."""
        every = (*self.certificates, *more)
        digest = hashlib.sha256(b"".join(one.fingerprint for one in every)).digest()
        return Endorsements(every, self.crls, digest, self.documents)


def _check_counts(certificates: int, crls: int, documents: int) -> None:
    if certificates > MAX_ENDORSED_CERTIFICATES or crls > MAX_ENDORSED_CRLS:
        raise malformed(
            f"more than {MAX_ENDORSED_CERTIFICATES} certificates or {MAX_ENDORSED_CRLS} lists"
        )
    if documents > MAX_DOCUMENTS:
        raise malformed(f"more than {MAX_DOCUMENTS} documents")


def _blobs(data: bytes, label: str, limit: int) -> list[bytes]:
    return der_blobs(data, label=label, limit=limit)


@cache
def _vendor_endorsements() -> Endorsements:
    return Endorsements.parse([files("attestation.vendor").joinpath("amd.pem").read_bytes()])
