"""OCSP responses in forms that the simulated responder does not write."""

from __future__ import annotations

import hashlib

import pytest

from attestation.endorsements import DocumentKind, GivenDocument
from attestation.errors import EvidenceError, Refusal
from attestation.ocsp import check_ocsp
from attestation.simulated.der_writer import integer, octets, oid, sequence, tlv
from attestation.simulated.nvidia import ocsp_writer as writer
from attestation.simulated.nvidia.models import MODELS
from attestation.simulated.nvidia.vendor import Vendor
from attestation.x509 import der
from attestation.x509.certificate import parse_certificate
from attestation.x509.ocsp import key_bits, parse_ocsp
from attestation.x509.signatures import ECDSA_SHA384
from tests.fakes.silicon import NOW

VENDOR = Vendor(hashlib.sha384(b"ocsp").digest(), NOW, MODELS["hopper"])
ISSUER = VENDOR.provisioner[0]
ISSUER_CERTIFICATE = parse_certificate(ISSUER.certificate)
DEVICE = parse_certificate(VENDOR.device_authority(0).certificate)
RESPONDER = VENDOR.responder(ISSUER)
TIME = tlv(der.GENERALIZED_TIME, b"20261122000000Z")
GOOD = tlv(der.context(0, constructed=False), b"")
NEXT = tlv(der.context(0), tlv(der.GENERALIZED_TIME, b"20261123000000Z"))
SHA256 = sequence(oid("2.16.840.1.101.3.4.2.1"))


def identity(algorithm: bytes = SHA256) -> bytes:
    return sequence(
        algorithm,
        octets(hashlib.sha256(ISSUER_CERTIFICATE.subject).digest()),
        octets(hashlib.sha256(key_bits(ISSUER_CERTIFICATE)).digest()),
        integer(DEVICE.serial),
    )


def answer(status: bytes = GOOD, *more: bytes, algorithm: bytes = SHA256) -> bytes:
    return sequence(identity(algorithm), status, TIME, NEXT, *more)


def response(single: bytes, *, by_name: bool = False, extensions: bytes = b"") -> bytes:
    responder = RESPONDER.certificate
    if by_name:
        named = tlv(der.context(1), responder.subject)
    else:
        key_hash = hashlib.sha1(key_bits(responder), usedforsecurity=False).digest()
        named = tlv(der.context(2), octets(key_hash))
    data = sequence(named, TIME, sequence(single), extensions)
    return writer.wrap(writer.sign_basic(data, RESPONDER))


def check(data: bytes) -> frozenset[bytes]:
    return check_ocsp(
        (DEVICE, ISSUER_CERTIFICATE),
        [GivenDocument.of(DocumentKind.OCSP, data)],
        algorithms=(ECDSA_SHA384,),
        now=NOW,
    )


def refusal(data: bytes) -> Refusal:
    with pytest.raises(EvidenceError) as caught:
        check(data)
    return caught.value.code


@pytest.mark.parametrize(
    "data",
    [
        response(answer()),
        response(answer(), by_name=True),
        response(answer(GOOD, tlv(der.context(1), sequence()))),
        response(answer(), extensions=tlv(der.context(1), sequence())),
        response(answer(algorithm=sequence(oid("2.16.840.1.101.3.4.2.1"), tlv(der.NULL, b"")))),
    ],
    ids=["hash", "name", "extension", "extension-of-all", "null"],
)
def test_forms_that_are_right(data: bytes) -> None:
    assert check(data) == {DEVICE.fingerprint}


def test_a_revocation_without_a_reason_is_one() -> None:
    revoked = tlv(der.context(1), TIME)
    assert refusal(response(answer(revoked))) is Refusal.CERT_REVOKED


@pytest.mark.parametrize(
    "data",
    [
        response(answer(tlv(der.context(0, constructed=False), b"\0"))),
        response(answer(tlv(der.context(3, constructed=False), b""))),
        response(answer(algorithm=sequence(oid("2.16.840.1.101.3.4.2.1"), tlv(der.NULL, b"\0")))),
        response(answer(GOOD, b"\5\0")),
        response(answer()).replace(oid("1.3.6.1.5.5.7.48.1.1"), oid("1.3.6.1.5.5.7.48.1.2"), 1),
        writer.wrap(b""),
    ],
    ids=["status", "unknown-status", "null", "rest", "type", "nothing"],
)
def test_forms_that_are_wrong(data: bytes) -> None:
    with pytest.raises(EvidenceError) as caught:
        parse_ocsp(data)
    assert caught.value.code is Refusal.MALFORMED


def test_nothing_given_and_nothing_required_says_nothing() -> None:
    path = (DEVICE, ISSUER_CERTIFICATE)
    assert check_ocsp(path, [], algorithms=(ECDSA_SHA384,), now=NOW) == frozenset()
