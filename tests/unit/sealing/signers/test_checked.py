"""Signatures from elsewhere: one form, verified before anybody gets them."""

from __future__ import annotations

import contextlib

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st

from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey
from sealing.signers.checked import CheckedSigner, der_of_raw
from sealing.signers.extras import need
from sealing.signers.pkcs11 import _asking_token
from sealing.signers.token_key import public_of_token
from tests.unit.sealing.makers import OWNER, OWNER_ED25519, STRANGER

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_PARAMS = bytes.fromhex("06082a8648ce3d030107")
EDWARDS_PARAMS = b"\x13\x0cedwards25519"
POINT, RAW = OWNER.public.spki[-65:], OWNER_ED25519.public.spki[-32:]


def refusal(call, *args, **kwargs) -> SealRefusal:
    with pytest.raises(SealError) as caught:
        call(*args, **kwargs)
    return caught.value.code


@given(st.integers(1, ORDER - 1), st.integers(1, ORDER - 1))
@example(1, 1)
@example(0x80, 0x7F)
@example(1 << 255, ORDER - 1)
def test_raw_signatures_become_der_and_stay_the_same_numbers(r: int, s: int) -> None:
    der = der_of_raw(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    assert decode_dss_signature(der) == (r, s)


@given(st.binary(max_size=80))
def test_any_other_bytes_are_refused(raw: bytes) -> None:
    if len(raw) != 64:
        assert refusal(der_of_raw, raw) is SealRefusal.SIGNATURE_INVALID


@pytest.mark.parametrize("half", [0, ORDER, 2**256 - 1])
@pytest.mark.parametrize("first", [True, False])
def test_numbers_out_of_range(half: int, first: bool) -> None:
    halves = [half, 1] if first else [1, half]
    raw = b"".join(number.to_bytes(32, "big") for number in halves)
    assert refusal(der_of_raw, raw) is SealRefusal.SIGNATURE_INVALID


@pytest.mark.parametrize("key", [OWNER, OWNER_ED25519])
def test_what_holds_is_returned(key) -> None:
    signer = CheckedSigner(key.public, "the token", key.sign)
    assert signer.sign(b"data") == key.sign(b"data")
    assert (signer.kind, signer.key_id) == (key.kind, key.key_id)


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, STRANGER.sign(b"data"), OWNER.sign(b"dat")])
def test_what_does_not_hold_is_not(signature: bytes) -> None:
    signer = CheckedSigner(OWNER.public, "the token", lambda _: signature)
    with pytest.raises(SealError) as caught:
        signer.sign(b"data")
    assert caught.value.code is SealRefusal.SIGNATURE_INVALID
    assert "the token" in caught.value.detail


@pytest.mark.parametrize(
    ("params", "point", "key"),
    [
        (P256_PARAMS, b"\x04\x41" + POINT, OWNER.public),
        (P256_PARAMS, POINT, OWNER.public),
        (EDWARDS_PARAMS, b"\x04\x20" + RAW, OWNER_ED25519.public),
        (bytes.fromhex("06032b6570"), RAW, OWNER_ED25519.public),
    ],
)
def test_public_keys_as_tokens_tell_them(params: bytes, point: bytes, key: VerifyingKey) -> None:
    assert public_of_token(params, point) == key


@pytest.mark.parametrize(
    ("params", "point"),
    [
        (b"", POINT),
        (P256_PARAMS + b"\0", POINT),
        (P256_PARAMS, RAW),
        (P256_PARAMS, b""),
        (P256_PARAMS, POINT[:-1]),
        (P256_PARAMS, b"\x04\x40" + POINT),
        (P256_PARAMS, b"\x04" + bytes(64)),
        (EDWARDS_PARAMS, POINT),
        (EDWARDS_PARAMS, bytes(32)),
    ],
)
def test_public_keys_that_are_none(params: bytes, point: bytes) -> None:
    assert refusal(public_of_token, params, point) is SealRefusal.KEY_INVALID


@given(st.sampled_from([P256_PARAMS, EDWARDS_PARAMS]), st.binary(max_size=70))
def test_any_point_is_a_key_or_refused(params: bytes, point: bytes) -> None:
    with contextlib.suppress(SealError):
        assert public_of_token(params, point).spki.endswith(point[-32:])


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (pkcs11.PinIncorrect, SealRefusal.KEY_PASSPHRASE),
        (pkcs11.PinLocked, SealRefusal.KEY_PASSPHRASE),
        (pkcs11.UserPinNotInitialized, SealRefusal.KEY_PASSPHRASE),
        (pkcs11.DeviceRemoved, SealRefusal.KEY_UNAVAILABLE),
        (pkcs11.TokenNotPresent, SealRefusal.KEY_UNAVAILABLE),
        (pkcs11.FunctionFailed, SealRefusal.KEY_UNAVAILABLE),
    ],
)
def test_what_a_token_says_is_named_and_not_repeated(said, code: SealRefusal) -> None:
    with pytest.raises(SealError) as caught, _asking_token(pkcs11):
        raise said("1234")
    assert caught.value.code is code
    assert "1234" not in str(caught.value)


def test_a_missing_library_names_the_command_that_installs_it() -> None:
    with pytest.raises(SealError) as caught:
        need("none_of_that_name", extra="pkcs11", what="a key on a token")
    assert caught.value.code is SealRefusal.EXTRA_MISSING
    assert "pip install 'sealwasm[pkcs11]'" in caught.value.detail
