"""Descriptors as such: what they are, what they may, closing and renumbering, preopens."""

from __future__ import annotations

from runner.wasi.abi import FDSTAT, PREOPEN_DIRECTORY, PRESTAT, Errno, FdFlags, Rights
from runner.wasi.descriptors import OpenDirectory
from runner.wasi.errors import WasiError
from runner.wasi.host import Host
from runner.wasi.memory import region


def fd_close(host: Host, fd: int) -> int:
    """Close a descriptor, a preopen as well."""
    host.descriptors.close(fd)
    return 0


def fd_renumber(host: Host, source: int, target: int) -> int:
    """Put one descriptor in the place of another, which is closed."""
    host.descriptors.renumber(source, target)
    return 0


def fd_fdstat_get(host: Host, fd: int, result: int) -> int:
    """Write type, flags and rights of a descriptor."""
    descriptor = host.descriptors.get(fd)
    region(host.memory.view, result, FDSTAT.size)[:] = descriptor.fdstat()
    return 0


def fd_fdstat_set_flags(host: Host, fd: int, flags: int) -> int:
    """Change the flags. Only appending has a meaning in memory; the others are kept."""
    descriptor = host.descriptors.get(fd)
    descriptor.need(Rights.FD_FDSTAT_SET_FLAGS)
    if flags & ~FdFlags.ALL:
        raise WasiError(Errno.INVAL)
    descriptor.flags = flags
    return 0


def fd_fdstat_set_rights(host: Host, fd: int, base: int, inheriting: int) -> int:
    """Give rights up. Nobody gets any back."""
    descriptor = host.descriptors.get(fd)
    if base & ~descriptor.rights or inheriting & ~descriptor.inheriting:
        raise WasiError(Errno.NOTCAPABLE)
    descriptor.rights = base
    descriptor.inheriting = inheriting
    return 0


def fd_prestat_get(host: Host, fd: int, result: int) -> int:
    """Write that a descriptor is a preopened directory, and how long its name is."""
    name = _preopen(host, fd)
    region(host.memory.view, result, PRESTAT.size)[:] = PRESTAT.pack(PREOPEN_DIRECTORY, len(name))
    return 0


def fd_prestat_dir_name(host: Host, fd: int, path: int, length: int) -> int:
    """Write the name of a preopened directory, without a NUL."""
    name = _preopen(host, fd)
    target = region(host.memory.view, path, length)
    if length < len(name):
        raise WasiError(Errno.NAMETOOLONG)
    target[: len(name)] = name
    return 0


def _preopen(host: Host, fd: int) -> bytes:
    descriptor = host.descriptors.get(fd)
    if not isinstance(descriptor, OpenDirectory) or descriptor.preopen is None:
        raise WasiError(Errno.BADF)
    return descriptor.preopen.encode()
