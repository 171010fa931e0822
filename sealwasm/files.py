"""Reading and writing files for the command line: bounded, atomic, and with errors that help."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from runner.limits import MAX_MODULE_BYTES
from sealwasm import printable
from sealwasm.failure import CliError, Kind

# Where click keeps, for one command, that nothing may be written.
DRY_RUN = "sealwasm.dry-run"
# Keys, policies and receipts are small; a larger file is the wrong file.
SMALL_FILE_BYTES = 1 << 20
# The largest module that a runner takes: what none runs is not worth sealing.
MODULE_FILE_BYTES = MAX_MODULE_BYTES


def os_failure(error: OSError, path: Path, doing: str) -> CliError:
    """Return what to tell a person when the system refused to work on `path`."""
    if isinstance(error, FileNotFoundError):
        return CliError(
            Kind.NOT_FOUND, "file-not-found", f"no such file: {path}", next_step=f"ls {path.parent}"
        )
    if isinstance(error, PermissionError):
        return CliError(
            Kind.USAGE,
            "permission-denied",
            f"not allowed to {doing} {path}",
            why="the operating system refused",
            next_step=f"ls -ld {path}",
        )
    if isinstance(error, IsADirectoryError):
        return CliError(Kind.USAGE, "is-a-folder", f"{path} is a folder, expected a file")
    if isinstance(error, NotADirectoryError):
        return CliError(Kind.USAGE, "not-a-folder", f"a part of {path} is not a folder")
    reason = error.strerror or type(error).__name__
    return CliError(Kind.USAGE, "file-error", f"cannot {doing} {path}", why=reason)


def read_file(path: str | Path, *, limit_bytes: int = SMALL_FILE_BYTES) -> bytes:
    """Return the bytes of a file of at most `limit_bytes`."""
    path = Path(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(limit_bytes + 1)
    except OSError as error:
        raise os_failure(error, path, "read") from error
    if len(data) > limit_bytes:
        raise too_large(path, limit_bytes)
    return data


def too_large(path: Path, limit_bytes: int) -> CliError:
    """Return the error for a file that is larger than anything of its kind."""
    return CliError(Kind.USAGE, "file-too-large", f"{path} is larger than {limit_bytes} bytes")


def refuse_existing(path: Path) -> None:
    """Raise when `path` exists: commands never overwrite what they did not make."""
    if path.exists() or path.is_symlink():
        raise CliError(
            Kind.CONFLICT,
            "file-exists",
            f"{path} exists and is not overwritten",
            next_step="choose another name, or move the file away",
        )


def require_place(path: Path) -> None:
    """Raise unless a new file could be made at `path`: for results that cannot be had twice."""
    refuse_existing(path)
    _require_folder(path)


def is_dry_run() -> bool:
    """Return whether the command that runs was told to write nothing."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(DRY_RUN))


def _require_folder(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        raise CliError(
            Kind.NOT_FOUND,
            "folder-not-found",
            f"there is no folder for {path}",
            next_step=f"mkdir -p {path.parent}",
        )


def make_folder(path: Path, *, mode: int = 0o777) -> None:
    """Make a folder and those above it, unless they are there."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise os_failure(error, path, "make the folder") from error


@contextlib.contextmanager
def stream_file(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """Give a stream to a new file, which is there as a whole after the block or not at all."""
    refuse_existing(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        # link() fails where rename() would overwrite a file made in the meantime.
        os.link(temporary, path)
    except FileExistsError as error:
        raise CliError(Kind.CONFLICT, "file-exists", f"{path} exists") from error
    except OSError as error:
        raise os_failure(error, path, "write") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_file(path: str | Path, data: bytes, *, mode: int = 0o644, replace: bool = False) -> None:
    """Write a whole file or nothing: a temporary file beside it, synced, then moved into place."""
    path = Path(path)
    if not replace:
        refuse_existing(path)
    if is_dry_run():
        _require_folder(path)
        click.echo(printable.one_line(f"dry run: {path} was not written"), err=True)
        return
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            temporary.replace(path)
        else:
            # link() fails where rename() would overwrite a file made in the meantime.
            os.link(temporary, path)
            temporary.unlink()
    except FileExistsError as error:
        raise CliError(Kind.CONFLICT, "file-exists", f"{path} exists") from error
    except OSError as error:
        raise os_failure(error, path, "write") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
