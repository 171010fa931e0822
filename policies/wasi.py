"""The functions of WASI preview 1 and what each one needs to be of use.

Source: WebAssembly/WASI, legacy/preview1/docs.md. `wasi_unstable` has the same names but
`sock_accept`, which came later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PREVIEW1: Final = "wasi_snapshot_preview1"
UNSTABLE: Final = "wasi_unstable"

# name -> the member of `spec` it draws on; "" when linking it is all there is to grant.
NEEDS: Final[Mapping[str, str]] = {
    "args_get": "args",
    "args_sizes_get": "args",
    "clock_res_get": "clock",
    "clock_time_get": "clock",
    "environ_get": "env",
    "environ_sizes_get": "env",
    "fd_advise": "files",
    "fd_allocate": "files",
    "fd_close": "",
    "fd_datasync": "files",
    "fd_fdstat_get": "",
    "fd_fdstat_set_flags": "",
    "fd_fdstat_set_rights": "",
    "fd_filestat_get": "",
    "fd_filestat_set_size": "files",
    "fd_filestat_set_times": "files",
    "fd_pread": "files",
    "fd_prestat_dir_name": "files",
    "fd_prestat_get": "files",
    "fd_pwrite": "files",
    "fd_read": "stdin",
    "fd_readdir": "files",
    "fd_renumber": "",
    "fd_seek": "files",
    "fd_sync": "files",
    "fd_tell": "files",
    "fd_write": "stdout",
    "path_create_directory": "files",
    "path_filestat_get": "files",
    "path_filestat_set_times": "files",
    "path_link": "files",
    "path_open": "files",
    "path_readlink": "files",
    "path_remove_directory": "files",
    "path_rename": "files",
    "path_symlink": "files",
    "path_unlink_file": "files",
    "poll_oneoff": "clock",
    "proc_exit": "",
    "proc_raise": "",
    "random_get": "random",
    "sched_yield": "",
    "sock_accept": "",
    "sock_recv": "",
    "sock_send": "",
    "sock_shutdown": "",
}

_FUNCTIONS: Final[Mapping[str, frozenset[str]]] = {
    PREVIEW1: frozenset(NEEDS),
    UNSTABLE: frozenset(NEEDS) - {"sock_accept"},
}


def split_import(text: str) -> tuple[str, str]:
    """Module and name of an import written as `module.name`."""
    module, _, name = text.partition(".")
    return module, name


def known_functions(module: str) -> frozenset[str] | None:
    """The functions of a WASI module, or None for a module that is not WASI."""
    return _FUNCTIONS.get(module)
