"""The database file: whose it is, who may read it, and that one process owns it."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

from keybroker.errors import BrokerCode, BrokerError

OWNER_ONLY = 0o600
_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FileLock:
    """An advisory lock on `<database>.lock`, held until `release` or the end of the process.

    Two processes that write one SQLite file starve each other for seconds, so the second one is
    turned away at once. The lock is on a file of its own: closing any descriptor of the database
    would drop SQLite's own locks. Network file systems may not honour it.
    """

    def __init__(self, database: Path) -> None:
        path = database.with_name(f"{database.name}.lock")
        try:
            self._descriptor = os.open(path, _LOCK_FLAGS, OWNER_ONLY)
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            detail = f"another process has {database} open; one broker owns one database"
            raise BrokerError(BrokerCode.STORE_IN_USE, detail) from error

    def release(self) -> None:
        """Give the lock up. Safe to call again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def create_database(path: Path) -> None:
    """Create an empty file only its owner may read, or raise `STORE_EXISTS`."""
    try:
        os.close(os.open(path, _NEW_FLAGS, OWNER_ONLY))
    except FileExistsError as error:
        raise BrokerError(BrokerCode.STORE_EXISTS, f"{path} exists already") from error
    except OSError as error:
        raise _unusable(path, error) from error


def require_private(path: Path) -> None:
    """Raise unless `path` is a plain file of this user that nobody else may touch."""
    try:
        facts = path.lstat()
    except FileNotFoundError as error:
        raise BrokerError(BrokerCode.STORE_MISSING, f"there is no database {path}") from error
    except OSError as error:
        raise _unusable(path, error) from error
    if not stat.S_ISREG(facts.st_mode):
        raise BrokerError(BrokerCode.STORE_UNSAFE, f"{path} is not a plain file")
    if facts.st_uid != os.geteuid():
        raise BrokerError(BrokerCode.STORE_UNSAFE, f"{path} belongs to user {facts.st_uid}")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        mode = stat.S_IMODE(facts.st_mode)
        raise BrokerError(BrokerCode.STORE_UNSAFE, f"{path} has mode {mode:04o}, expected 0600")


def _unusable(path: Path, error: OSError) -> BrokerError:
    return BrokerError(BrokerCode.STORE_UNAVAILABLE, f"{path}: {error.strerror}")
