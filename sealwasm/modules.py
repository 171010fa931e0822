"""Modules in clear, read from files without being in memory as a whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from sealwasm.artifacts import read_module, require_magic
from sealwasm.files import MODULE_FILE_BYTES, os_failure, too_large

if TYPE_CHECKING:
    from sealing.module_source import ModuleSource


def open_module(name: str) -> ModuleSource:
    """Return the module in a file, which from now on may not change, or raise `CliError`.

    What can be read only once, such as a pipe, is read into memory.
    """
    from sealing.module_source import ModuleBytes, ModuleFile

    path = Path(name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise os_failure(error, path, "read") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        return ModuleBytes(read_module(name))
    if status.st_size > MODULE_FILE_BYTES:
        os.close(descriptor)
        raise too_large(path, MODULE_FILE_BYTES)
    source = ModuleFile(descriptor)
    require_magic(name, bytes(source.view()[:4]))
    return source
