"""Flip any bit of a release: refused, by the signature, the request it names, or the key wrap."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keybroker import protocol
from keybroker.protocol import ProtocolError
from sealing import canonical, hpke
from sealing.errors import SealError
from sealing.keys import SigningKey
from sealing.signatures import dsse
from tests.unit.keybroker.test_protocol import MANIFEST, NOW, REQUEST, document, info_of

IDENTITY = SigningKey.generate("ed25519")
RUNNER = hpke.OpeningKey.generate(hpke.HYBRID)
CONTENT_KEY = b"content key"


def _response() -> bytes:
    made = document()
    signed = dsse.sign(protocol.RELEASE_TYPE, made.to_bytes(), [IDENTITY])
    wrapped = RUNNER.public.seal(CONTENT_KEY, info=info_of(made))
    return protocol.ReleaseResponse(release=signed.decode(), wrapped_key=wrapped).to_bytes()


RESPONSE = _response()


def _take(data: bytes) -> bytes:
    found = protocol.verify_release(
        data, identity=IDENTITY.public, manifest=MANIFEST, request=REQUEST, now=NOW
    )
    return RUNNER.open(found.wrapped_key, info=found.info)


def test_untouched_response_gives_the_key() -> None:
    assert _take(RESPONSE) == CONTENT_KEY


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(RESPONSE) * 8 - 1))
def test_one_flipped_bit_is_refused(bit: int) -> None:
    changed = bytearray(RESPONSE)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((ProtocolError, SealError)):
        _take(bytes(changed))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_our_error(data: bytes) -> None:
    messages: list[Any] = [protocol.ReleaseRequest, protocol.ReleaseResponse, protocol.Problem]
    for message in messages:
        with pytest.raises(ProtocolError):
            message.parse(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(protocol.ReleaseDocument.model_fields)), JSON)
def test_any_value_of_a_member_is_a_value_or_our_error(member: str, value: Any) -> None:
    members = document().to_document() | {member: value}
    try:
        data = canonical.encode(members)
    except SealError:
        return
    with contextlib.suppress(ProtocolError):
        assert protocol.ReleaseDocument.parse(data).to_bytes() == data
