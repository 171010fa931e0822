"""What time it is for the guest: denied, coarse, real, or made up and the same in every run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runner.ending import Ending
from runner.limits import COARSE_CLOCK_NS, MONOTONIC_START_NS
from runner.wasi.abi import U64_MAX, ClockId, Errno
from runner.wasi.errors import GuestStopped, WasiError

# Waits for so many seconds; true if the run was stopped meanwhile.
Pause = Callable[[float], bool]


@dataclass(frozen=True, slots=True)
class TimeSources:
    """Where real time comes from, and how to wait in it."""

    realtime_ns: Callable[[], int]
    monotonic_ns: Callable[[], int]
    pause: Pause


class GuestClock(Protocol):
    """One kind of clock. Unknown clock ids are EINVAL, those of CPU time ENOTSUP."""

    def read(self, clock_id: int) -> int:
        """Nanoseconds on that clock, or raise `WasiError`."""
        ...

    def resolution(self, clock_id: int) -> int:
        """Nanoseconds between two readings, or raise `WasiError`."""
        ...

    def stamp(self) -> int:
        """The time for a file's inode; reading it never moves the clock."""
        ...

    def sleep(self, nanoseconds: int) -> None:
        """Let so much time pass. Raises `GuestStopped` if the run's time is up first."""
        ...


def check_clock_id(clock_id: int) -> None:
    """Raise `WasiError` unless it is the realtime or the monotonic clock."""
    if clock_id in {ClockId.PROCESS_CPUTIME, ClockId.THREAD_CPUTIME}:
        raise WasiError(Errno.NOTSUP)
    if clock_id not in {ClockId.REALTIME, ClockId.MONOTONIC}:
        raise WasiError(Errno.INVAL)


class DeniedClock:
    """No time at all: reading and sleeping are ENOTCAPABLE, files are stamped 0."""

    def __init__(self, on_denied: Callable[[], None]) -> None:
        self._on_denied = on_denied

    def read(self, clock_id: int) -> int:
        """Never returns."""
        check_clock_id(clock_id)
        self._on_denied()
        raise WasiError(Errno.NOTCAPABLE)

    def resolution(self, clock_id: int) -> int:
        """Never returns."""
        return self.read(clock_id)

    def stamp(self) -> int:
        """Zero."""
        return 0

    def sleep(self, nanoseconds: int) -> None:  # noqa: ARG002  the protocol's argument
        """Never returns: a sleep measures time as well."""
        self.read(ClockId.MONOTONIC)


class RealClock:
    """The host's clocks, rounded down to `step_ns`. The monotonic one starts anew in every run."""

    def __init__(self, sources: TimeSources, *, step_ns: int = 1) -> None:
        self._sources = sources
        self._step = step_ns
        self._origin = sources.monotonic_ns() - MONOTONIC_START_NS

    def read(self, clock_id: int) -> int:
        """Host time on that clock."""
        if clock_id == ClockId.REALTIME:
            now = self._sources.realtime_ns()
        else:
            check_clock_id(clock_id)
            now = self._sources.monotonic_ns() - self._origin
        return now - now % self._step

    def resolution(self, clock_id: int) -> int:
        """The step."""
        check_clock_id(clock_id)
        return self._step

    def stamp(self) -> int:
        """Host time."""
        return self.read(ClockId.REALTIME)

    def sleep(self, nanoseconds: int) -> None:
        """Wait for real; a coarse clock also wakes coarsely."""
        left = -(-nanoseconds // self._step) * self._step
        if self._sources.pause(min(left / 1e9, _LONGEST_PAUSE_SECONDS)):
            raise GuestStopped(Ending.WALL_CLOCK)


# threading refuses waits beyond about 292 years; no run lasts longer than a day.
_LONGEST_PAUSE_SECONDS = 48 * 3600.0


def coarse_clock(sources: TimeSources) -> RealClock:
    """Real time, too coarse to measure anything short."""
    return RealClock(sources, step_ns=COARSE_CLOCK_NS)


class DeterministicClock:
    """Starts at a given time and moves only when the guest looks or sleeps."""

    def __init__(self, *, start_ns: int, step_ns: int) -> None:
        self._start = start_ns
        self._step = step_ns
        self._elapsed = 0

    def read(self, clock_id: int) -> int:
        """The made-up time, one step further than at the last reading."""
        check_clock_id(clock_id)
        self.sleep(self._step)
        origin = self._start if clock_id == ClockId.REALTIME else MONOTONIC_START_NS
        return min(origin + self._elapsed, U64_MAX)

    def resolution(self, clock_id: int) -> int:
        """The step."""
        check_clock_id(clock_id)
        return max(self._step, 1)

    def stamp(self) -> int:
        """The made-up time as it stands."""
        return min(self._start + self._elapsed, U64_MAX)

    def sleep(self, nanoseconds: int) -> None:
        """Move the clock; nobody waits."""
        self._elapsed = min(self._elapsed + nanoseconds, U64_MAX)
