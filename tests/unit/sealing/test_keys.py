from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from sealing import limits
from sealing.errors import SealError, SealRefusal
from sealing.keys import SigningKey, VerifyingKey

KINDS = ("p256", "ed25519")
KEYS = {kind: SigningKey.generate(kind) for kind in KINDS}


def refusal_of(call, *args, **kwargs) -> SealRefusal:
    with pytest.raises(SealError) as caught:
        call(*args, **kwargs)
    return caught.value.code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_private_key_files_round_trip(kind: str, passphrase: bytes | None) -> None:
    key = KEYS[kind]
    again = SigningKey.from_pem(key.to_pem(passphrase), passphrase)
    assert again == key
    assert again.kind == kind
    again.public.verify(key.sign(b"data"), b"data")


@pytest.mark.parametrize("kind", KINDS)
def test_public_key_forms_round_trip(kind: str) -> None:
    public = KEYS[kind].public
    assert VerifyingKey.from_pem(public.to_pem()) == public
    assert VerifyingKey.from_spki(public.spki) == public
    assert KEYS[kind].key_id == public.key_id


def test_raw_ed25519_has_the_same_id() -> None:
    public = KEYS["ed25519"].public
    assert VerifyingKey.from_raw_ed25519(public.spki[-32:]).key_id == public.key_id
    assert refusal_of(VerifyingKey.from_raw_ed25519, b"short") == SealRefusal.KEY_INVALID


def test_passphrases() -> None:
    key = KEYS["p256"]
    locked = key.to_pem(b"right")
    for pem, passphrase in (
        (locked, None),
        (locked, b"wrong"),
        (key.to_pem(), b"x"),
        (locked, b""),
    ):
        assert refusal_of(SigningKey.from_pem, pem, passphrase) == SealRefusal.KEY_PASSPHRASE
    for passphrase in (b"", b"x" * (limits.PASSPHRASE_BYTES + 1)):
        assert refusal_of(key.to_pem, passphrase) == SealRefusal.KEY_PASSPHRASE
    longest = b"x" * limits.PASSPHRASE_BYTES
    assert SigningKey.from_pem(key.to_pem(longest), longest) == key


def test_foreign_keys_are_refused() -> None:
    for foreign in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        pem = foreign.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = foreign.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        assert refusal_of(SigningKey.from_pem, pem) == SealRefusal.KEY_INVALID
        assert refusal_of(VerifyingKey.from_spki, public) == SealRefusal.KEY_INVALID
    assert refusal_of(SigningKey.generate, "p384") == SealRefusal.KEY_INVALID


def test_compressed_points_are_refused() -> None:
    point = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    compressed = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    compressed += point.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    assert refusal_of(VerifyingKey.from_spki, compressed) == SealRefusal.NOT_CANONICAL


PRIME = 2**255 - 19
ORDER_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
ORDER_8_TOO = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"


@pytest.mark.parametrize(
    "point", [bytes(32), *(y.to_bytes(32, "little") for y in (1, PRIME - 1, PRIME, PRIME + 3))]
)
@pytest.mark.parametrize("sign", [0, 0x80])
def test_ed25519_keys_that_name_nobody_are_refused(point: bytes, sign: int) -> None:
    raw = point[:-1] + bytes([point[-1] | sign])
    assert refusal_of(VerifyingKey.from_raw_ed25519, raw) == SealRefusal.KEY_INVALID


@pytest.mark.parametrize("point", [ORDER_8, ORDER_8_TOO])
def test_ed25519_keys_of_order_eight_are_refused(point: str) -> None:
    spki = KEYS["ed25519"].public.spki[:-32] + bytes.fromhex(point)
    assert refusal_of(VerifyingKey.from_spki, spki) == SealRefusal.KEY_INVALID


def test_files_that_hold_the_other_half() -> None:
    key = KEYS["p256"]
    assert refusal_of(SigningKey.from_pem, key.public.to_pem()) == SealRefusal.KEY_INVALID
    assert refusal_of(VerifyingKey.from_pem, key.to_pem()) == SealRefusal.KEY_INVALID
    for load in (SigningKey.from_pem, VerifyingKey.from_pem, VerifyingKey.from_spki):
        code = refusal_of(load, b"x" * (limits.PEM_BYTES + 1))
        assert code == SealRefusal.TOO_LARGE


@given(st.binary(max_size=80))
def test_any_bytes_are_a_key_or_our_error(data: bytes) -> None:
    for load in (SigningKey.from_pem, VerifyingKey.from_pem, VerifyingKey.from_spki):
        assert refusal_of(load, data) in {SealRefusal.KEY_INVALID, SealRefusal.KEY_PASSPHRASE}


@pytest.mark.parametrize("kind", KINDS)
def test_every_flipped_bit_of_a_signature_is_refused(kind: str) -> None:
    key = KEYS[kind]
    signature = key.sign(b"data")
    for bit in range(len(signature) * 8):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        code = refusal_of(key.public.verify, bytes(flipped), b"data")
        assert code == SealRefusal.SIGNATURE_INVALID
    assert refusal_of(key.public.verify, signature, b"other") == SealRefusal.SIGNATURE_INVALID
    assert refusal_of(key.public.verify, b"", b"data") == SealRefusal.SIGNATURE_INVALID


def other_encodings(signature: bytes) -> list[bytes]:
    """The same two numbers: long length, a needless zero, and bytes after the end."""
    first = signature[4 : 4 + signature[3]]
    padded = b"\x02" + bytes([len(first) + 1]) + b"\0" + first + signature[4 + len(first) :]
    return [
        b"\x30\x81" + signature[1:],
        b"\x30" + bytes([len(padded)]) + padded,
        signature + b"\0",
    ]


def test_ecdsa_signatures_have_one_encoding() -> None:
    key = KEYS["p256"]
    signature = key.sign(b"data")
    for other in other_encodings(signature):
        assert refusal_of(key.public.verify, other, b"data") == SealRefusal.SIGNATURE_INVALID


@pytest.mark.parametrize("kind", KINDS)
def test_signing_is_deterministic_and_repr_is_public(kind: str) -> None:
    key = KEYS[kind]
    assert key.sign(b"data") == key.sign(b"data")
    assert repr(key) == f"SigningKey(public=VerifyingKey(kind='{kind}', key_id='{key.key_id}'))"
