"""TPM structures: what is read, what is refused, and that writing gives the same bytes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from attestation import cbor
from attestation.errors import EvidenceError, Refusal
from attestation.simulated.authority import derive_key
from attestation.tpm import constants as c
from attestation.tpm.attest import Quote, encode_quote, parse_quote
from attestation.tpm.pcr import (
    PcrSelection,
    digest_of,
    encode_pcrs,
    extend,
    parse_pcrs,
    require_selected,
)
from attestation.tpm.public import (
    encode_public,
    name_of,
    parse_public,
    require_attestation_key,
)
from attestation.tpm.signature import (
    TpmSignature,
    encode_signature,
    parse_signature,
    verify_signature,
)

AK_ATTRIBUTES = 0x50072
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEYS = {
    256: derive_key(b"x" * 32, "ak"),
    384: derive_key(b"x" * 32, "ak", ec.SECP384R1()),
    521: derive_key(b"x" * 32, "ak", ec.SECP521R1()),
}
QUOTE = Quote(
    qualified_signer=b"\x00\x0b" + bytes(32),
    extra_data=b"nonce",
    clock=7,
    reset_count=2,
    restart_count=1,
    clock_safe=True,
    firmware_version=0x2020031200120003,
    selections=(PcrSelection(c.ALG_SHA256, (0, 7, 23)), PcrSelection(c.ALG_SHA384, ())),
    pcr_digest=bytes(32),
)


def refusal(run) -> Refusal:
    with pytest.raises(EvidenceError) as caught:
        run()
    return caught.value.code


def test_quote_round_trip() -> None:
    data = encode_quote(QUOTE)
    assert parse_quote(data) == QUOTE
    assert data[:6].hex() == "ff5443478018"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data: data[:-1], "malformed"),
        (lambda data: data + b"\0", "trailing-data"),
        (lambda data: b"\xfe" + data[1:], "malformed"),
        (lambda data: data[:5] + b"\x17" + data[6:], "malformed"),
        (lambda data: data + bytes(1024), "malformed"),
        (lambda data: b"", "malformed"),
    ],
)
def test_quote_refusals(change, code) -> None:
    assert refusal(lambda: parse_quote(change(encode_quote(QUOTE)))) == code


@pytest.mark.parametrize(
    "selections",
    [
        "00000000",
        "00000001000b03000000",
        "00000001000b02ffff",
        "00000001000b0400000001",
        "00000002000b03010000000b03010000",
        "00000009" + "000b03010000" * 9,
    ],
    ids=["none", "empty", "short", "pcr-24", "twice", "many"],
)
def test_selections_that_cannot_be_meant(selections: str) -> None:
    data = encode_quote(QUOTE)
    listed = bytes.fromhex("00000002000b03810080000c03000000")
    assert listed in data
    changed = data.replace(listed, bytes.fromhex(selections))
    assert refusal(lambda: parse_quote(changed)) == "malformed"


def test_clock_flag_is_a_boolean() -> None:
    data = bytearray(encode_quote(QUOTE))
    data[6 + 36 + 7 + 16] = 2
    assert refusal(lambda: parse_quote(bytes(data))) == "malformed"


def test_selection_of_four_bytes() -> None:
    data = encode_quote(QUOTE).replace(
        bytes.fromhex("000b03810080"), bytes.fromhex("000b0481008000")
    )
    assert parse_quote(data) == QUOTE


def values() -> dict[str, dict[int, bytes]]:
    return {"sha256": {0: b"a" * 32, 7: b"b" * 32, 23: b"c" * 32}}


def test_digest_is_over_banks_as_selected() -> None:
    selections = (PcrSelection(c.ALG_SHA384, (3,)), *QUOTE.selections[:1])
    both = values() | {"sha384": {3: b"d" * 48}}
    require_selected(selections, both)
    joined = b"d" * 48 + b"a" * 32 + b"b" * 32 + b"c" * 32
    assert digest_of(selections, both, c.ALG_SHA256) == hashlib.sha256(joined).digest()
    assert digest_of(selections, both, c.ALG_SHA384) == hashlib.sha384(joined).digest()


def test_values_must_be_those_selected() -> None:
    require_selected(QUOTE.selections, values())
    more = {"sha256": values()["sha256"] | {1: bytes(32)}}
    fewer = {"sha256": {0: bytes(32)}}
    other = values() | {"sha384": {0: bytes(48)}}
    for given in (more, fewer, other):
        code = refusal(lambda given=given: require_selected(QUOTE.selections, given))
        assert code == "pcr-digest-mismatch"
    for algorithm in (c.ALG_SHA1, c.ALG_SHA384):
        selection = (PcrSelection(algorithm, (0,)),)
        code = refusal(lambda selection=selection: require_selected(selection, values()))
        assert code == "alg-mismatch"
    with_sha1 = (*QUOTE.selections, PcrSelection(c.ALG_SHA1, (0,)))
    assert refusal(lambda: require_selected(with_sha1, values())) == "alg-mismatch"


def test_pcr_values_round_trip() -> None:
    data = encode_pcrs(values() | {"sha384": {1: bytes(48)}})
    assert encode_pcrs(parse_pcrs(data)) == data


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"sha1": {0: bytes(20)}},
        {"sha256": {}},
        {"sha256": []},
        {"sha256": {24: bytes(32)}},
        {"sha256": {"0": bytes(32)}},
        {"sha256": {0: bytes(31)}},
        {"sha256": {0: "00"}},
        {0: {0: bytes(32)}},
    ],
    ids=str,
)
def test_pcr_values_refusals(document) -> None:
    assert refusal(lambda: parse_pcrs(cbor.encode(document))) == "malformed"


def test_pcr_values_have_one_spelling() -> None:
    swapped = b"\xa1\x66sha256\xa2\x01\x58\x20" + bytes(32) + b"\x00\x58\x20" + bytes(32)
    assert refusal(lambda: parse_pcrs(swapped)) == "malformed"
    assert refusal(lambda: parse_pcrs(encode_pcrs(values()) + b"\0")) == "trailing-data"


def test_extend() -> None:
    assert extend(bytes(32), b"\1" * 32) == hashlib.sha256(bytes(32) + b"\1" * 32).digest()


def area(key=None, **changes) -> bytes:
    key = key or EC_KEYS[256].public_key()
    given = {"attributes": AK_ATTRIBUTES, "scheme": c.ALG_ECDSA} | changes
    return encode_public(key, **given)


@pytest.mark.parametrize(
    ("key", "scheme"),
    [
        (RSA_KEY.public_key(), c.ALG_RSASSA),
        (RSA_KEY.public_key(), c.ALG_RSAPSS),
        (EC_KEYS[256].public_key(), c.ALG_ECDSA),
        (EC_KEYS[384].public_key(), c.ALG_ECDSA),
        (EC_KEYS[521].public_key(), c.ALG_ECDSA),
    ],
)
def test_public_round_trip(key, scheme) -> None:
    data = area(key, scheme=scheme)
    public = parse_public(data)
    assert public.key.public_numbers() == key.public_numbers()
    assert public.name == b"\x00\x0b" + hashlib.sha256(data).digest()
    require_attestation_key(public)


def test_name_of_other_areas() -> None:
    sealed = bytes.fromhex("0008000c00000052")
    assert name_of(sealed) == b"\x00\x0c" + hashlib.sha384(sealed).digest()
    assert refusal(lambda: name_of(b"\x00\x01\x00")) == "alg-mismatch"
    assert refusal(lambda: name_of(bytes.fromhex("00010004"))) == "alg-mismatch"


@pytest.mark.parametrize(
    "attributes", [0x10072, 0x40072, 0x50070, 0x50062, 0x50052, 0x70072, 0x30072]
)
def test_keys_that_sign_anything_or_leave_are_refused(attributes: int) -> None:
    public = parse_public(area(attributes=attributes))
    assert refusal(lambda: require_attestation_key(public)) == "signing-key-not-allowed"


def test_restricted_key_needs_a_scheme_and_no_cipher() -> None:
    without = parse_public(area(scheme=c.ALG_NULL))
    assert refusal(lambda: require_attestation_key(without)) == "signing-key-not-allowed"
    data = area()
    ciphered = parse_public(data[:10] + bytes.fromhex("000600800043") + data[12:])
    assert refusal(lambda: require_attestation_key(ciphered)) == "signing-key-not-allowed"


def test_policy_is_kept() -> None:
    assert parse_public(area(auth_policy=b"p" * 32)).auth_policy == b"p" * 32


P256 = area()
RSA_AREA = area(RSA_KEY.public_key(), scheme=c.ALG_RSASSA)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (P256[:-1], "malformed"),
        (P256 + b"\0", "trailing-data"),
        (b"\x00\x08" + P256[2:], "alg-mismatch"),
        (P256[:2] + b"\x00\x04" + P256[4:], "alg-mismatch"),
        (P256[:4] + b"\x80" + P256[5:], "malformed"),
        (P256[:8] + b"\x00\x01p" + P256[10:], "malformed"),
        (P256[:12] + b"\x00\x1a" + P256[14:], "alg-mismatch"),
        (P256[:16] + b"\x00\x10" + P256[18:], "alg-mismatch"),
        (P256[:18] + b"\x00\x20" + P256[20:], "alg-mismatch"),
        (P256[:-1] + bytes([P256[-1] ^ 1]), "malformed"),
        (RSA_AREA[:16] + b"\x04\x00" + RSA_AREA[18:], "alg-mismatch"),
        (RSA_AREA[:16] + b"\x0c\x00" + RSA_AREA[18:], "malformed"),
        (RSA_AREA[:18] + b"\x00\x00\x00\x02" + RSA_AREA[22:], "malformed"),
        (RSA_AREA[:24] + b"\x00" + RSA_AREA[25:], "malformed"),
        (b"", "malformed"),
    ],
)
def test_public_refusals(data: bytes, code: str) -> None:
    assert refusal(lambda: parse_public(data)) == code


SIGNED = b"what was signed"


def ecdsa(bits: int, algorithm: int) -> TpmSignature:
    scheme = ec.ECDSA(c.HASHES[algorithm], deterministic_signing=True)
    size = (bits + 7) // 8
    pair = decode_dss_signature(EC_KEYS[bits].sign(SIGNED, scheme))
    return TpmSignature(c.ALG_ECDSA, algorithm, tuple(n.to_bytes(size, "big") for n in pair))


@pytest.mark.parametrize(
    ("bits", "algorithm"), [(256, c.ALG_SHA256), (384, c.ALG_SHA384), (521, c.ALG_SHA512)]
)
def test_elliptic_signatures(bits: int, algorithm: int) -> None:
    key, signature = EC_KEYS[bits].public_key(), ecdsa(bits, algorithm)
    parsed = parse_signature(encode_signature(signature), key)
    assert parsed == signature
    verify_signature(parsed, key, SIGNED)
    assert refusal(lambda: verify_signature(parsed, key, b"other")) == "signature-invalid"
    nothing = replace(parsed, values=(b"", b""))
    assert refusal(lambda: verify_signature(nothing, key, SIGNED)) == "signature-invalid"


def test_rsa_signatures_bare_and_wrapped() -> None:
    key = RSA_KEY.public_key()
    bare = RSA_KEY.sign(SIGNED, padding.PKCS1v15(), hashes.SHA256())
    longest = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    pss = RSA_KEY.sign(SIGNED, longest, hashes.SHA256())
    for data in (
        bare,
        encode_signature(TpmSignature(c.ALG_RSASSA, c.ALG_SHA256, (bare,))),
        encode_signature(TpmSignature(c.ALG_RSAPSS, c.ALG_SHA256, (pss,))),
    ):
        verify_signature(parse_signature(data, key), key, SIGNED)
    short = TpmSignature(c.ALG_RSASSA, c.ALG_SHA256, (bare[1:],))
    assert refusal(lambda: verify_signature(short, key, SIGNED)) == "signature-invalid"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("0014000b0001ff", "alg-mismatch"),
        ("0019000b0001ff", "alg-mismatch"),
        ("001800040001ff0001ff", "alg-mismatch"),
        ("0018000b0001ff0001", "malformed"),
        ("0018000b0001ff0001ff00", "trailing-data"),
        ("0018000b0100", "malformed"),
    ],
)
def test_signature_refusals(data: str, code: str) -> None:
    key = EC_KEYS[256].public_key()
    assert refusal(lambda: parse_signature(bytes.fromhex(data), key)) == code


def test_elliptic_scheme_does_not_fit_an_rsa_key() -> None:
    data = encode_signature(ecdsa(256, c.ALG_SHA256))
    assert refusal(lambda: parse_signature(data, RSA_KEY.public_key())) == "alg-mismatch"
