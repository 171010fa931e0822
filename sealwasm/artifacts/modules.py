"""Modules in clear, read from files without being in memory as a whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from sealwasm.artifacts.transfers import require_magic
from sealwasm.files import MODULE_FILE_BYTES, os_failure, too_large

if TYPE_CHECKING:
    from sealing.module_source import ModuleSource


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
