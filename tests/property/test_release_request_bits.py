"""Flip any bit of a request for release: refused with a code, and nothing is released."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keybroker.problems import FAULT, REFUSED, code_of, kind_of
from tests.fakes.world import NO_RATE, World, make_world

MEMBERS = (
    "challenge",
    "evidence",
    "idempotency_key",
    "manifest",
    "receipt_key",
    "runner_key",
    "signatures",
)
# What would hide the reason we are after: each example has a challenge and a key of its own.
HIDING = {"challenge-spent", "idempotency-conflict", "rate-limited"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("bits")
    with make_world(folder, challenges=NO_RATE, releases=NO_RATE) as made:
        yield made


def _require_refused(world: World, body: bytes) -> None:
    try:
        world.release(body)
    except REFUSED as error:
        code = code_of(error)
        assert kind_of(code) is not FAULT, code
        assert str(code) not in HIDING
    else:
        pytest.fail("released")


def _flipped(body: bytes, bit: int) -> bytes:
    changed = bytearray(body)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_untouched_request_is_granted(world: World) -> None:
    runner = world.runner()
    response = world.release(runner.request(world.challenge()))
    assert runner.open(response, world)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_refused(world: World, position: float, flip: int) -> None:
    body = world.runner().request(world.challenge())
    _require_refused(world, _flipped(body, int(position * len(body)) * 8 + flip))


@pytest.mark.parametrize("member", MEMBERS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(0, 7))
def test_one_flipped_bit_of_a_member_is_refused(
    world: World, member: str, position: float, flip: int
) -> None:
    body = world.runner().request(world.challenge())
    written = json.dumps(json.loads(body)[member], separators=(",", ":"), sort_keys=True)
    start = body.index(written.encode())
    _require_refused(world, _flipped(body, (start + int(position * len(written))) * 8 + flip))
