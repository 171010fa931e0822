"""Clocks."""

from __future__ import annotations

from runner.wasi.abi import U64
from runner.wasi.host import Host
from runner.wasi.memory import region


def clock_res_get(host: Host, clock_id: int, result: int) -> int:
    """Write the resolution of a clock in nanoseconds."""
    target = region(host.memory.view, result, 8)
    U64.pack_into(target, 0, host.clock.resolution(clock_id))
    return 0


def clock_time_get(host: Host, clock_id: int, precision: int, result: int) -> int:  # noqa: ARG001
    """Write the time of a clock in nanoseconds; the wished precision is not looked at."""
    target = region(host.memory.view, result, 8)
    U64.pack_into(target, 0, host.clock.read(clock_id))
    return 0
