"""The broker's keys survive being stored, and nothing but themselves is taken for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from keybroker.errors import BrokerCode, BrokerError
from keybroker.keys import BrokerKeys, Purpose
from keybroker.seals.box import SealedBox
from keybroker.seals.protocol import KeyLabel
from sealing.hpke import SUITES
from sealing.keys import ED25519, P256

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SEAL = SealedBox(b"M" * 32)
KEYS, ROWS = BrokerKeys.create(SEAL, now=NOW)


def refused(rows, seal=SEAL) -> BrokerCode:
    with pytest.raises(BrokerError) as caught:
        BrokerKeys.load(seal, rows)
    return caught.value.code


def row_of(purpose: Purpose):
    return next(row for row in ROWS if row.purpose == purpose)


def rewrapped(row, *, secret: bytes | None = None, **changes):
    """A row that was wrapped honestly under a label with `changes`."""
    old = KeyLabel(row.purpose, row.key_id, row.version, row.algorithm)
    row = replace(row, **changes)
    new = KeyLabel(row.purpose, row.key_id, row.version, row.algorithm)
    key = SEAL.unwrap(row.sealed, old) if secret is None else secret
    return replace(row, sealed=SEAL.wrap(key, new))


def test_what_was_created_loads() -> None:
    assert BrokerKeys.load(SEAL, ROWS) == KEYS
    assert BrokerKeys.load(SEAL, ROWS[::-1]).challenges == KEYS.challenges


def test_kinds_of_keys() -> None:
    assert (KEYS.identity.kind, KEYS.ear.kind, KEYS.checkpoint.kind) == (ED25519, P256, ED25519)
    assert tuple(key.suite for key in KEYS.sealing) == SUITES
    assert KEYS.ear_private_key().public_key().curve.name == "secp256r1"


def test_no_two_purposes_share_a_key() -> None:
    assert len({row.key_id for row in ROWS}) == len(ROWS) == 6 + len(SUITES)


def test_rows_hold_no_secret() -> None:
    secrets = [KEYS.challenges[0].secret, *(key.to_bytes() for key in KEYS.sealing)]
    secrets += [key.to_pem() for key in (KEYS.identity, KEYS.ear, KEYS.checkpoint)]
    for row in ROWS:
        assert all(secret not in row.sealed and repr(secret) not in repr(row) for secret in secrets)
    assert KEYS.challenges[0].secret.hex() not in repr(KEYS)


def test_sealing_key_is_found_by_id() -> None:
    for key in KEYS.sealing:
        assert KEYS.sealing_key(key.public.key_id) is key
    with pytest.raises(BrokerError) as caught:
        KEYS.sealing_key("f" * 64)
    assert caught.value.code == BrokerCode.KEY_UNKNOWN


def test_nothing_stored_is_not_initialised() -> None:
    assert refused(()) == BrokerCode.NOT_INITIALISED


@pytest.mark.parametrize("purpose", list(Purpose))
def test_every_purpose_is_needed(purpose) -> None:
    rows = [row for row in ROWS if row.purpose != purpose]
    assert refused(rows) == BrokerCode.BROKER_KEYS_INCOMPLETE


def test_signing_purposes_take_one_key() -> None:
    assert refused([*ROWS, row_of(Purpose.EAR)]) == BrokerCode.BROKER_KEYS_INCOMPLETE


def test_another_master_key_is_refused() -> None:
    assert refused(ROWS, SealedBox(b"o" * 32)) == BrokerCode.BROKER_KEY_REFUSED


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("change", [{"key_id": "f" * 64}, {"algorithm": "other"}])
def test_honestly_wrapped_but_mislabelled_keys_are_refused(purpose, change) -> None:
    wrong = rewrapped(row_of(purpose), **change)
    rows = [*(row for row in ROWS if row.purpose != purpose), wrong]
    assert refused(rows) == BrokerCode.BROKER_KEY_REFUSED


@pytest.mark.parametrize("purpose", list(Purpose))
def test_honestly_wrapped_garbage_is_refused(purpose) -> None:
    wrong = rewrapped(row_of(purpose), secret=b"garbage")
    rows = [*(row for row in ROWS if row.purpose != purpose), wrong]
    assert refused(rows) == BrokerCode.BROKER_KEY_REFUSED


def test_ear_key_on_another_curve_is_not_handed_out() -> None:
    wrong = replace(KEYS, ear=KEYS.identity)
    with pytest.raises(BrokerError) as caught:
        wrong.ear_private_key()
    assert caught.value.code == BrokerCode.BROKER_KEY_REFUSED
