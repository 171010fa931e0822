"""`kill -9` after every statement of every act: nothing acknowledged is lost, nothing is half.

A killed process leaves the kernel's page cache in place, so this does not show what a power cut
does; for that the store relies on `synchronous=FULL` (docs/adr/0009-sqlite-one-writer.md).
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from keybroker.audit.log import AuditLog, verify_log
from keybroker.audit.proof import verify_proof
from keybroker.errors import BrokerCode, BrokerError
from keybroker.store.sqlite import SqliteStore
from tests.integration.store_crash import ROUNDS, SCENARIOS, SUBJECT
from tests.unit.keybroker import records
from tests.unit.keybroker.audit.signers import LOG, ORIGIN, SIGNER

ROOT = Path(__file__).resolve().parents[2]

# Both sides of each of these count the same thing in two places.
EQUALITIES = {
    "every event has its leaf": (
        "SELECT count(*) FROM leaf",
        """SELECT (SELECT count(*) FROM sealed_key) + (SELECT count(*) FROM owner)
           + (SELECT count(*) FROM (SELECT DISTINCT name, version FROM policy))
           + (SELECT count(*) FROM decision) + (SELECT count(*) FROM revocation)""",
    ),
    "leaves have no gap": (
        "SELECT count(*) FROM leaf",
        "SELECT coalesce(max(position) + 1, 0) FROM leaf",
    ),
    "no leaf is shared": (
        "SELECT count(*) FROM decision",
        "SELECT count(DISTINCT leaf) FROM decision",
    ),
    "every release is counted": (
        "SELECT count(*) FROM decision WHERE kind = 'release'",
        "SELECT coalesce(sum(count), 0) FROM release_day",
    ),
    "every live lease is counted": (
        "SELECT count(*) FROM lease",
        "SELECT coalesce(sum(count), 0) FROM lease_second",
    ),
    "every release has its lease": (
        "SELECT count(*) FROM decision WHERE kind = 'release'",
        "SELECT count(DISTINCT decision) FROM lease",
    ),
    "every release has its response": (
        "SELECT count(*) FROM decision WHERE kind = 'release'",
        "SELECT count(DISTINCT decision) FROM response",
    ),
    "every decision spent a challenge of its own, unless it was forgotten": (
        """SELECT count(*) FROM decision""",
        """SELECT CASE (SELECT expires FROM purge_horizon) WHEN 0
           THEN (SELECT count(*) FROM spent_challenge)
           ELSE (SELECT count(*) FROM decision) END""",
    ),
}


def crash(folder: Path, scenario: str) -> int:
    """Run the program that dies; return how often it did."""
    program = [sys.executable, "-m", "tests.integration.store_crash", str(folder), scenario]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def acked(folder: Path) -> list[str]:
    path = folder / "acked"
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def require_sound(path: Path) -> None:
    """The file is whole and every count agrees with its other count."""
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    for name, (one, other) in EQUALITIES.items():
        assert database.execute(one).fetchone() == database.execute(other).fetchone(), name
    database.close()


def require_logged(store: SqliteStore, decisions: list[str]) -> None:
    """Every decision named is in the log, provably, under the leaf it was recorded with."""
    log = AuditLog(store, origin=ORIGIN, key=SIGNER)
    for decision in decisions:
        kind, _, number = decision.partition("-")
        record = getattr(records, kind)(int(number))
        head = verify_proof(log.proof(decision), leaf=record.leaf, log_key=LOG)
        assert store.challenge_spent(record.challenge.nonce_hash)
    head = verify_log(store)
    assert (head.size, head.root) == (store.tree_size(), verify_log(store).root)
    checkpoint = log.checkpoint().split(b"\n")
    assert checkpoint[1] == str(head.size).encode()


@pytest.mark.parametrize("scenario", [*SCENARIOS, "birth"])
def test_killed_after_every_statement(tmp_path, scenario) -> None:
    deaths = crash(tmp_path, scenario)
    assert deaths >= 5
    finished = 0
    for k in range(1, deaths + 2):
        folder = tmp_path / str(k)
        with SqliteStore.open(folder / "broker.db") as store:
            require_sound(folder / "broker.db")
            done = acked(folder)
            finished += bool(done)
            require_logged(store, [name for name in done if "-" in name])
            AFTERWARDS[scenario](store, done)
    assert finished == 1, "the one that lived, and no other, got to say so"


def after_release(store: SqliteStore, done: list[str]) -> None:
    """Asking again gives the answer if it was written; the challenge serves nobody else."""
    record = records.release(SUBJECT)
    if store.decision(record.decision.id) is None:
        assert not done
        store.record_release(record)
    with pytest.raises(BrokerError) as caught:
        store.record_release(record)
    assert caught.value.code == BrokerCode.REQUEST_REPEATED
    answer = store.stored_response("runner", record.idempotency.key)
    assert answer.response == record.response
    with pytest.raises(BrokerError) as caught:
        store.record_release(records.release(SUBJECT + 1, nonce=SUBJECT))
    assert caught.value.code == BrokerCode.CHALLENGE_SPENT


def after_refusal(store: SqliteStore, done: list[str]) -> None:
    recorded = store.decision(f"refusal-{SUBJECT}") is not None
    assert store.challenge_spent(records.nonce_hash(SUBJECT)) == recorded
    assert recorded or not done


def after_owner(store: SqliteStore, done: list[str]) -> None:
    assert store.tree_size() == 6 + (store.owner("e" * 64) is not None)
    assert store.owner("e" * 64) or not done


def after_policy(store: SqliteStore, done: list[str]) -> None:
    version = store.policy(records.OWNER, records.POLICY).version
    assert store.tree_size() == 5 + version
    assert version == 2 or not done


def after_rotation(store: SqliteStore, done: list[str]) -> None:
    """The next key has everything of the old one, or is not there."""
    there = store.owner("1" * 64) is not None
    assert store.tree_size() == 6 + there
    assert there or not done
    assert (store.policy("1" * 64, records.POLICY) is not None) is there
    assert (store.highest_version("1" * 64, records.MODULE) > 0) is there


def after_revocation(store: SqliteStore, done: list[str]) -> None:
    """What was acknowledged as revoked is not released."""
    revoked = store.tree_size() == 7
    assert revoked or not done
    if revoked:
        with pytest.raises(BrokerError) as caught:
            store.record_release(records.release(SUBJECT))
        assert caught.value.code == BrokerCode.MODULE_REVOKED


def after_purge(store: SqliteStore, done: list[str]) -> None:
    """Forgotten or not, a challenge that was spent stays spent."""
    assert not done or not store.challenge_spent(records.nonce_hash(1))
    with pytest.raises(BrokerError) as caught:
        store.record_release(records.release(SUBJECT, nonce=1))
    assert caught.value.code == BrokerCode.CHALLENGE_SPENT


def after_together(store: SqliteStore, done: list[str]) -> None:
    """All that could succeed did, or none; of what could not there is no trace."""
    names = [f"release-{SUBJECT}", "release-101", "refusal-102"]
    written = {store.decision(name) is not None for name in names}
    assert len(written) == 1
    assert written == {True} or not done
    assert store.decision("release-98") is store.decision("release-99") is None
    assert not store.challenge_spent(records.nonce_hash(98))


def after_birth(store: SqliteStore, done: list[str]) -> None:
    born = store.tree_size() == 1
    assert store.sealed_keys() == (records.birth().keys if born else ())
    assert born or not done
    if not born:
        store.initialise(records.birth())


AFTERWARDS = {
    "release": after_release,
    "refusal": after_refusal,
    "owner": after_owner,
    "policy": after_policy,
    "rotation": after_rotation,
    "revocation": after_revocation,
    "purge": after_purge,
    "together": after_together,
    "birth": after_birth,
}


def test_killed_at_any_moment_under_load(tmp_path) -> None:
    """The commit itself is hit too: again and again on one database, by a clock."""
    assert crash(tmp_path, "load") == ROUNDS
    done = acked(tmp_path)
    assert len(done) > ROUNDS
    with SqliteStore.open(tmp_path / "broker.db") as store:
        require_sound(tmp_path / "broker.db")
        require_logged(store, done)
