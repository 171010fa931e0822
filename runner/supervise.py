"""The supervisor's side of a run: reads what the worker says, believes none of it, keeps the time.

The worker runs code of somebody else. Whatever it sends is checked against the grant again, and a
worker that does not keep to the protocol, its quotas or its time is ended by leaving the `with` of
its handle.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from policies.models import CapabilityPolicy
from runner.ending import Ending
from runner.errors import RunnerCode, RunnerError
from runner.host_files import check_relative
from runner.receipt import Stream
from runner.worker import limits
from runner.worker.frames import Frame, malformed
from runner.worker.messages import Done, Failed, FromWorker, Hello, Locked, Output, TreeFile
from runner.worker.process import WorkerProcess

Sink = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where the guest's output goes while it runs."""

    stdout: Sink
    stderr: Sink


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of day for leases, and a clock that only goes forward for durations."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, and what is known of it. A worker that was killed tells less."""

    ending: Ending
    exit_code: int | None
    trap: str
    usage: Mapping[str, int]
    denials: tuple[str, ...]
    deterministic: bool
    stdout: Stream
    stderr: Stream
    locked: Locked
    written: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict, repr=False)
    frames: tuple[str, ...] = field(default=(), repr=False)


def take_hello(worker: WorkerProcess) -> Hello:
    """Return the worker's first message. Raises `RunnerError`."""
    message = _next(worker, limits.HELLO_SECONDS).message
    if not isinstance(message, Hello):
        raise malformed(f"got {message.type}, expected hello")
    return message


def supervise(
    worker: WorkerProcess,
    grant: CapabilityPolicy,
    sinks: Sinks,
    clock: Clock,
    *,
    lease_ends: datetime | None = None,
) -> Ended:
    """Follow a worker that was told to start until the run has ended, whoever ended it.

    Raises `RunnerError` if the run did not start, or the worker broke down or broke the rules. The
    caller leaves the worker's `with` at once: after this nothing of it is needed.
    """
    return _Watch(worker, grant, sinks, clock, lease_ends).follow()


