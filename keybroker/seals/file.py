"""The master key in a file: for one machine, as safe as that machine's disk and root user."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from keybroker.errors import BrokerCode, BrokerError
from keybroker.seals.box import MASTER_KEY_BYTES, SealedBox
from sealing.secret import SecretBuffer

_HEADER = b"sealwasm master key\n"
_FILE_BYTES = len(_HEADER) + MASTER_KEY_BYTES
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OWNER_ONLY = 0o600


def create_master_key(path: Path, *, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
    """Write a new master key to a file only its owner may read, and to the disk under it.

    Raises `MASTER_KEY_EXISTS` and leaves alone what is there: losing a master key is for ever.
    """
    try:
        descriptor = os.open(path, _CREATE_FLAGS, _OWNER_ONLY)
    except FileExistsError as error:
        raise BrokerError(BrokerCode.MASTER_KEY_EXISTS, f"{path} exists already") from error
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_HEADER + entropy(MASTER_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _unusable(path, error) from error


def open_master_key(
    path: Path, *, entropy: Callable[[int], bytes] = secrets.token_bytes
) -> SealedBox:
    """Return the box of the master key in `path`. What was read is wiped; the cipher has its copy.

    Raises `MASTER_KEY_MISSING`, `MASTER_KEY_UNSAFE` (a link, another owner, others may read or
    write it) or `MASTER_KEY_MALFORMED`.
    """
    try:
        descriptor = os.open(path, _READ_FLAGS)
    except FileNotFoundError as error:
        raise BrokerError(BrokerCode.MASTER_KEY_MISSING, f"there is no {path}") from error
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _require_private(path, os.fstat(descriptor))
        return _read(path, descriptor, entropy)
    finally:
        os.close(descriptor)


def _read(path: Path, descriptor: int, entropy: Callable[[int], bytes]) -> SealedBox:
    with SecretBuffer(_FILE_BYTES + 1) as buffer:
        read = os.readv(descriptor, [buffer.view])
        if read != _FILE_BYTES or buffer.view[: len(_HEADER)] != _HEADER:
            detail = f"{path} is not a master key file"
            raise BrokerError(BrokerCode.MASTER_KEY_MALFORMED, detail)
        return SealedBox(buffer.view[len(_HEADER) : _FILE_BYTES], entropy)


def _require_private(path: Path, facts: os.stat_result) -> None:
    mode = stat.S_IMODE(facts.st_mode)
    if not stat.S_ISREG(facts.st_mode):
        raise BrokerError(BrokerCode.MASTER_KEY_UNSAFE, f"{path} is not a plain file")
    if facts.st_uid != os.geteuid():
        raise BrokerError(BrokerCode.MASTER_KEY_UNSAFE, f"{path} belongs to user {facts.st_uid}")
    if mode & 0o177:
        raise BrokerError(
            BrokerCode.MASTER_KEY_UNSAFE, f"{path} has mode {mode:04o}, expected 0600 or stricter"
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: OSError) -> BrokerError:
    # A symbolic link fails here with ELOOP.
    return BrokerError(BrokerCode.MASTER_KEY_UNSAFE, f"{path}: {error.strerror}")
