"""Reading, writing and seeking through descriptors."""

# ruff: noqa: PLR0917  the arguments are those of the specification
from __future__ import annotations

from runner.wasi.abi import HIGHEST_ADVICE, OFFSET_MAX, U32, U64, Errno, Rights, Whence
from runner.wasi.descriptors import OpenFile
from runner.wasi.errors import WasiError
from runner.wasi.host import Host
from runner.wasi.memory import region, require_region, vectors

_FD_READ = Rights.FD_READ
_FD_WRITE = Rights.FD_WRITE


def fd_write(host: Host, fd: int, iovs: int, count: int, result: int) -> int:
    """Write buffers at the offset and say how many bytes were taken."""
    descriptor = host.descriptors.get(fd)
    descriptor.need(_FD_WRITE)
    view = host.memory.view
    buffers = vectors(view, iovs, count)
    require_region(view, result, 4)
    U32.pack_into(view, result, descriptor.write(buffers))
    return 0


def fd_read(host: Host, fd: int, iovs: int, count: int, result: int) -> int:
    """Read at the offset into buffers and say how many bytes came."""
    descriptor = host.descriptors.get(fd)
    descriptor.need(_FD_READ)
    view = host.memory.view
    buffers = vectors(view, iovs, count)
    require_region(view, result, 4)
    U32.pack_into(view, result, descriptor.read(buffers))
    return 0


def fd_pread(host: Host, fd: int, iovs: int, count: int, offset: int, result: int) -> int:
    """Read at `offset`; the descriptor's own offset stays."""
    file = _file(host, fd, Rights.FD_READ, offset)
    view = host.memory.view
    buffers = vectors(view, iovs, count)
    target = region(view, result, 4)
    U32.pack_into(target, 0, file.pread(buffers, offset))
    return 0


def fd_pwrite(host: Host, fd: int, iovs: int, count: int, offset: int, result: int) -> int:
    """Write at `offset`; the descriptor's own offset stays, and appending does not apply."""
    file = _file(host, fd, Rights.FD_WRITE, offset)
    view = host.memory.view
    buffers = vectors(view, iovs, count)
    target = region(view, result, 4)
    U32.pack_into(target, 0, file.pwrite(buffers, offset))
    return 0


def fd_seek(host: Host, fd: int, offset: int, whence: int, result: int) -> int:
    """Move the offset and write where it is now. Asking for it needs no more than telling."""
    signed = offset - (1 << 64) if offset > OFFSET_MAX else offset
    asks = signed == 0 and whence == Whence.CUR
    file = _telling(host, fd) if asks else _file(host, fd, Rights.FD_SEEK)
    target = region(host.memory.view, result, 8)
    U64.pack_into(target, 0, file.seek(signed, whence))
    return 0


def fd_tell(host: Host, fd: int, result: int) -> int:
    """Write the offset."""
    file = _telling(host, fd)
    U64.pack_into(region(host.memory.view, result, 8), 0, file.offset)
    return 0


def fd_advise(host: Host, fd: int, offset: int, length: int, advice: int) -> int:
    """Take note of advice, which changes nothing in memory."""
    _file(host, fd, Rights.FD_ADVISE, offset, length)
    if advice > HIGHEST_ADVICE:
        raise WasiError(Errno.INVAL)
    return 0


def fd_allocate(host: Host, fd: int, offset: int, length: int) -> int:
    """Make sure the file reaches up to `offset + length`."""
    file = _file(host, fd, Rights.FD_ALLOCATE, offset, length)
    if length == 0:
        raise WasiError(Errno.INVAL)
    file.tree.allocate(file.node, offset + length)
    return 0


def fd_sync(host: Host, fd: int) -> int:
    """Nothing to wait for: files are in memory."""
    host.descriptors.get(fd).need(Rights.FD_SYNC)
    return 0


def fd_datasync(host: Host, fd: int) -> int:
    """Nothing to wait for: files are in memory."""
    host.descriptors.get(fd).need(Rights.FD_DATASYNC)
    return 0


def _telling(host: Host, fd: int) -> OpenFile:
    """FD_SEEK implies FD_TELL."""
    seeks = host.descriptors.get(fd).rights & Rights.FD_SEEK
    return _file(host, fd, Rights.FD_SEEK if seeks else Rights.FD_TELL)


def _file(host: Host, fd: int, right: int, *offsets: int) -> OpenFile:
    descriptor = host.descriptors.get(fd)
    descriptor.need(right)
    if not isinstance(descriptor, OpenFile):
        raise WasiError(Errno.SPIPE)
    if sum(offsets) > OFFSET_MAX:
        raise WasiError(Errno.INVAL)
    return descriptor
