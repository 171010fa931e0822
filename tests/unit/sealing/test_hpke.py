from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import hpke, limits
from sealing.errors import SealError, SealRefusal
from sealing.hpke import OpeningKey, SealingKey

KEYS = {suite: OpeningKey.generate(suite) for suite in hpke.SUITES}
suites = pytest.mark.parametrize("suite", hpke.SUITES)


def refusal_of(call, *args, **kwargs) -> SealRefusal:
    with pytest.raises(SealError) as caught:
        call(*args, **kwargs)
    return caught.value.code


@suites
def test_open_what_was_sealed(suite: str) -> None:
    key = KEYS[suite]
    sealed = key.public.seal(b"content key", info=b"context")
    assert key.open(sealed, info=b"context") == b"content key"
    assert sealed != key.public.seal(b"content key", info=b"context")


@suites
def test_keys_round_trip(suite: str) -> None:
    key = KEYS[suite]
    again = OpeningKey.from_bytes(suite, key.to_bytes())
    assert again == key
    assert SealingKey.from_bytes(suite, key.public.raw) == key.public
    assert again.open(key.public.seal(b"x", info=b""), info=b"") == b"x"
    assert key.suite == suite


def test_hybrid_is_the_default() -> None:
    assert OpeningKey.generate().suite == hpke.HYBRID


@suites
def test_other_context_key_or_bits_do_not_open(suite: str) -> None:
    key = KEYS[suite]
    sealed = key.public.seal(b"content key", info=b"context")
    refused = SealRefusal.ENVELOPE_NOT_OPENED
    assert refusal_of(key.open, sealed, info=b"contexT") == refused
    assert refusal_of(OpeningKey.generate(suite).open, sealed, info=b"context") == refused
    assert refusal_of(key.open, sealed + b"\0", info=b"context") == refused
    assert refusal_of(key.open, sealed[:-1], info=b"context") == refused
    assert refusal_of(key.open, b"", info=b"context") == refused
    too_long = bytes(limits.HPKE_MESSAGE_BYTES + 1)
    assert refusal_of(key.open, too_long, info=b"context") == refused
    for bit in range(0, len(sealed) * 8, 97):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        assert refusal_of(key.open, bytes(flipped), info=b"context") == refused


@given(st.binary(max_size=1500))
def test_any_bytes_are_refused(data: bytes) -> None:
    for key in KEYS.values():
        assert refusal_of(key.open, data, info=b"") == SealRefusal.ENVELOPE_NOT_OPENED


@suites
def test_key_lengths_are_exact(suite: str) -> None:
    key = KEYS[suite]
    for change in (lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda _: b""):
        private = change(key.to_bytes())
        assert refusal_of(OpeningKey.from_bytes, suite, private) == SealRefusal.KEY_INVALID
        public = change(key.public.raw)
        assert refusal_of(SealingKey.from_bytes, suite, public) == SealRefusal.KEY_INVALID


def test_unusable_keys() -> None:
    dead = SealingKey.from_bytes(hpke.X25519, bytes(32))
    assert refusal_of(dead.seal, b"x", info=b"") == SealRefusal.KEY_INVALID
    out_of_range = b"\xff" * 1216
    assert refusal_of(SealingKey.from_bytes, hpke.HYBRID, out_of_range) == SealRefusal.KEY_INVALID


@suites
@pytest.mark.parametrize("number", [2**255 - 19, 2**255 - 19 + 9, 2**255 + 9, 2**256 - 1])
def test_x25519_keys_have_one_form(suite: str, number: int) -> None:
    """What libraries read as the same point would be two keys by their ids."""
    raw = KEYS[suite].public.raw[:-32] + number.to_bytes(32, "little")
    assert refusal_of(SealingKey.from_bytes, suite, raw) == SealRefusal.KEY_INVALID
    largest = KEYS[suite].public.raw[:-32] + (2**255 - 20).to_bytes(32, "little")
    assert SealingKey.from_bytes(suite, largest).raw == largest


def test_unknown_suite() -> None:
    for call in (
        lambda: OpeningKey.generate("rot13"),
        lambda: OpeningKey.from_bytes("rot13", b""),
        lambda: SealingKey.from_bytes("rot13", b""),
    ):
        assert refusal_of(call) == SealRefusal.SUITE_UNKNOWN


def test_key_id_covers_the_suite() -> None:
    ids = {key.public.key_id for key in KEYS.values()}
    assert len(ids) == 2
    assert all(len(key_id) == 64 for key_id in ids)


@suites
def test_repr_is_public(suite: str) -> None:
    assert repr(KEYS[suite]) == f"OpeningKey(public=SealingKey(suite='{suite}'))"
