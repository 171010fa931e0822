"""OCSP responses (RFC 6960 section 4.2): structure only, no signature, no trust."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_OCSP_ANSWERS, MAX_OCSP_BYTES
from attestation.x509 import der
from attestation.x509.certificate import Certificate, parse_certificate
from attestation.x509.der import DerReader, malformed

_SUCCESSFUL: Final = b"\0"
_BASIC: Final = "1.3.6.1.5.5.7.48.1.1"
_HASHES: Final = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
# CertStatus: good is an implicit NULL, revoked a sequence, unknown an implicit NULL.
_GOOD: Final = der.context(0, constructed=False)
_REVOKED: Final = der.context(1)
_UNKNOWN: Final = der.context(2, constructed=False)
_CERTIFICATE_HOLD: Final = b"\x06"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a response says of one certificate; `refusal` is None where it is good."""

    hash_name: str
    issuer_name_hash: bytes = field(repr=False)
    issuer_key_hash: bytes = field(repr=False)
    serial: int
    refusal: Refusal | None
    this_update: datetime
    next_update: datetime

    def is_for(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Return whether the answer is about this certificate of this issuer."""
        return (
            self.serial == certificate.serial
            and self.issuer_name_hash == hash_of(self.hash_name, issuer.subject)
            and self.issuer_key_hash == hash_of(self.hash_name, key_bits(issuer))
        )


@dataclass(frozen=True, slots=True)
class OcspResponse:
    """One parsed response. Nothing in it has been checked against anything."""

    answers: tuple[Answer, ...]
    responder: tuple[int, bytes] = field(repr=False)
    tbs: bytes = field(repr=False)
    signature_algorithm: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    certificates: tuple[Certificate, ...] = field(repr=False)


def parse_ocsp(data: bytes) -> OcspResponse:
    """Return the basic response in `data` (DER).

    Not checked: signature, dates, whom it is about. Raises `EvidenceError`: `malformed`,
    `trailing-data`, or `no-endorsement` for a response that is an error message.
    """
    if len(data) > MAX_OCSP_BYTES:
        raise malformed(f"OCSP response is {len(data)} bytes, limit {MAX_OCSP_BYTES}")
    outer = der.single(data, der.SEQUENCE, what="OCSP response")
    status = outer.take(der.ENUMERATED)
    if status != _SUCCESSFUL:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, f"OCSP responder answered {status.hex()}")
    wrapper = outer.reader(der.context(0))
    outer.finish()
    typed = wrapper.reader(der.SEQUENCE)
    wrapper.finish()
    if typed.take_oid() != _BASIC:
        raise malformed("OCSP response is not a basic one")
    content = typed.take(der.OCTET_STRING)
    typed.finish()
    return _basic(content)


def _basic(content: bytes) -> OcspResponse:
    fields = der.single(content, der.SEQUENCE, what="OCSP response")
    tbs, inside = fields.take_raw(der.SEQUENCE)
    algorithm, _ = fields.take_raw(der.SEQUENCE)
    signature = fields.take_bits()
    certificates: list[Certificate] = []
    if not fields.at_end:
        wrapper = fields.reader(der.context(0))
        listed = wrapper.reader(der.SEQUENCE)
        wrapper.finish()
        while not listed.at_end:
            certificates.append(parse_certificate(listed.take_raw(der.SEQUENCE)[0]))
    fields.finish()
    responder, answers = _response_data(DerReader(inside, what="OCSP response"))
    return OcspResponse(answers, responder, tbs, algorithm, signature, tuple(certificates))


def _response_data(data: DerReader) -> tuple[tuple[int, bytes], tuple[Answer, ...]]:
    # Version 1 is the default, so it is not there.
    kind = data.peek() or 0
    if kind not in {der.context(1), der.context(2)}:
        raise malformed("OCSP response is not version 1 or names no responder")
    responder = (kind, data.take(kind))
    data.take_time()
    listed = data.reader(der.SEQUENCE)
    answers: list[Answer] = []
    while not listed.at_end:
        if len(answers) == MAX_OCSP_ANSWERS:
            raise malformed(f"OCSP response has more than {MAX_OCSP_ANSWERS} answers")
        answers.append(_answer(listed.reader(der.SEQUENCE)))
    if not data.at_end:
        data.take(der.context(1))
    data.finish()
    return responder, tuple(answers)


def _answer(item: DerReader) -> Answer:
    identity = item.reader(der.SEQUENCE)
    algorithm = identity.reader(der.SEQUENCE)
    name = _HASHES.get(algorithm.take_oid())
    if not algorithm.at_end and algorithm.take(der.NULL):
        raise malformed("OCSP response: NULL with content")
    algorithm.finish()
    if name is None:
        raise malformed("OCSP response: unknown hash of a certificate's issuer")
    name_hash, key_hash = identity.take(der.OCTET_STRING), identity.take(der.OCTET_STRING)
    serial = identity.take_unsigned()
    identity.finish()
    refusal = _status(item)
    this_update = item.take_time()
    if item.peek() != der.context(0):
        raise malformed("OCSP response does not say when the next one comes")
    wrapper = item.reader(der.context(0))
    next_update = wrapper.take_time()
    wrapper.finish()
    if not item.at_end:
        item.take(der.context(1))
    item.finish()
    return Answer(name, name_hash, key_hash, serial, refusal, this_update, next_update)


def _status(item: DerReader) -> Refusal | None:
    tag = item.peek()
    if tag in {_GOOD, _UNKNOWN}:
        if item.take(tag):
            raise malformed("OCSP response: status with content")
        return None if tag == _GOOD else Refusal.NO_ENDORSEMENT
    revoked = item.reader(_REVOKED)
    revoked.take_time()
    reason = b""
    if not revoked.at_end:
        wrapper = revoked.reader(der.context(0))
        reason = wrapper.take(der.ENUMERATED)
        wrapper.finish()
    revoked.finish()
    return Refusal.CERT_ON_HOLD if reason == _CERTIFICATE_HOLD else Refusal.CERT_REVOKED


def key_bits(certificate: Certificate) -> bytes:
    """Return the content of the public key's BIT STRING: what identifiers of keys hash."""
    spki = der.single(certificate.spki, der.SEQUENCE, what="public key")
    spki.take(der.SEQUENCE)
    return spki.take_bits()


def hash_of(name: str, data: bytes) -> bytes:
    """Return the digest by which a response names an issuer or a responder."""
    # SHA-1 only says which certificate is meant; a signature covers the answer.
    return hashlib.new(name, data, usedforsecurity=False).digest()
