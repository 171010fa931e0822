"""The supervisor's side of a run: reads what the worker says, believes none of it, keeps the time.

The worker runs code of somebody else. Whatever it sends is checked against the grant again, and a
worker that does not keep to the protocol, its quotas or its time is ended by leaving the `with` of
its handle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from policies.models import CapabilityPolicy
from runner.counting import CountedFiles, CountedStream, Sink
from runner.ending import Ending
from runner.engine.setup import is_reproducible
from runner.errors import RunnerCode, RunnerError
from runner.receipt import Stream
from runner.worker import limits
from runner.worker.frames import Frame, malformed
from runner.worker.messages import (
    Done,
    Failed,
    FromWorker,
    Hello,
    Locked,
    Output,
    Refused,
    TreeFile,
)
from runner.worker.process import WorkerProcess

Message = TypeVar("Message", Output, TreeFile)

# What can still go wrong once a worker is locked. Others, a denial by the broker say, are over by
# then: whoever tells of them now was taken over.
_LATE_FAILURES: Final = frozenset(
    {
        RunnerCode.ENGINE_UNUSABLE,
        RunnerCode.FRAME_MALFORMED,
        RunnerCode.GRANT_INVALID,
        RunnerCode.INPUT_MISSING,
        RunnerCode.INPUT_NOT_GRANTED,
        RunnerCode.INPUT_TOO_LARGE,
        RunnerCode.MODULE_INVALID,
        RunnerCode.WORKER_FAULT,
    }
)


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
    message = hear(worker, limits.HELLO_SECONDS).message
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
            "stdout": CountedStream(sinks.stdout, spec.stdout.max_bytes),
            "stderr": CountedStream(sinks.stderr, spec.stderr.max_bytes),
        }
        self._files = CountedFiles(grant)
        # Turned into a duration once: setting the machine's clock back does not make it longer.
        left = float("inf") if lease_ends is None else (lease_ends - clock.now()).total_seconds()
        self._lease = clock.monotonic() + left
        # When the worker is killed if it has not ended by then.
        self._end = self._lease

    def follow(self) -> Ended:
        """Return how the run ended. Raises `RunnerError`."""
        locked = self._locked()
        started = self._clock.monotonic()
        wall = self._grant.spec.limits.wall_clock_ms / 1000
        try:
            done = self._listen(started + wall + limits.GRACE_SECONDS)
        except TimeoutError:
            return self._killed(locked, started)
        return self._done(locked, done)

    def _listen(self, deadline: float) -> Done:
        """Take what the guest writes and leaves, until it is done. Raises `TimeoutError`."""
        message, body = self._pass_on(Output, self._write, deadline)
        if isinstance(message, TreeFile):
            # The guest has ended; what is left is work of ours, and has a time of its own, once.
            self._files.add(message, body)
            deadline = max(deadline, self._clock.monotonic() + limits.FINISH_SECONDS)
            message, _ = self._pass_on(TreeFile, self._files.add, deadline)
        if not isinstance(message, Done):
            raise malformed(f"got {message.type} while the guest runs")
        return message

    def _pass_on(
        self, kind: type[Message], take: Callable[[Message, bytes], None], deadline: float
    ) -> tuple[FromWorker, bytes]:
        """Give all messages of one kind to `take`; return the first that is of another.

        At the deadline the worker is killed even if it talks without end, or nobody takes what it
        says. Raises `TimeoutError`.
        """
        self._end = min(deadline, self._lease)
        with self._worker.dies_in(self._end - self._clock.monotonic()):
            while True:
                frame = self._receive()
                if not isinstance(frame.message, kind):
                    return frame.message, bytes(frame.body)
                take(frame.message, bytes(frame.body))

    def _receive(self) -> Frame[FromWorker]:
        left = self._end - self._clock.monotonic()
        try:
            frame = self._worker.receive(seconds=max(0.0, left), file_bytes=self._files.room)
        except RunnerError as error:
            if error.code is RunnerCode.WORKER_LOST and self._clock.monotonic() >= self._end:
                raise TimeoutError from error
            raise
        if isinstance(frame.message, Failed):
            raise failure_of(frame.message, _LATE_FAILURES)
        return frame

    def _write(self, message: Output, data: bytes) -> None:
        self._streams[message.stream].write(data)

    def _locked(self) -> Locked:
        left = self._lease - self._clock.monotonic()
        try:
            message = _first(self._worker, min(limits.PREPARE_SECONDS, left)).message
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
            deterministic=done.deterministic and is_reproducible(self._grant),
            stdout=self._streams["stdout"].facts(),
            stderr=self._streams["stderr"].facts(),
            locked=locked,
            # What a stopped guest left is half of something; nobody is handed it.
            written=self._files.trees if done.ending is Ending.EXIT else {},
            frames=done.frames,
        )

    def _killed(self, locked: Locked, started: float) -> Ended:
        self._worker.kill()
        return Ended(
            ending=Ending.LEASE if self._end >= self._lease else Ending.WALL_CLOCK,
            exit_code=None,
            trap="",
            usage={"wall-clock-ns": max(0, round((self._end - started) * 1e9))},
            denials=(),
            deterministic=False,
            stdout=self._streams["stdout"].facts(),
            stderr=self._streams["stderr"].facts(),
            locked=locked,
        )


def _first(worker: WorkerProcess, seconds: float) -> Frame[FromWorker]:
    """Return the next frame of one that runs no guest yet, or raise what it reports."""
    frame = worker.receive(seconds=max(0.0, seconds))
    if isinstance(frame.message, Failed):
        raise failure_of(frame.message, frozenset(RunnerCode))
    return frame


def hear(worker: WorkerProcess, seconds: float) -> Frame[FromWorker]:
    """Return the next word of a worker that runs no guest yet. Raises `RunnerError`."""
    try:
        return _first(worker, seconds)
    except TimeoutError as error:
        raise RunnerError(RunnerCode.WORKER_SLOW, f"no word in {seconds} seconds") from error


def failure_of(told: Failed | Refused, possible: frozenset[RunnerCode]) -> RunnerError:
    """Return what a worker tells of. Raises `RunnerError` for a code that cannot be."""
    code = next((one for one in possible if one.value == told.code), None)
    if code is None:
        raise malformed(f"worker {told.type} with a code that cannot be")
    return RunnerError(code, told.detail, told.remedy, told.reason)
