"""One process, one private file, of our own making, with every setting on."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from keybroker.errors import BrokerCode, BrokerError
from keybroker.store import connections, limits
from keybroker.store.files import FileLock
from keybroker.store.sqlite import SqliteStore
from tests.unit.keybroker import records


def refusal(act) -> BrokerCode:
    with pytest.raises(BrokerError) as caught:
        act()
    return caught.value.code


@pytest.fixture
def made(database) -> Path:
    SqliteStore.create(database).close()
    return database


def test_files_are_private(database) -> None:
    previous = os.umask(0)
    try:
        with SqliteStore.create(database) as store:
            store.initialise(records.birth())
            files = list(database.parent.iterdir())
            assert len(files) == 4
            assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    finally:
        os.umask(previous)


def test_settings_are_on(store) -> None:
    with store._readers.reader() as reader:
        for connection in (reader, store._writer._connection):
            settings = {
                name: connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("foreign_keys", "trusted_schema", "cell_size_check", "journal_mode")
            }
            assert settings == {
                "foreign_keys": 1,
                "trusted_schema": 0,
                "cell_size_check": 1,
                "journal_mode": "wal",
            }
    (synchronous,) = store._writer._connection.execute("PRAGMA synchronous").fetchone()
    assert synchronous == 2


def test_existing_file_is_left_alone(made) -> None:
    before = made.read_bytes()
    assert refusal(lambda: SqliteStore.create(made)) == BrokerCode.STORE_EXISTS
    assert made.read_bytes() == before


def test_missing_file_is_not_made(database) -> None:
    assert refusal(lambda: SqliteStore.open(database)) == BrokerCode.STORE_MISSING
    assert not database.exists()


def test_missing_folder(tmp_path) -> None:
    for act in (SqliteStore.create, SqliteStore.open):
        code = refusal(lambda act=act: act(tmp_path / "absent" / "broker.db"))
        assert code == BrokerCode.STORE_UNAVAILABLE


@pytest.mark.parametrize("length", [248, 251])
def test_name_too_long_for_its_lock_or_its_log(tmp_path, length) -> None:
    code = refusal(lambda: SqliteStore.create(tmp_path / ("n" * length)))
    assert code == BrokerCode.STORE_UNAVAILABLE


def test_folder_that_cannot_be_written(made, monkeypatch) -> None:
    real = os.open

    def read_only(path, flags, *mode, **named):
        if flags & os.O_EXCL:
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *mode, **named)

    monkeypatch.setattr(os, "open", read_only)
    code = refusal(lambda: SqliteStore.create(made.with_name("new.db")))
    assert code == BrokerCode.STORE_UNAVAILABLE


def test_file_that_cannot_be_looked_at(made, monkeypatch) -> None:
    def denied(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "lstat", denied)
    assert refusal(lambda: SqliteStore.open(made)) == BrokerCode.STORE_UNAVAILABLE


def test_lock_is_given_up_once(made) -> None:
    lock = FileLock(made)
    lock.release()
    lock.release()
    FileLock(made).release()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o644])
def test_looser_modes_are_refused(made, mode) -> None:
    made.chmod(mode)
    assert refusal(lambda: SqliteStore.open(made)) == BrokerCode.STORE_UNSAFE


def test_files_of_others_are_refused(made, monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: made.stat().st_uid + 1)
    assert refusal(lambda: SqliteStore.open(made)) == BrokerCode.STORE_UNSAFE


def test_links_and_folders_are_refused(made) -> None:
    link = made.with_name("link.db")
    link.symlink_to(made)
    assert refusal(lambda: SqliteStore.open(link)) == BrokerCode.STORE_UNSAFE
    assert refusal(lambda: SqliteStore.create(link)) == BrokerCode.STORE_EXISTS
    made.with_name("folder.db").mkdir()
    code = refusal(lambda: SqliteStore.open(made.with_name("folder.db")))
    assert code == BrokerCode.STORE_UNSAFE


def test_linked_lock_is_refused(made) -> None:
    lock = made.with_name(f"{made.name}.lock")
    lock.unlink()
    lock.symlink_to("/dev/null")
    assert refusal(lambda: SqliteStore.open(made)) == BrokerCode.STORE_UNAVAILABLE


def test_second_opener_is_turned_away(made) -> None:
    with SqliteStore.open(made):
        assert refusal(lambda: SqliteStore.open(made)) == BrokerCode.STORE_IN_USE
    SqliteStore.open(made).close()


def test_second_process_is_turned_away(made) -> None:
    script = (
        "import sys; from pathlib import Path; from keybroker.store.sqlite import SqliteStore;"
        "SqliteStore.open(Path(sys.argv[1]))"
    )
    with SqliteStore.open(made):
        other = subprocess.run(
            [sys.executable, "-c", script, str(made)], capture_output=True, text=True, check=False
        )
    assert other.returncode != 0
    assert "store-in-use: another process has" in other.stderr


@pytest.mark.parametrize(
    "change",
    [
        "PRAGMA user_version = 99",
        "PRAGMA application_id = 1",
        "PRAGMA application_id = 0",
    ],
)
def test_other_databases_are_refused(made, change) -> None:
    vandal = sqlite3.connect(made)
    vandal.execute(change)
    vandal.close()
    assert refusal(lambda: SqliteStore.open(made)) == BrokerCode.STORE_INCOMPATIBLE


def test_other_files_are_refused(made) -> None:
    made.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    for _ in range(2):
        assert refusal(lambda: SqliteStore.open(made)) == BrokerCode.STORE_UNAVAILABLE


def test_file_that_vanishes_while_open_cannot_be_read(made, monkeypatch) -> None:
    with SqliteStore.open(made) as store:
        monkeypatch.setattr(store._readers, "_path", made.with_name("gone.db"))
        assert refusal(store.tree_size) == BrokerCode.STORE_UNAVAILABLE


def test_lost_nodes_are_noticed_at_once(database) -> None:
    with SqliteStore.create(database) as store:
        store.initialise(records.birth())
    vandal = sqlite3.connect(database)
    vandal.execute("DELETE FROM node")
    vandal.commit()
    vandal.close()
    assert refusal(lambda: SqliteStore.open(database)) == BrokerCode.NOT_CONSISTENT
    assert refusal(lambda: SqliteStore.open(database)) == BrokerCode.NOT_CONSISTENT


def test_old_sqlite_is_refused(made, monkeypatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 30, 9))
    assert refusal(lambda: SqliteStore.open(made)) == BrokerCode.STORE_INCOMPATIBLE


def test_file_system_without_shared_memory_is_refused(made, monkeypatch) -> None:
    class OldJournal(sqlite3.Connection):
        def execute(self, sql, *values):
            return super().execute(sql.replace("= WAL", "= DELETE"), *values)

    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **named: connect(*args, factory=OldJournal, **named)
    )
    assert refusal(lambda: SqliteStore.open(made)) == BrokerCode.STORE_INCOMPATIBLE


def test_migrations_run_once_each_and_in_order(database, monkeypatch) -> None:
    first = connections._migrations()
    SqliteStore.create(database).close()
    monkeypatch.setattr(
        connections, "_migrations", lambda: [*first, "CREATE TABLE later (x);\n-- end\n"]
    )
    for _ in range(2):
        with SqliteStore.open(database) as store, store._readers.reader() as reader:
            assert reader.execute("PRAGMA user_version").fetchone() == (len(first) + 1,)
            assert reader.execute("SELECT count(*) FROM later").fetchone() == (0,)


def test_migration_files_are_numbered_without_a_gap() -> None:
    folder = Path(connections.__file__).parent / "migrations"
    numbers = [int(path.name[:4]) for path in sorted(folder.glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_settings_of_the_limits_hold() -> None:
    assert sqlite3.sqlite_version_info >= limits.MIN_SQLITE
