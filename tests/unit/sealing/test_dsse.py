from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal
from sealing.keys import SigningKey
from sealing.signatures import dsse

TYPE = "application/vnd.example+json"
ONE, TWO, STRANGER = (SigningKey.generate(kind) for kind in ("p256", "ed25519", "ed25519"))
BOTH = [ONE.public, TWO.public]
SIGNED = dsse.sign(TYPE, b"payload", [ONE, TWO])


def refusal_of(envelope: bytes, **changes) -> SealRefusal:
    arguments = {"payload_type": TYPE, "keys": BOTH} | changes
    with pytest.raises(SealError) as caught:
        dsse.verify(envelope, **arguments)
    return caught.value.code


def changed(**members) -> bytes:
    return canonical.encode(json.loads(SIGNED) | members)


def test_pre_authentication_encoding_is_the_published_example() -> None:
    encoded = dsse.pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


@pytest.mark.parametrize("threshold", [1, 2])
def test_payload_of_a_good_envelope(threshold: int) -> None:
    assert dsse.verify(SIGNED, payload_type=TYPE, keys=BOTH, threshold=threshold) == b"payload"
    assert set(dsse.unverified_signers(SIGNED)) == {ONE.key_id, TWO.key_id}


def test_signatures_must_reach_the_threshold() -> None:
    assert refusal_of(SIGNED, threshold=3) == SealRefusal.SIGNATURE_MISSING
    assert refusal_of(changed(signatures=[])) == SealRefusal.SIGNATURE_MISSING
    with pytest.raises(ValueError, match="threshold"):
        dsse.verify(SIGNED, payload_type=TYPE, keys=BOTH, threshold=0)


def test_no_keys_is_not_a_pass() -> None:
    assert refusal_of(SIGNED, keys=[]) == SealRefusal.SIGNER_UNKNOWN


def test_a_stranger_beside_a_good_signer_is_refused() -> None:
    envelope = dsse.sign(TYPE, b"payload", [ONE, STRANGER])
    assert refusal_of(envelope) == SealRefusal.SIGNER_UNKNOWN


def test_other_payload_types_and_payloads_are_refused() -> None:
    assert refusal_of(SIGNED, payload_type="application/other") == SealRefusal.PAYLOAD_TYPE
    assert refusal_of(changed(payload="b3RoZXI=")) == SealRefusal.SIGNATURE_INVALID


def test_form_of_the_signature_list() -> None:
    signatures = json.loads(SIGNED)["signatures"]
    assert refusal_of(changed(signatures=signatures[::-1])) == SealRefusal.NOT_CANONICAL
    assert refusal_of(changed(signatures=signatures[:1] * 2)) == SealRefusal.SIGNATURE_REPEATED
    many = signatures * limits.DSSE_SIGNATURES
    assert refusal_of(changed(signatures=many)) == SealRefusal.MALFORMED
    assert refusal_of(changed(signatures={})) == SealRefusal.MALFORMED
    assert refusal_of(changed(signatures=[{"sig": "AA=="}])) == SealRefusal.MALFORMED
    assert refusal_of(changed(extra=1)) == SealRefusal.UNKNOWN_MEMBER


def test_signing_needs_distinct_keys() -> None:
    for keys, code in (
        ([], SealRefusal.SIGNATURE_MISSING),
        ([ONE, ONE], "seal-signature-repeated"),
    ):
        with pytest.raises(SealError) as caught:
            dsse.sign(TYPE, b"payload", keys)
        assert caught.value.code == code


@given(st.integers(0, len(SIGNED) * 8 - 1))
def test_any_flipped_bit_is_refused(bit: int) -> None:
    flipped = bytearray(SIGNED)
    flipped[bit // 8] ^= 1 << bit % 8
    refusal_of(bytes(flipped))
