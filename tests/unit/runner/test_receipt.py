"""Writing receipts; reading them is in test_vectors_receipt.py."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import RunnerCode, RunnerError
from runner.receipt import Predicate, Receipt, raw_ed25519, read_receipt, sign_receipt
from sealing.keys import SigningKey
from tests.vectors.generate_receipt import Maker, fixed_key

GOOD = Maker().receipt()


def predicate() -> Predicate:
    return read_receipt(GOOD).predicate


def test_what_is_signed_reads_back() -> None:
    receipt = Receipt.about(predicate(), module="example/solver")
    assert sign_receipt(receipt, fixed_key("receipt")) == GOOD
    assert receipt.releases()[0].decision == "decision-0001"
    assert receipt.receipt_key() == fixed_key("receipt").public


def test_a_receipt_nobody_would_accept_is_not_signed() -> None:
    receipt = Receipt.about(predicate(), module="example/solver")
    with pytest.raises(RunnerError) as caught:
        sign_receipt(receipt, fixed_key("stranger"))
    assert caught.value.code is RunnerCode.RECEIPT_SIGNATURE


def test_raw_keys_are_the_ones_requests_carry() -> None:
    key = SigningKey.generate("ed25519").public
    assert type(key).from_raw_ed25519(raw_ed25519(key)) == key


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOOD) * 8 - 1))
def test_any_flipped_bit_is_refused(bit: int) -> None:
    data = bytearray(GOOD)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(RunnerError) as caught:
        read_receipt(bytes(data))
    assert caught.value.code.value.startswith("receipt-")


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(max_size=5), st.lists, max_leaves=5).map(
        lambda v: json.dumps(v).encode()
    )
)
def test_any_bytes_are_refused_with_our_error(data: bytes) -> None:
    with pytest.raises(RunnerError):
        read_receipt(data)
