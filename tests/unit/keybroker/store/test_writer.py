"""Group commit: shared by all who wait, and nobody's failure but one's own."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from keybroker.audit.log import verify_log
from keybroker.audit.tree import Frontier
from keybroker.errors import BrokerCode, BrokerError
from keybroker.store import connections
from keybroker.store.limits import MAX_BATCH
from keybroker.store.sqlite import SqliteStore
from keybroker.store.writer import Writer
from tests.unit.keybroker import records


class Gate:
    """A statement hook that holds the first transaction until it is let go, and counts commits."""

    def __init__(self) -> None:
        self.armed = False
        self.held = threading.Event()
        self.go_on = threading.Event()
        self.begun = 0

    def __call__(self, statement: int) -> None:
        if statement == 1:
            self.begun += 1
        if self.armed and statement == 1:
            self.armed = False
            self.held.set()
            self.go_on.wait(timeout=30)


def gated_store(database) -> tuple[SqliteStore, Gate]:
    gate = Gate()
    store = SqliteStore.create(database, statement_hook=gate)
    store.initialise(records.birth())
    return store, gate


def submit_together(store: SqliteStore, gate: Gate, acts) -> list[object]:
    """Run one refusal that holds the writer, and `acts` that all wait for the next transaction."""
    gate.armed, gate.begun = True, 0
    with ThreadPoolExecutor(max_workers=len(acts) + 1) as pool:
        first = pool.submit(store.record_refusal, records.refusal(10_000))
        assert gate.held.wait(timeout=30)
        waiting = [pool.submit(act) for act in acts]
        while store._writer._jobs.qsize() < len(acts):
            pass
        gate.go_on.set()
        first.result()
    return [future.exception() or future.result() for future in waiting]


def test_whoever_waits_shares_the_next_commit(database) -> None:
    store, gate = gated_store(database)
    with store:
        acts = [lambda n=n: store.record_release(records.release(n)) for n in range(20)]
        outcomes = submit_together(store, gate, acts)
        assert sorted(outcome.leaf_index for outcome in outcomes) == list(range(2, 22))
        assert gate.begun == 2


def test_batches_have_a_limit(database, monkeypatch) -> None:
    monkeypatch.setattr("keybroker.store.writer.MAX_BATCH", 4)
    store, gate = gated_store(database)
    with store:
        acts = [lambda n=n: store.record_release(records.release(n)) for n in range(9)]
        submit_together(store, gate, acts)
        assert gate.begun == 1 + 3
    assert MAX_BATCH > 4


def test_failing_record_takes_nobody_with_it(database) -> None:
    store, gate = gated_store(database)
    with store:
        bad = records.release(3, nonce=2)
        broken = records.refusal(5)
        object.__setattr__(broken, "leaf", b"")
        acts = [
            lambda: store.record_release(records.release(2)),
            lambda: store.record_release(bad),
            lambda: store.record_refusal(broken),
            lambda: store.record_release(records.release(4)),
        ]
        good, spent, invalid, other = submit_together(store, gate, acts)
        assert gate.begun == 2
        assert {good.leaf_index, other.leaf_index} == {2, 3}
        assert spent.code == BrokerCode.CHALLENGE_SPENT
        assert invalid.code == BrokerCode.RECORD_INVALID
        assert store.tree_size() == 4


def test_record_that_fails_behind_its_leaf_leaves_no_gap_in_the_log(store) -> None:
    first = records.release(1)
    store.record_release(first)
    twice = replace(records.release(2), lease=first.lease)
    with pytest.raises(BrokerError) as caught:
        store.record_release(twice)
    assert caught.value.code == BrokerCode.RECORD_INVALID
    assert store.record_release(records.release(3)).leaf_index == 4
    assert verify_log(store).size == 5


@pytest.mark.parametrize("round_number", range(3))
def test_of_many_threads_one_spends_a_challenge(store, round_number) -> None:
    start = threading.Barrier(16)

    def race(number: int) -> object:
        start.wait()
        return store.record_release(records.release(number, nonce=777))

    with ThreadPoolExecutor(max_workers=16) as pool:
        racers = [pool.submit(race, number) for number in range(16)]
    refusals = [racer.exception() for racer in racers if racer.exception()]
    assert [refusal.code for refusal in refusals] == [BrokerCode.CHALLENGE_SPENT] * 15
    assert store.tree_size() == 4


def test_full_disk_fails_the_record_and_not_the_store(store) -> None:
    connection = store._writer._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    large = records.refusal(1)
    object.__setattr__(large, "leaf", b"x" * 60_000)
    with pytest.raises(BrokerError) as caught:
        store.record_refusal(large)
    assert caught.value.code == BrokerCode.STORE_UNAVAILABLE
    assert not store.challenge_spent(records.nonce_hash(1))
    connection.execute("PRAGMA max_page_count = 100000")
    assert store.record_refusal(large).leaf_index == 3


class FailingDisk:
    """A connection whose commit fails the way a failed fsync does."""

    in_transaction = True

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, sql: str, values=()) -> None:
        self.statements.append(sql)
        if sql == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")


def test_failed_commit_stops_the_writer(caplog) -> None:
    disk = FailingDisk()
    writer = Writer(disk, Frontier(), None)
    for _ in range(2):
        with pytest.raises(BrokerError) as caught:
            writer.submit(lambda transaction: 1)
        assert caught.value.code == BrokerCode.STORE_UNAVAILABLE
    writer.stop()
    assert disk.statements == [
        "BEGIN IMMEDIATE",
        "SAVEPOINT act",
        "RELEASE act",
        "COMMIT",
        "ROLLBACK",
    ]


def test_nothing_is_tried_after_a_failed_commit(caplog) -> None:
    """What waited while the disk failed is refused: nobody knows what is on it."""
    disk = FailingDisk()
    gate = Gate()
    gate.armed = True
    writer = Writer(disk, Frontier(), gate)
    with ThreadPoolExecutor(max_workers=2) as pool:
        first = pool.submit(writer.submit, lambda transaction: 1)
        assert gate.held.wait(timeout=30)
        second = pool.submit(writer.submit, lambda transaction: 2)
        while not writer._jobs.qsize():
            pass
        gate.go_on.set()
        for waiting in (first, second):
            assert waiting.exception().code == BrokerCode.STORE_UNAVAILABLE
    assert not writer.running
    writer.stop()
    assert disk.statements.count("COMMIT") == 1


def test_lock_of_another_program_passes(database, monkeypatch) -> None:
    monkeypatch.setattr(connections, "_SETTINGS", ("PRAGMA busy_timeout = 1",))
    with SqliteStore.create(database) as store:
        store.initialise(records.birth())
        other = sqlite3.connect(database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BrokerError) as caught:
            store.record_refusal(records.refusal(1))
        assert caught.value.code == BrokerCode.STORE_UNAVAILABLE
        other.execute("ROLLBACK")
        other.close()
        assert store.writable
        assert store.record_refusal(records.refusal(1)).leaf_index == 1


def test_fault_of_ours_stops_the_writer_and_strands_nobody(database, monkeypatch) -> None:
    faults: list[object] = []
    monkeypatch.setattr(threading, "excepthook", faults.append)
    store, gate = gated_store(database)

    def fault() -> None:
        store._writer.submit(lambda transaction: transaction.no_such_verb())

    acts = [fault, lambda: store.record_refusal(records.refusal(1))]
    outcomes = submit_together(store, gate, acts)
    assert [error.code for error in outcomes] == [BrokerCode.STORE_UNAVAILABLE] * 2
    with pytest.raises(BrokerError):
        store.record_refusal(records.refusal(2))
    store.close()
    assert len(faults) == 1
    with SqliteStore.open(database) as again:
        assert again.tree_size() == 2


def test_closing_finishes_what_was_accepted(database) -> None:
    store, gate = gated_store(database)
    gate.armed = True
    with ThreadPoolExecutor(max_workers=4) as pool:
        first = pool.submit(store.record_refusal, records.refusal(1))
        assert gate.held.wait(timeout=30)
        second = pool.submit(store.record_refusal, records.refusal(2))
        while store._writer._jobs.qsize() < 1:
            pass
        closing = pool.submit(store.close)
        while store._writer._open:
            pass
        gate.go_on.set()
        closing.result()
        assert (first.result().leaf_index, second.result().leaf_index) == (1, 2)
    store.close()
    for use in (lambda: store.record_refusal(records.refusal(3)), store.tree_size):
        with pytest.raises(BrokerError) as caught:
            use()
        assert caught.value.code == BrokerCode.STORE_UNAVAILABLE


def test_readers_see_only_what_is_on_disk(database) -> None:
    store, gate = gated_store(database)
    with store:
        gate.armed = True
        with ThreadPoolExecutor(max_workers=1) as pool:
            writing = pool.submit(store.record_refusal, records.refusal(1))
            assert gate.held.wait(timeout=30)
            assert store.tree_size() == 1
            gate.go_on.set()
            writing.result()
        assert store.tree_size() == 2


def test_readers_cannot_write(store) -> None:
    with pytest.raises(BrokerError), store._readers.reader() as connection:
        connection.execute("DELETE FROM leaf")


def test_idle_readers_are_bounded(store, monkeypatch) -> None:
    monkeypatch.setattr(connections.limits, "IDLE_READERS", 1)
    with store._readers.reader() as one, store._readers.reader() as two:
        assert one is not two
    assert len(store._readers._idle) == 1
