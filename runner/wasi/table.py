"""Which functions there are, their types, and which of them this host has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from runner.wasi.calls import clock, handles, io, opening, paths, poll, process, stat

Call = Callable[..., int]

# Parameters of all 46 functions of wasi_snapshot_preview1: i is i32, I is i64. Each but proc_exit
# returns an i32.
SIGNATURES: Final[Mapping[str, str]] = {
    "args_get": "ii",
    "args_sizes_get": "ii",
    "clock_res_get": "ii",
    "clock_time_get": "iIi",
    "environ_get": "ii",
    "environ_sizes_get": "ii",
    "fd_advise": "iIIi",
    "fd_allocate": "iII",
    "fd_close": "i",
    "fd_datasync": "i",
    "fd_fdstat_get": "ii",
    "fd_fdstat_set_flags": "ii",
    "fd_fdstat_set_rights": "iII",
    "fd_filestat_get": "ii",
    "fd_filestat_set_size": "iI",
    "fd_filestat_set_times": "iIIi",
    "fd_pread": "iiiIi",
    "fd_prestat_dir_name": "iii",
    "fd_prestat_get": "ii",
    "fd_pwrite": "iiiIi",
    "fd_read": "iiii",
    "fd_readdir": "iiiIi",
    "fd_renumber": "ii",
    "fd_seek": "iIii",
    "fd_sync": "i",
    "fd_tell": "ii",
    "fd_write": "iiii",
    "path_create_directory": "iii",
    "path_filestat_get": "iiiii",
    "path_filestat_set_times": "iiiiIIi",
    "path_link": "iiiiiii",
    "path_open": "iiiiiIIii",
    "path_readlink": "iiiiii",
    "path_remove_directory": "iii",
    "path_rename": "iiiiii",
    "path_symlink": "iiiii",
    "path_unlink_file": "iii",
    "poll_oneoff": "iiii",
    "proc_exit": "i",
    "proc_raise": "i",
    "random_get": "ii",
    "sched_yield": "",
    "sock_accept": "iii",
    "sock_recv": "iiiiii",
    "sock_send": "iiiii",
    "sock_shutdown": "ii",
}

# Functions of the specification that this host does not have, and why.
ABSENT: Final[Mapping[str, str]] = {
    "proc_raise": "there are no signals",
    "sock_accept": "there are no sockets",
    "sock_recv": "there are no sockets",
    "sock_send": "there are no sockets",
    "sock_shutdown": "there are no sockets",
}

_MODULES = (clock, handles, io, opening, paths, poll, process, stat)


@dataclass(frozen=True, slots=True)
class Function:
    """One host function: its name, its parameters, whether it returns, and what it does."""

    name: str
    parameters: str
    returns: bool
    call: Call = field(repr=False)


def _functions() -> dict[str, Function]:
    functions = {}
    for name, parameters in SIGNATURES.items():
        if name not in ABSENT:
            call = next(getattr(module, name) for module in _MODULES if hasattr(module, name))
            functions[name] = Function(name, parameters, name != "proc_exit", call)
    return functions


FUNCTIONS: Final[Mapping[str, Function]] = _functions()