class _Stream:
    """One output of the guest, counted against its grant again."""

    def __init__(self, sink: Sink, max_bytes: int) -> None:
        self._sink = sink
        self._left = max_bytes
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Pass `data` on. Raises `RunnerError` beyond the grant, or if nobody takes it."""
        self._left -= len(data)
        if self._left < 0:
            raise malformed("worker sent more output than granted")
        self._hash.update(data)
        self._size += len(data)
        try:
            self._sink(data)
        except OSError as error:
            detail = f"the guest's output is not taken: {error.strerror}"
            raise RunnerError(RunnerCode.OUTPUT_CLOSED, detail) from error

    def facts(self) -> Stream:
        """Return digest and size of what was passed on."""
        return Stream(digest=f"sha256:{self._hash.hexdigest()}", size=self._size)


class _Files:
    """What a guest leaves in folders that are written back, counted against their grants again."""

    def __init__(self, grant: CapabilityPolicy) -> None:
        granted = [mount for mount in grant.spec.files if mount.write_back]
        self.trees: dict[str, dict[str, bytes]] = {mount.path: {} for mount in granted}
        self._bytes = {mount.path: mount.max_bytes for mount in granted}
        self._files = {mount.path: mount.max_files for mount in granted}

    def add(self, message: TreeFile, data: bytes) -> None:
        """Keep one file. Raises `RunnerError` beyond the grant."""
        mount = message.mount
        if mount not in self.trees:
            raise malformed("worker sent a file for a folder that is not written back")
        check_relative(message.path)
        self._bytes[mount] -= len(data)
        self._files[mount] -= 1
        if self._bytes[mount] < 0 or self._files[mount] < 0:
            raise malformed("worker sent more files than granted")
        if message.path in self.trees[mount]:
            raise malformed("worker sent a file twice")
        self.trees[mount][message.path] = data


class _Watch:
    """One run as the supervisor sees it."""

    def __init__(
        self,
        worker: WorkerProcess,
        grant: CapabilityPolicy,
        sinks: Sinks,
        clock: Clock,
        lease_ends: datetime | None,
    ) -> None:
        self._worker = worker
        self._grant = grant
        self._clock = clock
        spec = grant.spec
        self._streams: Final = {
            "stdout": _Stream(sinks.stdout, spec.stdout.max_bytes),
            "stderr": _Stream(sinks.stderr, spec.stderr.max_bytes),
        }
        self._files = _Files(grant)
        # Turned into a duration once: setting the machine's clock back does not make it longer.
        left = float("inf") if lease_ends is None else (lease_ends - clock.now()).total_seconds()
        self._lease = clock.monotonic() + left

    def follow(self) -> Ended:
        """Return how the run ended. Raises `RunnerError`."""
        locked = self._locked()
        started = self._clock.monotonic()
        wall = self._grant.spec.limits.wall_clock_ms / 1000
        deadline = started + wall + limits.GRACE_SECONDS
        while True:
            try:
                frame = _receive(self._worker, min(deadline, self._lease) - self._clock.monotonic())
            except TimeoutError:
                return self._killed(locked, started)
            message = frame.message
            if isinstance(message, Output):
                self._streams[message.stream].write(bytes(frame.body))
            elif isinstance(message, TreeFile):
                # The guest has ended; what is left is work of ours.
                deadline = max(deadline, self._clock.monotonic() + limits.FINISH_SECONDS)
                self._files.add(message, bytes(frame.body))
            elif isinstance(message, Done):
                return self._done(locked, message)
            else:
                raise malformed(f"got {message.type} while the guest runs")

    def _locked(self) -> Locked:
        left = self._lease - self._clock.monotonic()
        try:
            message = _receive(self._worker, min(limits.PREPARE_SECONDS, left)).message
        except TimeoutError as error:
            if left < limits.PREPARE_SECONDS:
                detail = "the lease ended before the module was ready"
                raise RunnerError(RunnerCode.LEASE_EXPIRED, detail) from error
            raise RunnerError(RunnerCode.WORKER_SLOW, "the module was not ready in time") from error
        if not isinstance(message, Locked):
            raise malformed(f"got {message.type}, expected locked")
        if message.grant != self._grant.digest:
            raise malformed("worker enforces another grant")
        return message

    def _done(self, locked: Locked, done: Done) -> Ended:
        if (done.ending is Ending.EXIT) != (done.exit_code is not None):
            raise malformed(f"exit code with ending {done.ending}")
        return Ended(
            ending=done.ending,
            exit_code=done.exit_code,
            trap=done.trap,
            usage=done.usage,
            denials=done.denials,
            deterministic=done.deterministic,
            stdout=self._streams["stdout"].facts(),
            stderr=self._streams["stderr"].facts(),
            locked=locked,
            written=self._files.trees,
            frames=done.frames,
        )

    def _killed(self, locked: Locked, started: float) -> Ended:
        now = self._clock.monotonic()
        self._worker.kill()
        return Ended(
            ending=Ending.LEASE if now >= self._lease else Ending.WALL_CLOCK,
            exit_code=None,
            trap="",
            usage={"wall-clock-ns": max(0, round((now - started) * 1e9))},
            denials=(),
            deterministic=False,
            stdout=self._streams["stdout"].facts(),
            stderr=self._streams["stderr"].facts(),
            locked=locked,
        )


def _receive(worker: WorkerProcess, seconds: float) -> Frame[FromWorker]:
    """Return the next frame, or raise what the worker reports as its failure."""
    frame = worker.receive(seconds=max(0.0, seconds))
    if isinstance(frame.message, Failed):
        raise _failure(frame.message)
    return frame


def _next(worker: WorkerProcess, seconds: float) -> Frame[FromWorker]:
    try:
        return _receive(worker, seconds)
    except TimeoutError as error:
        raise RunnerError(RunnerCode.WORKER_SLOW, f"no word in {seconds} seconds") from error


def _failure(failed: Failed) -> RunnerError:
    try:
        code = RunnerCode(failed.code)
    except ValueError:
        return malformed("worker failed with a code that is none of ours")
    return RunnerError(code, failed.detail, failed.remedy, failed.reason)
