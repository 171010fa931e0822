"""What is known about files: type, size, times."""

# ruff: noqa: PLR0917  the arguments are those of the specification
from __future__ import annotations

from runner.wasi.abi import FILESTAT, OFFSET_MAX, Errno, Rights, TimeFlags
from runner.wasi.calls.lookup import existing, follows, require_writable
from runner.wasi.descriptors import OpenFile, TreeDescriptor, node_filestat
from runner.wasi.errors import WasiError
from runner.wasi.host import Host
from runner.wasi.memory import path_text, region
from runner.wasi.tree import Node


def fd_filestat_get(host: Host, fd: int, result: int) -> int:
    """Write what is known about an open file."""
    descriptor = host.descriptors.get(fd)
    descriptor.need(Rights.FD_FILESTAT_GET)
    region(host.memory.view, result, FILESTAT.size)[:] = descriptor.filestat()
    return 0


def fd_filestat_set_size(host: Host, fd: int, size: int) -> int:
    """Cut a file or fill it up with zeros."""
    descriptor = host.descriptors.get(fd)
    descriptor.need(Rights.FD_FILESTAT_SET_SIZE)
    if not isinstance(descriptor, OpenFile) or size > OFFSET_MAX:
        raise WasiError(Errno.INVAL)
    descriptor.tree.resize(descriptor.node, size)
    return 0


def fd_filestat_set_times(host: Host, fd: int, atim: int, mtim: int, flags: int) -> int:
    """Set the times of an open file."""
    descriptor = host.descriptors.get(fd)
    descriptor.need(Rights.FD_FILESTAT_SET_TIMES)
    if not isinstance(descriptor, TreeDescriptor):
        raise WasiError(Errno.INVAL)
    require_writable(host, descriptor.tree, "set times")
    _set_times(host, descriptor.held, atim, mtim, flags)
    return 0


def path_filestat_get(host: Host, fd: int, lookup: int, path: int, length: int, result: int) -> int:
    """Write what is known about the file at a path."""
    directory = host.descriptors.directory(fd, Rights.PATH_FILESTAT_GET)
    view = host.memory.view
    name, target = path_text(view, path, length), region(view, result, FILESTAT.size)
    node = existing(host, directory, name, follow=follows(lookup))
    target[:] = node_filestat(directory.tree, node)
    return 0


def path_filestat_set_times(
    host: Host, fd: int, lookup: int, path: int, length: int, atim: int, mtim: int, flags: int
) -> int:
    """Set the times of the file at a path."""
    directory = host.descriptors.directory(fd, Rights.PATH_FILESTAT_SET_TIMES)
    name = path_text(host.memory.view, path, length)
    node = existing(host, directory, name, follow=follows(lookup))
    require_writable(host, directory.tree, name)
    _set_times(host, node, atim, mtim, flags)
    return 0


def _set_times(host: Host, node: Node, atim: int, mtim: int, flags: int) -> None:
    both_atim = TimeFlags.ATIM | TimeFlags.ATIM_NOW
    both_mtim = TimeFlags.MTIM | TimeFlags.MTIM_NOW
    contradicts = flags & both_atim == both_atim or flags & both_mtim == both_mtim
    if flags & ~TimeFlags.ALL or contradicts:
        raise WasiError(Errno.INVAL)
    now = host.clock.stamp()
    if flags & both_atim:
        node.atime = atim if flags & TimeFlags.ATIM else now
    if flags & both_mtim:
        node.mtime = mtim if flags & TimeFlags.MTIM else now
    node.ctime = now
