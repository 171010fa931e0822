"""The strict reader of certificates and lists, where the vectors do not reach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.limits import (
    MAX_CERTIFICATE_BYTES,
    MAX_CRL_BYTES,
    MAX_ENDORSED_CERTIFICATES,
    MAX_EXTENSIONS,
    MAX_REVOKED,
)
from attestation.simulated import der_writer as w
from attestation.simulated.snp.certificates import Issuer, Validity, build_crl
from attestation.x509 import der
from attestation.x509.certificate import common_name, parse_certificate, path_length
from attestation.x509.crl import parse_crl
from attestation.x509.der import DerReader, oid, single, unsigned
from attestation.x509.pem import encode_pem, parse_pem
from attestation.x509.signatures import PSS_SHA384, load_p384, load_rsa_4096, verify_pss_sha384
from tests.fakes.silicon import NOW, private_key, signer_of
from tests.vectors.snp_cases import MILAN, extension_list, rebuilt, vek_of

DAY = timedelta(days=1)
PERIOD = Validity(NOW - DAY, NOW + DAY)
VEK = vek_of(MILAN)
ISSUER = Issuer(VEK.issuer, signer_of("ark"))


def code_of(call, *args, **kwargs) -> Refusal:
    with pytest.raises(EvidenceError) as caught:
        call(*args, **kwargs)
    return caught.value.code


def reader(data: bytes) -> DerReader:
    return DerReader(data, what="test")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"0",
        b"0\x80",
        b"0\x81",
        b"0\x81\x7f" + bytes(127),
        b"0\x82\x00\x80",
        b"0\x01",
        b"0\x85\x00\x00\x00\x00\x01\x00",
        b"1\x00",
        b"0\x82\x01",
    ],
)
def test_values_have_one_encoding(data: bytes) -> None:
    assert code_of(single, data, der.SEQUENCE, what="test") is Refusal.MALFORMED


@pytest.mark.parametrize("size", [0, 127, 128, 255, 256, 65535, 65536])
def test_lengths_round_trip(size: int) -> None:
    assert reader(w.octets(bytes(size))).take(der.OCTET_STRING) == bytes(size)


@pytest.mark.parametrize("content", [b"", b"\x80", b"\xff", b"\x00\x7f", b"\x00\x00"])
def test_integers_are_shortest_and_not_negative(content: bytes) -> None:
    assert code_of(unsigned, content, what="test") is Refusal.MALFORMED


@pytest.mark.parametrize("value", [0, 1, 127, 128, 255, 256, 1 << 64])
def test_integers_round_trip(value: int) -> None:
    assert reader(w.integer(value)).take_unsigned() == value


@pytest.mark.parametrize("content", [b"", b"\x80\x01", b"\x2a\x86", b"\x2a\x80\x01"])
def test_object_identifiers_are_shortest(content: bytes) -> None:
    assert code_of(oid, content) is Refusal.MALFORMED


@pytest.mark.parametrize("dotted", ["0.9", "1.3.6.1.4.1.3704.1.3.8", "2.5.29.15", "2.999.1"])
def test_object_identifiers_round_trip(dotted: str) -> None:
    assert reader(w.oid(dotted)).take_oid() == dotted


@pytest.mark.parametrize(
    "text", [b"2611221200Z", b"261122120000", b"261322120000Z", b"2611221200 0Z", b"260230000000Z"]
)
def test_times_have_one_form(text: bytes) -> None:
    assert code_of(reader(w.tlv(der.UTC_TIME, text)).take_time) is Refusal.MALFORMED


@pytest.mark.parametrize("year", [1950, 1999, 2000, 2049, 2050, 9999])
def test_times_round_trip(year: int) -> None:
    moment = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert reader(w.time(moment)).take_time() == moment


def test_booleans_and_bits() -> None:
    assert code_of(reader(b"\x01\x01\x00").take_boolean_true) is Refusal.MALFORMED
    assert code_of(reader(b"\x03\x02\x01\x00").take_bits) is Refusal.MALFORMED
    assert code_of(reader(b"\x05\x00").finish) is Refusal.MALFORMED


@pytest.mark.parametrize(
    ("attributes", "expected"), [([], ""), ([("2.5.4.10", "O")], ""), ([("2.5.4.3", "É")], "É")]
)
def test_common_names(attributes: list, expected: str) -> None:
    assert common_name(w.name(attributes)) == expected


@pytest.mark.parametrize(
    "name",
    [
        w.name([("2.5.4.3", "a"), ("2.5.4.3", "b")]),
        w.sequence(w.tlv(der.SET, w.sequence(w.oid("2.5.4.3"), w.tlv(der.UTF8_STRING, b"\xff")))),
        w.sequence(w.tlv(der.SET, w.sequence(w.oid("2.5.4.3"), w.tlv(der.OCTET_STRING, b"a")))),
        w.sequence(w.tlv(der.SET, w.sequence(w.oid("2.5.4.3")))),
    ],
)
def test_ambiguous_names_are_refused(name: bytes) -> None:
    assert code_of(common_name, name) is Refusal.MALFORMED


def test_serial_numbers_are_bounded() -> None:
    # 20 octets take 21 in DER when the first bit is set: AWS's issuers have such numbers.
    longest = w.integer((1 << 160) - 1)
    assert parse_certificate(rebuilt(VEK, "ask", serial=longest)).serial == (1 << 160) - 1
    assert code_of(parse_certificate, rebuilt(VEK, "ask", serial=w.integer(1 << 160)))


@pytest.mark.parametrize(
    "extensions",
    [
        extension_list(w.extension("1.2.3", b""), w.extension("1.2.3", b"")),
        extension_list(*(w.extension(f"1.2.{i}", b"") for i in range(MAX_EXTENSIONS + 1))),
        extension_list(w.sequence(w.oid("1.2.3"), w.octets(b""), w.octets(b""))),
        extension_list(w.sequence(w.oid("1.2.3"), w.tlv(der.BOOLEAN, b"\0"), w.octets(b""))),
        w.tlv(der.context(1), b""),
    ],
)
def test_bad_extensions_are_refused(extensions: bytes) -> None:
    assert code_of(parse_certificate, rebuilt(VEK, "ask", extensions=extensions))


def test_certificates_are_bounded_and_may_have_no_extensions() -> None:
    assert code_of(parse_certificate, bytes(MAX_CERTIFICATE_BYTES + 1)) is Refusal.MALFORMED
    bare = parse_certificate(rebuilt(VEK, "ask", extensions=b""))
    assert not bare.extensions
    assert path_length(bare) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n",
        encode_pem("X509 CRL", b"x"),
        encode_pem("CERTIFICATE", b"x") + b"explanatory text",
        encode_pem("CERTIFICATE", b"x") * 3,
        b"-----BEGIN CERTIFICATE-----\nAB==\n-----END CERTIFICATE-----\n",
    ],
)
def test_pem_is_strict(data: bytes) -> None:
    assert code_of(parse_pem, data, label="CERTIFICATE", limit=2) is Refusal.MALFORMED


def test_pem_round_trip() -> None:
    data = bytes(range(100))
    text = encode_pem("CERTIFICATE", data)
    assert (
        parse_pem(text.replace(b"\n", b"\r\n") + text, label="CERTIFICATE", limit=2) == [data] * 2
    )


def test_lists_are_read() -> None:
    held = parse_crl(build_crl(ISSUER, validity=PERIOD, revoked=[1, 2], on_hold=True))
    assert dict(held.revoked) == {1: True, 2: True}
    assert parse_crl(build_crl(ISSUER, validity=PERIOD)).revoked == {}
    twice = build_crl(ISSUER, validity=PERIOD, revoked=[1, 1])
    assert parse_crl(twice).revoked == {1: False}


def crl_of(*fields: bytes, algorithm: bytes = PSS_SHA384) -> bytes:
    return w.sequence(w.sequence(*fields), algorithm, w.bits(b"signature"))


HEAD = (w.integer(1), PSS_SHA384, VEK.issuer, w.time(NOW))
DATED = (*HEAD, w.time(NOW + DAY))


def entry(*extensions: bytes) -> bytes:
    return w.sequence(w.sequence(w.integer(1), w.time(NOW), w.sequence(*extensions)))


def reason(code: int, *, critical: bool = False, tail: bytes = b"") -> bytes:
    return w.extension("2.5.29.21", w.tlv(der.ENUMERATED, bytes([code])) + tail, critical=critical)


@pytest.mark.parametrize(
    "data",
    [
        bytes(MAX_CRL_BYTES + 1),
        crl_of(w.integer(0), *DATED[1:]),
        crl_of(*DATED, algorithm=w.sequence()),
        crl_of(*HEAD),
        crl_of(*DATED, entry(reason(8))),
        crl_of(*DATED, entry(reason(1, critical=True))),
        crl_of(*DATED, entry(reason(6, tail=b"\0"))),
        crl_of(
            *DATED, w.tlv(der.context(0), w.sequence(w.extension("2.5.29.27", b"", critical=True)))
        ),
        crl_of(*DATED, w.tlv(der.context(0), w.sequence() + b"\0")),
        crl_of(*DATED, w.tlv(der.context(0), w.sequence()), b"\0"),
        crl_of(
            *DATED,
            w.sequence(*[w.sequence(w.integer(i), w.time(NOW)) for i in range(MAX_REVOKED + 1)]),
        ),
    ],
    ids=lambda data: str(len(data)),
)
def test_partial_or_damaged_lists_are_refused(data: bytes) -> None:
    assert code_of(parse_crl, data) is Refusal.MALFORMED


def test_other_entry_extensions_pass() -> None:
    parsed = parse_crl(crl_of(*DATED, entry(w.extension("2.5.29.24", b""))))
    assert parsed.revoked == {1: False}


def test_keys_of_other_kinds_are_refused() -> None:
    assert code_of(load_p384, signer_of("ark").spki) is Refusal.ALG_MISMATCH
    assert code_of(load_rsa_4096, VEK.spki) is Refusal.ALG_MISMATCH
    assert code_of(load_p384, b"\x30\x00") is Refusal.MALFORMED
    numbers = private_key("ark").public_key().public_numbers()
    modulus, exponent = w.integer(numbers.n), w.integer(3)
    spki = w.sequence(
        w.sequence(w.oid("1.2.840.113549.1.1.1"), w.tlv(der.NULL, b"")),
        w.bits(w.sequence(modulus, exponent)),
    )
    assert code_of(load_rsa_4096, spki) is Refusal.ALG_MISMATCH


def test_signature_over_other_bytes_is_refused() -> None:
    key = signer_of("ark")
    signature = key.sign(b"data")
    verify_pss_sha384(PSS_SHA384, signature, b"data", key.spki, refusal=Refusal.SIGNATURE_INVALID)
    with pytest.raises(EvidenceError) as caught:
        verify_pss_sha384(PSS_SHA384, signature, b"Data", key.spki, refusal=Refusal.BINDING)
    assert caught.value.code is Refusal.BINDING


def test_endorsements_are_bounded_and_named_by_content() -> None:
    one = Endorsements.parse([VEK.der], [build_crl(ISSUER, validity=PERIOD)])
    assert (len(one.certificates), len(one.crls)) == (1, 1)
    assert one.digest != Endorsements.none().digest
    assert one.with_certificates([VEK]).digest != one.digest
    assert one.with_certificates([]).digest == one.digest
    assert (
        code_of(Endorsements.parse, [VEK.der] * (MAX_ENDORSED_CERTIFICATES + 1))
        is Refusal.MALFORMED
    )
    assert code_of(Endorsements.parse, [b"?"]) is Refusal.MALFORMED
