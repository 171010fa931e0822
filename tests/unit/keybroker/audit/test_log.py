"""The log over a real store: what was recorded can be proved, and changes are found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from keybroker.audit import merkle
from keybroker.audit.checkpoint import verify_checkpoint
from keybroker.audit.log import AuditLog, verify_log
from keybroker.audit.proof import verify_proof
from keybroker.errors import BrokerCode, BrokerError
from keybroker.store.sqlite import SqliteStore
from tests.unit.keybroker import records
from tests.unit.keybroker.audit.signers import LOG, ORIGIN, SIGNER


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.create(tmp_path / "broker.db") as opened:
        opened.initialise(records.birth())
        yield opened


@pytest.fixture
def log(store) -> AuditLog:
    return AuditLog(store, origin=ORIGIN, key=SIGNER)


def test_log_names_its_key(log) -> None:
    assert log.log_key == LOG


def test_every_release_can_be_proved_at_every_size(store, log) -> None:
    for number in range(9):
        store.record_release(records.release(number))
        for earlier in range(number + 1):
            record = records.release(earlier)
            head = verify_proof(log.proof(record.decision.id), leaf=record.leaf, log_key=LOG)
            assert head == verify_checkpoint(log.checkpoint(), LOG)
            assert head.size == number + 2
    assert verify_log(store).root == head.root


def test_unknown_decision_has_no_proof(log) -> None:
    assert log.proof("release-1") is None


def test_leaf_beyond_the_log_has_no_proof(log) -> None:
    with pytest.raises(BrokerError) as caught:
        log.leaf_proof(1)
    assert caught.value.code == BrokerCode.NOT_INCLUDED


def test_checkpoints_are_consistent(store, log) -> None:
    before = verify_checkpoint(log.checkpoint(), LOG)
    for number in range(6):
        store.record_refusal(records.refusal(number))
    after = verify_checkpoint(log.checkpoint(), LOG)
    merkle.verify_consistency(
        old=before.size,
        new=after.size,
        old_root=before.root,
        new_root=after.root,
        proof=log.consistency(before.size, after.size),
    )


def test_empty_store_has_the_empty_tree(tmp_path) -> None:
    with SqliteStore.create(tmp_path / "empty.db") as store:
        assert verify_log(store).root == merkle.EMPTY_ROOT


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE leaf SET body = x'00' WHERE position = 2",
        "UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND position = 0",
        "DELETE FROM node WHERE level = 0 AND position = 1",
        "PRAGMA foreign_keys = OFF; DELETE FROM leaf WHERE position = 2",
    ],
)
def test_changed_history_is_found(store, tmp_path, change) -> None:
    """Attack: whoever can write the database rewrites the past."""
    for number in range(4):
        store.record_refusal(records.refusal(number))
    with sqlite3.connect(tmp_path / "broker.db") as vandal:
        vandal.executescript(change)
    vandal.close()
    with pytest.raises(BrokerError) as caught:
        verify_log(store)
    assert caught.value.code == BrokerCode.NOT_CONSISTENT
