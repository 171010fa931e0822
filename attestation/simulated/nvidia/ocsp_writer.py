"""Writes OCSP responses as an issuer's responder does."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.simulated.der_writer import integer, octets, oid, sequence, tlv
from attestation.x509 import der
from attestation.x509.certificate import Certificate
from attestation.x509.ocsp import key_bits

_SHA384: Final = "2.16.840.1.101.3.4.2.2"
_ECDSA_SHA384: Final = "1.2.840.10045.4.3.3"
_BASIC: Final = "1.3.6.1.5.5.7.48.1.1"
_SCHEME: Final = ec.ECDSA(hashes.SHA384(), deterministic_signing=True)

GOOD: Final = "good"
UNKNOWN: Final = "unknown"
# Reason codes of RFC 5280 section 5.3.1.
KEY_COMPROMISE: Final = 1
CERTIFICATE_HOLD: Final = 6


@dataclass(frozen=True, slots=True)
class Statement:
    """What to say of one certificate: `GOOD`, `UNKNOWN`, or the reason why it is revoked."""

    certificate: Certificate
    issuer: Certificate
    status: str | int
    this_update: datetime
    next_update: datetime | None


@dataclass(frozen=True, slots=True)
class Responder:
    """Who signs: the issuer itself, or somebody it certified (then with the certificate)."""

    certificate: Certificate
    key: ec.EllipticCurvePrivateKey
    delegated: bool = True


def build_ocsp(statements: Sequence[Statement], responder: Responder) -> bytes:
    """Return a successful response (DER) that says all of it."""
    produced = max(one.this_update for one in statements)
    answers = [encode_answer(one) for one in statements]
    return wrap(sign_basic(encode_data(responder.certificate, produced, answers), responder))


def encode_data(
    responder: Certificate, produced: datetime, answers: Sequence[bytes], *, version: bytes = b""
) -> bytes:
    """Return ResponseData; the responder is named by the hash of its key."""
    key_hash = hashlib.sha1(key_bits(responder), usedforsecurity=False).digest()
    return sequence(
        version, tlv(der.context(2), octets(key_hash)), encode_time(produced), sequence(*answers)
    )


def sign_basic(data: bytes, responder: Responder) -> bytes:
    """Return the basic response around ResponseData."""
    signature = responder.key.sign(data, _SCHEME)
    parts = [data, sequence(oid(_ECDSA_SHA384)), tlv(der.BIT_STRING, b"\0" + signature)]
    if responder.delegated:
        parts.append(tlv(der.context(0), sequence(responder.certificate.der)))
    return sequence(*parts)


def wrap(basic: bytes, *, status: int = 0) -> bytes:
    """Return the response around a basic response; an error has none."""
    head = tlv(der.ENUMERATED, bytes([status]))
    if status:
        return sequence(head)
    return sequence(head, tlv(der.context(0), sequence(oid(_BASIC), octets(basic))))


def encode_answer(statement: Statement, *, hash_name: str = _SHA384) -> bytes:
    """Return a SingleResponse; `hash_name` is the number that it claims to hash with."""
    issuer = statement.issuer
    identity = sequence(
        sequence(oid(hash_name), tlv(der.NULL, b"")),
        octets(hashlib.sha384(issuer.subject).digest()),
        octets(hashlib.sha384(key_bits(issuer)).digest()),
        integer(statement.certificate.serial),
    )
    parts = [identity, _status(statement), encode_time(statement.this_update)]
    if statement.next_update is not None:
        parts.append(tlv(der.context(0), encode_time(statement.next_update)))
    return sequence(*parts)


def _status(statement: Statement) -> bytes:
    if statement.status in {GOOD, UNKNOWN}:
        number = 0 if statement.status == GOOD else 2
        return tlv(der.context(number, constructed=False), b"")
    reason = tlv(der.ENUMERATED, bytes([int(statement.status)]))
    return tlv(der.context(1), encode_time(statement.this_update) + tlv(der.context(0), reason))


def encode_time(moment: datetime) -> bytes:
    """Return a GeneralizedTime."""
    # OCSP has GeneralizedTime only, whatever the year.
    return tlv(der.GENERALIZED_TIME, f"{moment:%Y%m%d%H%M%S}Z".encode("ascii"))
