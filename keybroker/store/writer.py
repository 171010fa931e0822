"""The one thread that writes. Whatever waits while it commits shares the next commit."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from keybroker.audit.tree import Frontier
from keybroker.errors import BrokerCode, BrokerError
from keybroker.store.limits import MAX_BATCH
from keybroker.store.transaction import StatementHook, Transaction

T = TypeVar("T")
Act = Callable[[Transaction], T]

# Nothing was written and the file is as it was: the next transaction may find room, or the lock
# that another program held (a backup, somebody looking).
_PASSING = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY})
_PRIMARY_CODE = 0xFF

# What a record can do wrong by itself. Everything else SQLite raises is about the file.
_RECORD_FAULTS = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    OverflowError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class _Job:
    act: Act[Any]
    future: Future[Any]


class Writer:
    """Runs acts one after the other; many share a transaction, each in a savepoint of its own.

    An act that raises takes nothing and nobody with it. If the commit itself fails, every act of
    the batch fails, and unless the disk was merely full or the file locked the writer stops for
    good, with whatever waits: what a failed fsync left on disk is unknown until the file is opened
    anew.
    """

    def __init__(
        self, connection: sqlite3.Connection, tree: Frontier, hook: StatementHook | None
    ) -> None:
        self._connection = connection
        self._tree = tree
        self._hook = hook
        self._gate = threading.Lock()
        self._open = True
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, act: Act[T]) -> T:
        """Return what `act` returned once it is on disk, or raise what it raised."""
        job = _Job(act, Future())
        with self._gate:
            if not self._open:
                raise BrokerError(BrokerCode.STORE_UNAVAILABLE, "the store is closed")
            self._jobs.put(job)
        result: T = job.future.result()
        return result

    @property
    def running(self) -> bool:
        """Whether anything can still be written; once it is not, it never will be again."""
        return self._open

    def stop(self) -> None:
        """Finish what was accepted, then end the thread. Safe to call again."""
        self._shut()
        self._thread.join()

    def _shut(self) -> None:
        with self._gate:
            if self._open:
                self._open = False
                self._jobs.put(None)

    def _run(self) -> None:
        batch: list[_Job] = []
        try:
            while (batch := self._next_batch()) and self._write(batch):
                pass
        finally:
            self._shut()
            while not self._jobs.empty():
                batch.extend(job for job in (self._jobs.get(),) if job is not None)
            _refuse(batch, "the store stopped before this was written")

    def _next_batch(self) -> list[_Job]:
        """Return what waits now, at least one job; nothing when the writer is to stop."""
        job = self._jobs.get()
        batch: list[_Job] = []
        while job is not None:
            batch.append(job)
            if len(batch) == MAX_BATCH or self._jobs.empty():
                return batch
            job = self._jobs.get()
        if batch:
            self._jobs.put(None)  # Not yet: first what came before the end.
        return batch

    def _write(self, batch: list[_Job]) -> bool:
        """Write a batch and tell everybody in it; return whether another may be tried."""
        transaction = Transaction(self._connection, self._tree, self._hook)
        outcomes: list[Any] = []
        try:
            transaction.execute("BEGIN IMMEDIATE")
            outcomes.extend(_attempt(transaction, job.act) for job in batch)
            transaction.execute("COMMIT")
        except sqlite3.Error as error:
            return self._abandon(batch, error)
        self._tree = transaction.tree
        for job, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, BrokerError):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)
        return True

    def _abandon(self, batch: list[_Job], error: sqlite3.Error) -> bool:
        """Undo the batch and tell everybody in it; return whether the file is as it was."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        passing = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE in _PASSING
        if not passing:
            self._shut()  # First: whoever hears of it and asks again is told at once.
        _refuse(batch, f"could not be written: {error}")
        return passing


def _refuse(jobs: list[_Job], detail: str) -> None:
    """Tell everybody who still waits that nothing was written."""
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(BrokerError(BrokerCode.STORE_UNAVAILABLE, detail))


def _attempt(transaction: Transaction, act: Act[Any]) -> Any:
    """Return what `act` returns, or the `BrokerError` it fails with after undoing it alone."""
    before = transaction.tree
    transaction.execute("SAVEPOINT act")
    try:
        outcome = act(transaction)
    except BrokerError as error:
        outcome = error
    except _RECORD_FAULTS as error:
        outcome = BrokerError(BrokerCode.RECORD_INVALID, f"record contradicts the schema: {error}")
    if isinstance(outcome, BrokerError):
        transaction.tree = before
        transaction.execute("ROLLBACK TO act")
    transaction.execute("RELEASE act")
    return outcome
