"""SQLite connections with every setting stated, migrations, and the pool of readers."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from keybroker.audit.tree import Frontier
from keybroker.errors import BrokerCode, BrokerError
from keybroker.store import limits
from keybroker.store.transaction import StatementHook, Transaction

_SETTINGS = (
    f"PRAGMA busy_timeout = {limits.BUSY_MILLISECONDS}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    f"PRAGMA cache_size = -{limits.CACHE_KIB}",
)
# FULL: a commit returns when the write-ahead log is on the disk, not when the kernel has it.
_WRITER_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA temp_store = MEMORY",  # what a savepoint must remember never goes to a file
    f"PRAGMA journal_size_limit = {limits.WAL_BYTES}",
)


def open_writer(path: Path) -> sqlite3.Connection:
    """Return the connection that writes.

    Raises `STORE_INCOMPATIBLE` for an old SQLite or a file system it cannot work on, and
    `sqlite3.Error` for a file it cannot work on.
    """
    if sqlite3.sqlite_version_info < limits.MIN_SQLITE:
        detail = f"SQLite {sqlite3.sqlite_version} is older than 3.31"
        raise BrokerError(BrokerCode.STORE_INCOMPATIBLE, detail)
    connection = _connect(path, "rw", _WRITER_SETTINGS)
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        connection.close()
        detail = f"{path}: the file system cannot hold a write-ahead log"
        raise BrokerError(BrokerCode.STORE_INCOMPATIBLE, detail)
    return connection


def migrate(connection: sqlite3.Connection, hook: StatementHook | None) -> None:
    """Bring the schema up to date, each migration in one transaction, or raise.

    Raises `STORE_INCOMPATIBLE` for another program's database or one from a later release.
    """
    migrations = _migrations()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != limits.APPLICATION_ID and (application or tables):
        raise BrokerError(BrokerCode.STORE_INCOMPATIBLE, "this is not a broker's database")
    if version > len(migrations):
        detail = f"schema {version} is from a later release, this one knows {len(migrations)}"
        raise BrokerError(BrokerCode.STORE_INCOMPATIBLE, detail)
    for number, script in enumerate(migrations[version:], start=version + 1):
        transaction = Transaction(connection, Frontier(), hook)
        transaction.execute("BEGIN IMMEDIATE")
        for statement in _statements(script):
            transaction.execute(statement)
        transaction.execute(f"PRAGMA application_id = {limits.APPLICATION_ID}")
        transaction.execute(f"PRAGMA user_version = {number}")
        transaction.execute("COMMIT")


class Readers:
    """Connections that cannot write, lent to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._open = True

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection. Raises `STORE_UNAVAILABLE` if the file cannot be read."""
        if not self._open:
            raise BrokerError(BrokerCode.STORE_UNAVAILABLE, "the store is closed")
        connection: sqlite3.Connection | None = None
        try:
            connection = self._take()
            yield connection
        except sqlite3.Error as error:
            raise BrokerError(BrokerCode.STORE_UNAVAILABLE, f"cannot be read: {error}") from error
        finally:
            if connection is not None:
                self._give_back(connection)

    def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        self._open = False
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return _connect(self._path, "ro")

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._open and len(self._idle) < limits.IDLE_READERS:
            self._idle.append(connection)
        else:
            connection.close()


def _connect(path: Path, mode: str, settings: Sequence[str] = ()) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        for setting in (*_SETTINGS, *settings):
            connection.execute(setting)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _migrations() -> list[str]:
    """Return the scripts in the order of their numbers, which have no gap."""
    folder = resources.files("keybroker.store.migrations")
    files = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    return [entry.read_text(encoding="utf-8") for entry in files]


def _statements(script: str) -> Iterator[str]:
    """Cut a script into its statements."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
