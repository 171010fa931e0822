"""Certificates with one field that no honest vendor would write, rightly signed all the same."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.simulated import der_writer as w
from attestation.x509 import der
from attestation.x509.certificate import Certificate, parse_certificate
from tests.vectors.snp_cases import FIELDS, extensions_of

ECDSA_SHA256 = w.sequence(w.oid("1.2.840.10045.4.3.2"))
ECDSA_SHA384 = w.sequence(w.oid("1.2.840.10045.4.3.3"))
CA_USAGE = w.tlv(der.BIT_STRING, b"\x01\x06")
LEAF_USAGE = w.tlv(der.BIT_STRING, b"\x07\x80")
IS_CA = w.sequence(w.tlv(der.BOOLEAN, b"\xff"))
NO_CA = w.sequence()


def rebuilt(data: bytes, key: ec.EllipticCurvePrivateKey, **fields: bytes) -> bytes:
    """Return the certificate with other fields, signed by `key` as `algorithm` says."""
    certificate = parse_certificate(data)
    reader = der.DerReader(certificate.tbs, what="tbs").reader(der.SEQUENCE)
    items = {name: reader.take_raw(reader.peek() or 0)[0] for name in FIELDS}
    return signed(w.sequence(*(items | fields).values()), key, fields.get("algorithm"))


def signed(tbs: bytes, key: ec.EllipticCurvePrivateKey, algorithm: bytes | None = None) -> bytes:
    """Return what a CA's key makes of the part that gets signed."""
    digest = hashes.SHA384() if algorithm == ECDSA_SHA384 else hashes.SHA256()
    signature = key.sign(tbs, ec.ECDSA(digest, deterministic_signing=True))
    return w.sequence(tbs, algorithm or ECDSA_SHA256, w.bits(signature))


def with_extensions(data: bytes, key: ec.EllipticCurvePrivateKey, **changes: bytes | None) -> bytes:
    """Return the certificate with extensions replaced, added or removed (None), as `x2_5_29_15`."""
    return rebuilt(data, key, extensions=extensions_of(parse_certificate(data), **changes))


def subject_named(common_name: str, certificate: Certificate) -> bytes:
    """Return the subject of a certificate with another common name of the same length or not."""
    reader = der.DerReader(certificate.subject, what="name").reader(der.SEQUENCE)
    parts = []
    while not reader.at_end:
        parts.append(reader.take_raw(der.SET)[0])
    kind = w.oid("2.5.4.3")
    named = w.tlv(der.SET, w.sequence(kind, w.tlv(der.UTF8_STRING, common_name.encode())))
    return w.sequence(*(named if kind in part else part for part in parts))
