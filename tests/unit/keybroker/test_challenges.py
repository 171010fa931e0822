"""Challenges are ours, in one form, in date, for one purpose."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keybroker.challenges import ChallengeKey, Challenges
from keybroker.errors import BrokerCode, BrokerError

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
KEY, OTHER = ChallengeKey(b"k" * 32), ChallengeKey(b"o" * 32)
SECOND = timedelta(seconds=1)


def counting(count: int) -> bytes:
    return bytes(range(count))


@pytest.fixture
def challenges() -> Challenges:
    return Challenges([KEY], lifetime_seconds=300)


def refused(challenges: Challenges, token: str, now: datetime = NOW) -> BrokerCode:
    with pytest.raises(BrokerError) as caught:
        challenges.open(token, now=now)
    return caught.value.code


def test_what_is_issued_opens_to_the_same(challenges) -> None:
    issued = challenges.issue(now=NOW)
    assert challenges.open(issued.token, now=NOW) == issued
    assert len(issued.token) == 96
    assert len(issued.nonce) == len(issued.nonce_hash) == 32
    assert issued.expires == NOW + timedelta(seconds=300)


def test_no_two_are_alike(challenges) -> None:
    assert len({challenges.issue(now=NOW).nonce for _ in range(64)}) == 64


def test_every_flipped_bit_is_refused(challenges) -> None:
    token = challenges.issue(now=NOW, entropy=counting).token
    raw = base64.urlsafe_b64decode(token)
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        text = base64.urlsafe_b64encode(flipped).decode()
        assert refused(challenges, text) == BrokerCode.CHALLENGE_NOT_OURS


def test_every_other_character_is_refused(challenges) -> None:
    token = challenges.issue(now=NOW, entropy=counting).token
    for place in range(len(token)):
        for other in "A_+/= é":
            if token[place] != other:
                refused(challenges, token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token + "====",
        lambda token: token[:-1] + "é",
        lambda token: token[:-1] + "=",
        lambda token: " " + token[1:],
        lambda token: "",
    ],
)
def test_other_forms_are_malformed(challenges, change) -> None:
    token = challenges.issue(now=NOW, entropy=counting).token
    assert refused(challenges, change(token)) == BrokerCode.CHALLENGE_MALFORMED


def test_standard_alphabet_is_another_form(challenges) -> None:
    token = challenges.issue(now=NOW, entropy=lambda count: b"\xff" * count).token
    assert "_" in token
    other = token.replace("_", "/").replace("-", "+")
    assert refused(challenges, other) == BrokerCode.CHALLENGE_MALFORMED


@pytest.mark.parametrize(
    ("when", "code"),
    [
        (-31 * SECOND, BrokerCode.CHALLENGE_FROM_THE_FUTURE),
        (-30 * SECOND, None),
        (299 * SECOND, None),
        (300 * SECOND, BrokerCode.CHALLENGE_EXPIRED),
        (301 * SECOND, BrokerCode.CHALLENGE_EXPIRED),
    ],
)
def test_counts_from_skew_before_to_its_expiry(challenges, when, code) -> None:
    issued = challenges.issue(now=NOW)
    if code is None:
        assert challenges.open(issued.token, now=NOW + when) == issued
    else:
        assert refused(challenges, issued.token, NOW + when) == code


def test_fraction_of_a_second_does_not_lengthen_a_challenge(challenges) -> None:
    issued = challenges.issue(now=NOW + timedelta(milliseconds=999))
    assert issued.expires == NOW + timedelta(seconds=300)


def test_old_keys_open_and_new_keys_issue(challenges) -> None:
    rotated = Challenges([OTHER, KEY])
    old = challenges.issue(now=NOW)
    assert rotated.open(old.token, now=NOW).nonce == old.nonce
    new = rotated.issue(now=NOW)
    assert refused(challenges, new.token) == BrokerCode.CHALLENGE_NOT_OURS


def test_token_for_another_purpose_is_not_ours(challenges) -> None:
    """Same key, same layout, other associated data."""
    prefix, salt = KEY.prefix, bytes(24)
    body = int(NOW.timestamp()).to_bytes(8, "big") + bytes(16)
    sealed = KEY.cipher(salt).encrypt(bytes(12), body, b"sealwasm/lease/v1\x00" + prefix)
    token = base64.urlsafe_b64encode(prefix + salt + sealed).decode()
    assert refused(challenges, token) == BrokerCode.CHALLENGE_NOT_OURS


def test_every_token_has_a_key_of_its_own() -> None:
    one, two = (KEY.cipher(salt).encrypt(bytes(12), b"", b"") for salt in (bytes(24), b"1" * 24))
    assert one != two
    assert AESGCM(KEY.secret).encrypt(bytes(12), b"", b"") not in {one, two}


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_are_32_bytes(size) -> None:
    with pytest.raises(BrokerError) as caught:
        ChallengeKey(bytes(size))
    assert caught.value.code == BrokerCode.BROKER_KEY_REFUSED


def test_no_key_is_no_challenges() -> None:
    with pytest.raises(BrokerError) as caught:
        Challenges([])
    assert caught.value.code == BrokerCode.BROKER_KEYS_INCOMPLETE


def test_secret_is_in_no_repr() -> None:
    assert "kkk" not in repr(KEY)
