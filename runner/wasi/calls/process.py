"""Arguments, environment, randomness, and how a program yields and ends."""

from __future__ import annotations

from collections.abc import Sequence

from runner.ending import Ending
from runner.limits import RANDOM_CHUNK_BYTES
from runner.wasi.abi import U32
from runner.wasi.errors import GuestStopped, ProcExit
from runner.wasi.host import Host
from runner.wasi.memory import region


def args_get(host: Host, pointers: int, buffer: int) -> int:
    """Write the arguments and where each begins."""
    return _write_strings(host, host.args, pointers, buffer)


def args_sizes_get(host: Host, count: int, size: int) -> int:
    """Write how many arguments there are and how many bytes they take."""
    return _write_sizes(host, host.args, count, size)


def environ_get(host: Host, pointers: int, buffer: int) -> int:
    """Write the variables as NAME=VALUE and where each begins."""
    return _write_strings(host, host.environ, pointers, buffer)


def environ_sizes_get(host: Host, count: int, size: int) -> int:
    """Write how many variables there are and how many bytes they take."""
    return _write_sizes(host, host.environ, count, size)


def random_get(host: Host, buffer: int, length: int) -> int:
    """Fill a buffer with random bytes, in pieces."""
    target = region(host.memory.view, buffer, length)
    for start in range(0, length, RANDOM_CHUNK_BYTES):
        piece = target[start : start + RANDOM_CHUNK_BYTES]
        piece[:] = host.random.take(len(piece))
        if host.stopped():
            raise GuestStopped(Ending.WALL_CLOCK)
    return 0


def sched_yield(host: Host) -> int:  # noqa: ARG001  every function takes the host
    """Nothing: there is one thread."""
    return 0


def proc_exit(host: Host, code: int) -> int:  # noqa: ARG001  every function takes the host
    """End the guest. Never returns."""
    raise ProcExit(code)


def _write_sizes(host: Host, strings: Sequence[bytes], count: int, size: int) -> int:
    view = host.memory.view
    count_at, size_at = region(view, count, 4), region(view, size, 4)
    U32.pack_into(count_at, 0, len(strings))
    U32.pack_into(size_at, 0, sum(len(text) + 1 for text in strings))
    return 0


def _write_strings(host: Host, strings: Sequence[bytes], pointers: int, buffer: int) -> int:
    view = host.memory.view
    pointers_at = region(view, pointers, 4 * len(strings))
    joined = b"".join(text + b"\0" for text in strings)
    buffer_at = region(view, buffer, len(joined))
    address = buffer
    for index, text in enumerate(strings):
        U32.pack_into(pointers_at, 4 * index, address)
        address += len(text) + 1
    buffer_at[:] = joined
    return 0
