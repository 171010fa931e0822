"""Certificates, revocation lists, PEM, CBOR, JSON: what all kinds of evidence are made of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from attestation.cbor import decode
from attestation.encoding import parse_json
from attestation.endorsements import Endorsements
from attestation.keys import load_keys
from attestation.x509.certificate import parse_certificate
from attestation.x509.crl import parse_crl
from attestation.x509.pem import encode_pem
from tests.fuzz.target import Target

VECTORS = Path(__file__).parents[2] / "vectors"
CBOR = (
    b"\x9f",
    b"\xbf",
    b"\xa2\x01\x02\x03\x82\x41\x00\x61a",
    b"\xd2\x84\x43\xa1\x01\x26\xa0\x40\x40",
    b"\xfb" * 9,
)


def _files(pattern: str) -> list[bytes]:
    found = sorted((VECTORS / "snp").glob(pattern))
    return [path.read_bytes() for path in found[:: max(1, len(found) // 12)]]


def _certificates() -> list[bytes]:
    return _files("*/*vek*.der") or _files("*/*.der")


def _pem() -> Iterable[bytes]:
    return [encode_pem("CERTIFICATE", one) for one in _certificates()]


TARGETS = [
    Target("certificate", parse_certificate, _certificates),
    Target("crl", parse_crl, lambda: _files("*/*crl*.der")),
    Target("endorsements", lambda data: Endorsements.parse([data]), _pem),
    Target("cbor", lambda data: decode(data, what="cbor", indefinite=True), lambda: CBOR),
    Target(
        "json",
        lambda data: parse_json(data, limit_bytes=1 << 20, what="json"),
        lambda: [b'{"a":[1,2,{"b":null}]}', b'"\\ud800"', b"1e999"],
    ),
    Target(
        "keys",
        load_keys,
        lambda: [b'{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}', b'{"keys":[{"kty":"RSA"}]}'],
    ),
]
