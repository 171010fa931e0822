"""The store on SQLite: one process owns the file, one thread writes it, any thread reads it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from keybroker.audit.merkle import NodePlace
from keybroker.errors import BrokerCode, BrokerError
from keybroker.store import acts, connections, files, owner_acts, queries, transaction
from keybroker.store.limits import PURGE_BATCH
from keybroker.store.protocol import (
    AttestationKeyEnrolment,
    DecisionRow,
    Initialisation,
    LeaseRow,
    OwnerEnrolment,
    OwnerRotation,
    OwnerRow,
    PolicyEnrolment,
    PolicyRow,
    Recorded,
    RefusalRecord,
    ReleaseRecord,
    Revocation,
    SealedKeyRow,
    StoredResponse,
)
from keybroker.store.times import to_seconds
from keybroker.store.transaction import StatementHook
from keybroker.store.writer import Writer


class SqliteStore:
    """`keybroker.store.protocol.Store` in one SQLite file; what each verb promises is said there.

    `create` and `open` return one. A context manager: leaving it closes the file.
    """

    def __init__(self, path: Path, lock: files.FileLock, hook: StatementHook | None) -> None:
        with ExitStack() as stack:
            stack.callback(lock.release)
            try:
                self._set_up(stack, path, hook)
            except sqlite3.Error as error:
                detail = f"{path} cannot be opened: {error}"
                raise BrokerError(BrokerCode.STORE_UNAVAILABLE, detail) from error
            self._closing = stack.pop_all()

    def _set_up(self, stack: ExitStack, path: Path, hook: StatementHook | None) -> None:
        connection = connections.open_writer(path)
        stack.callback(connection.close)
        connections.migrate(connection, hook)
        tree = transaction.load_tree(connection)
        self._readers = connections.Readers(path)
        stack.callback(self._readers.close)
        self._writer = Writer(connection, tree, hook)
        stack.callback(self._writer.stop)

    @classmethod
    def create(cls, path: Path, *, statement_hook: StatementHook | None = None) -> Self:
        """Return a new, empty store, or raise `STORE_EXISTS` and leave what is there alone."""
        return cls._locked(path, statement_hook, new=True)

    @classmethod
    def open(cls, path: Path, *, statement_hook: StatementHook | None = None) -> Self:
        """Return the store in `path`, brought up to date.

        Raises `STORE_MISSING`, `STORE_IN_USE` (another process has it), `STORE_UNSAFE` (others may
        read it), `STORE_INCOMPATIBLE` (another program's, or a later release's), `NOT_CONSISTENT`
        (the audit tree lacks nodes), `STORE_UNAVAILABLE` (SQLite cannot work on it).
        """
        return cls._locked(path, statement_hook, new=False)

    @classmethod
    def _locked(cls, path: Path, hook: StatementHook | None, *, new: bool) -> Self:
        lock = files.FileLock(path)
        with ExitStack() as stack:
            stack.callback(lock.release)
            if new:
                files.create_database(path)
            files.require_private(path)
            stack.pop_all()
        return cls(path, lock, hook)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish what was accepted, then let go of the file. Safe to call again."""
        self._closing.close()

    # Acts: the writer runs each in its turn and returns when the disk has it.

    def initialise(self, record: Initialisation) -> Recorded:
        """Write the broker's keys and leaf 0."""
        return self._writer.submit(partial(acts.initialise, record=record))

    def enrol_owner(self, record: OwnerEnrolment) -> Recorded:
        """Enrol an owner."""
        return self._writer.submit(partial(owner_acts.enrol_owner, record=record))

    def put_policy(self, record: PolicyEnrolment) -> Recorded:
        """Enrol a policy version."""
        return self._writer.submit(partial(owner_acts.put_policy, record=record))

    def rotate_owner(self, record: OwnerRotation) -> Recorded:
        """Enrol the key that follows another."""
        return self._writer.submit(partial(owner_acts.rotate_owner, record=record))

    def revoke(self, record: Revocation) -> Recorded:
        """Write down what is revoked."""
        return self._writer.submit(partial(owner_acts.revoke, record=record))

    def enrol_attestation_key(self, record: AttestationKeyEnrolment) -> Recorded:
        """Write down that an attestation key is certified."""
        return self._writer.submit(partial(acts.enrol_attestation_key, record=record))

    def record_release(self, record: ReleaseRecord) -> Recorded:
        """Write a whole release, or nothing of it."""
        return self._writer.submit(partial(acts.record_release, record=record))

    def record_refusal(self, record: RefusalRecord) -> Recorded:
        """Write a refusal."""
        return self._writer.submit(partial(acts.record_refusal, record=record))

    def purge_expired(self, now: datetime) -> int:
        """Forget what expired, in small transactions that let releases in between."""
        act = partial(acts.purge, now_seconds=to_seconds(now))
        total = forgotten = self._writer.submit(act)
        while forgotten >= PURGE_BATCH:
            forgotten = self._writer.submit(act)
            total += forgotten
        return total

    @property
    def writable(self) -> bool:
        """Whether anything can still be recorded."""
        return self._writer.running

    # Queries: each sees what is on disk at that moment.

    def sealed_keys(self) -> tuple[SealedKeyRow, ...]:
        """Every broker key, still sealed."""
        with self._readers.reader() as connection:
            return queries.sealed_keys(connection)

    def owner(self, key_id: str) -> OwnerRow | None:
        """The owner with this key, if enrolled."""
        with self._readers.reader() as connection:
            return queries.owner(connection, key_id)

    def policy(self, owner: str, name: str) -> PolicyRow | None:
        """The newest version of an owner's policy."""
        with self._readers.reader() as connection:
            return queries.policy(connection, owner, name)

    def highest_version(self, owner: str, module: str) -> int:
        """The highest version of a module ever released here, or 0."""
        with self._readers.reader() as connection:
            return queries.highest_version(connection, owner, module)

    def challenge_spent(self, nonce_hash: bytes) -> bool:
        """Whether a challenge was used, as far as is remembered."""
        with self._readers.reader() as connection:
            return queries.challenge_spent(connection, nonce_hash)

    def stored_response(self, runner_key: str, idempotency_key: str) -> StoredResponse | None:
        """The answer given before."""
        with self._readers.reader() as connection:
            return queries.stored_response(connection, runner_key, idempotency_key)

    def lease(self, lease_id: str) -> LeaseRow | None:
        """A lease, until it has expired and was purged."""
        with self._readers.reader() as connection:
            return queries.lease(connection, lease_id)

    def decision(self, decision_id: str) -> DecisionRow | None:
        """What was decided under this id."""
        with self._readers.reader() as connection:
            return queries.decision(connection, decision_id)

    def leaf_index(self, decision_id: str) -> int | None:
        """Where that decision stands in the log."""
        with self._readers.reader() as connection:
            return queries.leaf_index(connection, decision_id)

    def leaf(self, index: int) -> bytes | None:
        """The bytes of a leaf."""
        with self._readers.reader() as connection:
            return queries.leaf(connection, index)

    def tree_size(self) -> int:
        """How many leaves are on disk."""
        with self._readers.reader() as connection:
            return transaction.tree_size(connection)

    def tree_nodes(self, places: Sequence[NodePlace]) -> Mapping[NodePlace, bytes]:
        """Stored nodes of the audit tree among `places`."""
        with self._readers.reader() as connection:
            return transaction.read_nodes(connection, places)
