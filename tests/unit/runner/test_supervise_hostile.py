"""The supervisor against a worker that the guest has taken over: a process of its own that lies."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from policies.models import CapabilityPolicy
from runner.ending import Ending
from runner.errors import RunnerCode, RunnerError
from runner.supervise import Clock, Ended, Sinks, supervise
from runner.worker import limits
from runner.worker.frames import PREFIX, Channel
from runner.worker.messages import Failed, Header, Piece, PieceName, TreeFile
from runner.worker.process import WorkerProcess
from sealing import canonical
from tests.fakes.story import worker_of
from tests.unit.runner.test_supervise import DONE, GRANT, LOCKED, OUT, follow, granted, refused
from tests.unit.runner.worker.test_locked import is_gone

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOON = {"limits": {"wall-clock": "100ms"}}


def framed(message: Header, body_bytes: int = 0) -> bytes:
    """A frame's beginning, which may promise a body that never comes."""
    head = canonical.encode(message.to_header())
    return PREFIX.pack(len(head), body_bytes) + head


def locked(policy: CapabilityPolicy) -> Header:
    return LOCKED.model_copy(update={"grant": policy.digest})


@pytest.fixture
def talker() -> Iterator[WorkerProcess]:
    with WorkerProcess.spawn(entry="tests.unit.runner.worker.talker") as worker:
        yield worker


def listen(
    worker: WorkerProcess,
    policy: CapabilityPolicy,
    body: bytes,
    stdout: Callable[[bytes], object],
) -> Ended:
    worker.send(Piece(name=PieceName.STDIN), framed(locked(policy)))
    worker.send(Piece(name=PieceName.STDIN), body)
    return supervise(worker, policy, Sinks(stdout, lambda _: None), Clock(lambda: NOW))


def test_talk_without_end_does_not_hold_off_the_wall_clock(
    talker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GRACE_SECONDS", 0.0)
    ended = listen(talker, granted(**SOON), b"", lambda _: None)
    assert (ended.ending, ended.stdout.size) == (Ending.WALL_CLOCK, 0)
    assert ended.usage == {"wall-clock-ns": 100_000_000}


def test_output_that_nobody_takes_does_not_keep_the_worker_alive(
    talker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "GRACE_SECONDS", 0.0)
    ends: list[bool] = []

    def wait_for_its_end(_data: bytes) -> None:
        for _ in range(3000):
            if is_gone(talker.pid):
                break
            time.sleep(0.01)
        ends.append(is_gone(talker.pid))

    ended = listen(talker, granted(**SOON), b"", wait_for_its_end)
    assert ended.ending is Ending.WALL_CLOCK
    assert all(ends)


def test_files_are_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(limits, "FINISH_SECONDS", 0.3)
    policy = granted(**SOON)

    def drip(channel: Channel) -> None:
        channel.send(locked(policy).to_header())
        for name in ("a", "b"):
            channel.send(TreeFile(mount="/out", path=name).to_header())
            time.sleep(0.2)
        time.sleep(0.2)

    worker = worker_of(drip)
    ended = supervise(worker, policy, Sinks(print, print), Clock(lambda: NOW))
    worker.kill()
    assert ended.ending is Ending.WALL_CLOCK
    assert ended.written == {}


def test_no_output_after_the_files() -> None:
    refused(RunnerCode.FRAME_MALFORMED, LOCKED, TreeFile(mount="/out", path="a"), (OUT, b"1"))


@pytest.mark.parametrize("policy", [GRANT, granted(files=[])], ids=["8 bytes", "no folder"])
def test_no_room_is_made_for_more_than_is_granted(policy: CapabilityPolicy) -> None:
    def promise(channel: Channel) -> None:
        channel.send(locked(policy).to_header())
        file = framed(TreeFile(mount="/out", path="a"), limits.MAX_FILE_BYTES)
        channel._write(memoryview(file), None)

    worker = worker_of(promise)
    tracemalloc.start()
    with pytest.raises(RunnerError) as caught:
        supervise(worker, policy, Sinks(print, print), Clock(lambda: NOW))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    worker.kill()
    assert caught.value.code is RunnerCode.FRAME_MALFORMED
    assert peak < limits.MEBIBYTE


@pytest.mark.parametrize("code", ["release-denied", "lease-expired", "evidence-refused"])
def test_a_worker_cannot_speak_for_others(code: str) -> None:
    failed = Failed(code=code, detail="", remedy="", reason="")
    refused(RunnerCode(code), failed)
    refused(RunnerCode.FRAME_MALFORMED, LOCKED, failed)


def test_a_clock_is_not_deterministic_whatever_the_worker_says() -> None:
    policy = granted(clock={"kind": "real"})
    assert not follow(locked(policy), DONE, policy=policy).deterministic


def test_what_a_stopped_guest_left_is_handed_to_nobody() -> None:
    stopped: dict[str, Any] = {"ending": Ending.OUT_OF_FUEL, "exit_code": None}
    files = (TreeFile(mount="/out", path="a"), b"half")
    assert follow(LOCKED, files, DONE.model_copy(update=stopped)).written == {}
