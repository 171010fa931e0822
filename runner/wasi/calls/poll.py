"""`poll_oneoff`: wait for a clock or for descriptors, never past the end of the run."""

from __future__ import annotations

from dataclasses import dataclass

from runner.limits import MAX_SUBSCRIPTIONS
from runner.wasi.abi import (
    EVENT,
    EVENT_HANGUP,
    SUBCLOCK_ABSTIME,
    SUBSCRIPTION,
    SUBSCRIPTION_CLOCK,
    U32,
    Errno,
    EventType,
    Rights,
)
from runner.wasi.descriptors import InputStream, OpenFile
from runner.wasi.errors import WasiError
from runner.wasi.host import Host
from runner.wasi.memory import region


@dataclass(frozen=True, slots=True)
class _Alarm:
    userdata: int
    wait_ns: int


def poll_oneoff(host: Host, subscriptions: int, events: int, count: int, result: int) -> int:
    """Write the events that came first and how many. Files and streams are always ready."""
    if count == 0 or count > MAX_SUBSCRIPTIONS:
        raise WasiError(Errno.INVAL)
    view = host.memory.view
    asked = region(view, subscriptions, count * SUBSCRIPTION.size)
    target, used = region(view, events, count * EVENT.size), region(view, result, 4)
    ready, alarms = _sort(host, bytes(asked))
    if not ready:
        soonest = min(alarm.wait_ns for alarm in alarms)
        host.clock.sleep(soonest)
        ready = [
            EVENT.pack(alarm.userdata, Errno.SUCCESS, EventType.CLOCK, 0, 0)
            for alarm in alarms
            if alarm.wait_ns == soonest
        ]
    joined = b"".join(ready)
    target[: len(joined)] = joined
    U32.pack_into(used, 0, len(ready))
    return 0


def _sort(host: Host, asked: bytes) -> tuple[list[bytes], list[_Alarm]]:
    """Events that are there at once, and clocks to wait for."""
    ready: list[bytes] = []
    alarms: list[_Alarm] = []
    for userdata, tag, body in SUBSCRIPTION.iter_unpack(asked):
        if tag > EventType.FD_WRITE:
            raise WasiError(Errno.INVAL)
        try:
            if tag == EventType.CLOCK:
                alarms.append(_Alarm(userdata, _wait(host, body)))
                continue
            available, flags = _available(host, tag, U32.unpack_from(body)[0])
            ready.append(EVENT.pack(userdata, Errno.SUCCESS, tag, available, flags))
        except WasiError as error:
            ready.append(EVENT.pack(userdata, error.errno, tag, 0, 0))
    return ready, alarms


def _wait(host: Host, body: bytes) -> int:
    """Nanoseconds until the alarm rings."""
    clock_id, timeout, _, flags = SUBSCRIPTION_CLOCK.unpack(body)
    if flags & ~SUBCLOCK_ABSTIME:
        raise WasiError(Errno.INVAL)
    now = int(host.clock.read(clock_id))
    return max(timeout - now, 0) if flags & SUBCLOCK_ABSTIME else int(timeout)


def _available(host: Host, tag: int, fd: int) -> tuple[int, int]:
    """How many bytes a descriptor has to give, and whether it is at its end."""
    descriptor = host.descriptors.get(fd)
    mode = Rights.FD_READ if tag == EventType.FD_READ else Rights.FD_WRITE
    descriptor.need(mode | Rights.POLL_FD_READWRITE)
    if tag == EventType.FD_WRITE:
        return 1, 0
    if isinstance(descriptor, InputStream):
        return descriptor.left, 0 if descriptor.left else EVENT_HANGUP
    if isinstance(descriptor, OpenFile):
        return max(descriptor.node.size - descriptor.offset, 0), 0
    raise WasiError(Errno.BADF)
