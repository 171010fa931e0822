"""Modules in clear, from files and registries, without being in memory as a whole."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from sealing.errors import SealError, SealRefusal
from sealwasm.artifacts.transfers import looks_like_reference, parse_reference, require_magic
from sealwasm.failure import CliError, Kind
from sealwasm.files import MODULE_FILE_BYTES, os_failure, too_large
from sealwasm.progress import progress_bar

if TYPE_CHECKING:
    from sealing.module_source import ModuleSource
    from sealwasm.artifacts.registry_access import RegistryAccess
    from sealwasm.session import Session

# Before a reference to a module in clear. Whoever writes it says that the module is not secret:
# without it a registry could give one in clear, of its own choice, where a sealed one is meant.
PLAIN_PREFIX = "plain:"

# How a reader of sealed modules refuses what may be one in clear: by the first thing it comes to.
_OF_THE_FORM = (
    SealRefusal.NOT_CANONICAL,
    SealRefusal.UNKNOWN_MEMBER,
    SealRefusal.MEDIA_TYPE,
    SealRefusal.LAYER_COUNT,
    SealRefusal.NOT_SEALED,
    SealRefusal.MALFORMED,
)


def take_module(session: Session, text: str, registry: RegistryAccess) -> ModuleSource:
    """Return the module that `text` names: a file, or `plain:` and a reference.

    A file whose name begins so is `./plain:...`. Raises `CliError` or `SealError`.
    """
    if text.startswith(PLAIN_PREFIX):
        return _from_store(session, text.removeprefix(PLAIN_PREFIX), registry)
    if looks_like_reference(text):
        raise CliError(
            Kind.USAGE,
            "module-in-clear",
            f"{text} is no file, but a reference",
            why="a module that is in clear there has to be called so",
            next_step=f"{PLAIN_PREFIX}{text}",
        )
    return open_module(text)


def _from_store(session: Session, text: str, registry: RegistryAccess) -> ModuleSource:
    from sealing.oci.plain import fetch_plain, find_plain

    reference = parse_reference(text)
    with registry.open(reference) as store, progress_bar("pulling") as progress:
        found = find_plain(store, reference)
        place = f"{reference.location}@{found.manifest}"
        with _private_file() as file:
            module = fetch_plain(
                store, found, file, limit_bytes=MODULE_FILE_BYTES, progress=progress
            )
    session.say(f"module in clear: {place}, {module.size} bytes, {module.digest}")
    session.say(
        "warning: whoever could read it there may have it. Sealing makes no secret of it again: "
        "delete it there and wherever it was copied to, and seal what must stay secret from the "
        "first build on"
    )
    return module


@contextmanager
def expected_sealed(text: str, registry: RegistryAccess) -> Iterator[None]:
    """Say so where what was read as a sealed module is one in clear. Raises `CliError`."""
    try:
        yield
    except SealError as error:
        if error.code not in _OF_THE_FORM or not _is_plain(text, registry):
            raise
        raise CliError(
            Kind.ARTIFACT,
            SealRefusal.NOT_SEALED.value,
            f"{text} is a module in clear, expected a sealed one",
            why=f"{PLAIN_PREFIX} before it says that it is meant",
            next_step=f"to seal it: sealwasm publish {PLAIN_PREFIX}{text}",
        ) from error


def _is_plain(text: str, registry: RegistryAccess) -> bool:
    from sealing.oci.plain import find_plain

    reference = parse_reference(text)
    try:
        with registry.open(reference) as store:
            find_plain(store, reference)
    except SealError:
        return False
    return True


def _private_file() -> BinaryIO:
    """Return an empty file without a name: nobody else can open it, and it goes when we end."""
    try:
        return cast("BinaryIO", tempfile.TemporaryFile(prefix="sealwasm-"))
    except OSError as error:
        raise os_failure(error, Path(tempfile.gettempdir()), "write to") from error


def open_module(name: str) -> ModuleSource:
    """Return the module in a file, which from now on may not change, or raise `CliError`.

    What can be read only once, such as a pipe, is read into memory.
    """
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            source = _in_file(descriptor, status.st_size, Path(name))
        else:
            source = _in_memory(descriptor, Path(name))
    except OSError as error:
        raise os_failure(error, Path(name), "read") from error
    require_magic(name, bytes(source.view()[:4]))
    return source


def _in_file(descriptor: int, size: int, path: Path) -> ModuleSource:
    from sealing.module_source import ModuleFile

    if size > MODULE_FILE_BYTES:
        os.close(descriptor)
        raise too_large(path, MODULE_FILE_BYTES)
    return ModuleFile(descriptor)


def _in_memory(descriptor: int, path: Path) -> ModuleSource:
    from sealing.module_source import ModuleBytes

    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read(MODULE_FILE_BYTES + 1)
    if len(data) > MODULE_FILE_BYTES:
        raise too_large(path, MODULE_FILE_BYTES)
    return ModuleBytes(data)
