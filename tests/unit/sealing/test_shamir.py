"""Splitting a content key: any k shares give it back, fewer say nothing, a wrong one is named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealing.envelope import ShareHeader
from sealing.errors import SealError, SealRefusal
from sealing.holders.shamir import SECRET_BYTES, SHARE_BYTES, Share, combine, open_share, split
from sealing.ocicrypt import PrivateOptions
from tests.unit.sealing import shamir_by_the_book as book

OPTIONS = PrivateOptions(bytes(range(32)), "sha256:" + "d1" * 32, bytes(range(100, 116)))
SECRET = OPTIONS.symkey + OPTIONS.nonce + bytes.fromhex("d1" * 32)


def stream(seed: str) -> Callable[[int], bytes]:
    """Bytes that look random and are the same for the same seed."""
    calls: list[int] = []

    def take(size: int) -> bytes:
        calls.append(size)
        return hashlib.shake_256(f"{seed}/{len(calls)}".encode()).digest(size)

    return take


def shares_of(threshold: int = 2, of: int = 3, seed: str = "one") -> tuple[Share, ...]:
    return split(OPTIONS, threshold=threshold, of=of, entropy=stream(seed))


def refusal(act: Callable[[], object]) -> SealRefusal:
    with pytest.raises(SealError) as caught:
        act()
    return caught.value.code


@pytest.mark.parametrize(("threshold", "of"), [(2, 2), (2, 3), (3, 5), (5, 5)])
def test_any_k_shares_give_the_key_back(threshold: int, of: int) -> None:
    for chosen in combinations(shares_of(threshold, of), threshold):
        assert combine(chosen, threshold=threshold) == OPTIONS
        assert combine(chosen[::-1], threshold=threshold) == OPTIONS


def test_sixteen_of_sixteen_and_all_of_a_few() -> None:
    assert combine(shares_of(16, 16), threshold=16) == OPTIONS
    assert combine(shares_of(2, 5), threshold=2) == OPTIONS


SECRETS = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)


@settings(max_examples=60, deadline=None)
@given(SECRETS, st.data())
def test_another_implementation_agrees(secret: bytes, data: st.DataObject) -> None:
    of = data.draw(st.integers(2, 16))
    threshold = data.draw(st.integers(2, of))
    coefficients = [data.draw(SECRETS) for _ in range(threshold - 1)]
    options = PrivateOptions(secret[:32], f"sha256:{secret[48:].hex()}", secret[32:48])
    given_out = iter([bytes(16), *reversed(coefficients)])
    shares = split(options, threshold=threshold, of=of, entropy=lambda _: next(given_out))
    for share in shares:
        expected = [
            book.value_at([byte, *(one[at] for one in coefficients)], share.index)
            for at, byte in enumerate(secret)
        ]
        assert list(share.value) == expected
    chosen = data.draw(st.permutations(shares))[:threshold]
    assert combine(chosen, threshold=threshold) == options
    assert book.interpolate([(one.index, one.value) for one in chosen], 0) == secret


@settings(max_examples=60, deadline=None)
@given(SECRETS, st.integers(2, 6), st.data())
def test_fewer_shares_fit_every_secret(guess: bytes, threshold: int, data: st.DataObject) -> None:
    """For any guess there is a polynomial through k-1 shares and it: they exclude no secret.

    It is made here, and checked to pass through all of them; one share more tells guesses apart.
    """
    shares = shares_of(threshold, 6, seed=data.draw(st.text(max_size=4)))
    held = data.draw(st.permutations(shares))[: threshold - 1]
    points = [(0, guess), *((one.index, one.value) for one in held)]
    through = {at: book.interpolate(points, at) for at in range(7)}
    assert through[0] == guess
    assert all(through[one.index] == one.value for one in held)
    others = [one for one in shares if one not in held]
    assert all((through[one.index] == one.value) is (guess == SECRET) for one in others)


def test_one_share_of_every_value_occurs_once_over_all_coefficients() -> None:
    """The distribution, counted out for one byte: whatever the secret, each share is as likely."""
    for secret in (0, 1, 0x53, 0xFF):
        seen = {book.value_at([secret, coefficient], 3) for coefficient in range(256)}
        assert seen == set(range(256))


def test_a_share_is_read_back_and_shows_nothing() -> None:
    share = shares_of()[0]
    assert Share.parse(share.to_bytes()) == share
    assert share.value.hex() not in repr(share)
    assert str(share.value) not in repr(share)


def header(share: Share, **changes: object) -> ShareHeader:
    return replace(ShareHeader(share.set, share.index, 2, 3, share.commitment), **changes)  # type: ignore[arg-type]


def test_only_the_committed_share_is_taken() -> None:
    first, second, _ = shares_of()
    assert open_share(first.to_bytes(), header(first)) == first
    other_set = replace(first, set="00" * 16)
    wrong = replace(first, value=bytes(SECRET_BYTES))
    assert refusal(lambda: open_share(second.to_bytes(), header(first))) == "seal-share-set"
    assert refusal(lambda: open_share(other_set.to_bytes(), header(first))) == "seal-share-set"
    assert refusal(lambda: open_share(wrong.to_bytes(), header(first))) == "seal-share-commitment"


@pytest.mark.parametrize("at", range(SHARE_BYTES))
def test_any_changed_byte_is_refused(at: int) -> None:
    share = shares_of()[1]
    data = bytearray(share.to_bytes())
    data[at] ^= 0x10
    code = refusal(lambda: open_share(bytes(data), header(share)))
    assert code in {"seal-malformed", "seal-share-set", "seal-share-commitment"}


def test_shares_that_do_not_belong_together() -> None:
    ours, others = shares_of(), shares_of(seed="two")
    one = SealRefusal.SHARE_SET
    assert refusal(lambda: combine([ours[0], others[1]], threshold=2)) is one
    assert refusal(lambda: combine([ours[0], ours[0]], threshold=2)) is one
    bent = replace(ours[2], value=bytes(SECRET_BYTES))
    assert refusal(lambda: combine([*ours[:2], bent], threshold=2)) is one


@pytest.mark.parametrize(("threshold", "count"), [(2, 1), (3, 2), (1, 3), (0, 0)])
def test_too_few_shares(threshold: int, count: int) -> None:
    shares = shares_of(3, 3)[:count]
    assert refusal(lambda: combine(shares, threshold=threshold)) is SealRefusal.SHARE_THRESHOLD


@pytest.mark.parametrize(("threshold", "of"), [(1, 3), (0, 3), (4, 3), (2, 17), (2, 1)])
def test_what_is_no_split(threshold: int, of: int) -> None:
    assert refusal(lambda: shares_of(threshold, of)) is SealRefusal.SHARE_THRESHOLD
