"""The supervisor against workers that break the rules, lie, crash or take their time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policies.load import parse_document
from policies.models import CapabilityPolicy
from runner.ending import Ending
from runner.errors import RunnerCode, RunnerError
from runner.receipt import Engine, Lockdown
from runner.supervise import Clock, Ended, Sinks, supervise, take_hello
from runner.worker import limits
from runner.worker.frames import Channel
from runner.worker.messages import (
    Done,
    Failed,
    Header,
    Hello,
    Locked,
    Output,
    TreeFile,
    from_supervisor,
)
from tests.fakes.story import grant, worker_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MOUNT = {"path": "/out", "source": "host", "access": "read-write", "write-back": True}
MOUNT |= {"max-files": 2, "max-bytes": 8}


def granted(**spec: Any) -> CapabilityPolicy:
    document = parse_document(grant(**{"files": [MOUNT], "stdout": {"max-bytes": 8}, **spec}))
    assert isinstance(document, CapabilityPolicy)
    return document


GRANT = granted()
LOCKED = Locked(
    lockdown=Lockdown(held={"seccomp": "yes"}, missing={}),
    engine=Engine(name="engine", version="1", profile="sha256:" + "0" * 64),
    grant=GRANT.digest,
    milliseconds={"open": 1},
)
DONE = Done(
    ending=Ending.EXIT,
    exit_code=3,
    trap="",
    usage={"fuel": 5},
    denials=("clock-not-granted spec.clock x2",),
    deterministic=True,
    frames=(),
)
OUT = Output(stream="stdout")
HELLO = {
    "type": "hello",
    "v": 1,
    "key": {"suite": "x25519-hkdfsha256-aes256gcm", "public": "AAAA" * 10 + "AAA="},
}


@dataclass
class Script:
    """A worker that says this, in order, and then ends, or waits until nobody listens."""

    messages: list[tuple[Header | dict[str, Any], bytes]]
    hangs: bool = False

    def __call__(self, channel: Channel) -> None:
        for message, body in self.messages:
            channel.send(message if isinstance(message, dict) else message.to_header(), body)
        if self.hangs:
            with contextlib.suppress(RunnerError):
                channel.receive(from_supervisor)


def follow(
    *messages: Header | dict[str, Any] | tuple[Header | dict[str, Any], bytes],
    hangs: bool = False,
    policy: CapabilityPolicy = GRANT,
    stdout: Callable[[bytes], object] = lambda _: None,
    lease_ends: datetime | None = None,
) -> Ended:
    worker = worker_of(Script([m if isinstance(m, tuple) else (m, b"") for m in messages], hangs))
    try:
        sinks, clock = Sinks(stdout, lambda _: None), Clock(lambda: NOW)
        return supervise(worker, policy, sinks, clock, lease_ends=lease_ends)
    finally:
        worker.kill()


def refused(code: RunnerCode, *messages: Any, **arguments: Any) -> RunnerError:
    with pytest.raises(RunnerError) as caught:
        follow(*messages, **arguments)
    assert caught.value.code is code
    return caught.value


def test_an_honest_worker() -> None:
    got = bytearray()
    files = [(TreeFile(mount="/out", path=name), b"1234") for name in ("a", "b/c")]
    ended = follow(LOCKED, (OUT, b"abcd"), (OUT, b"efgh"), *files, DONE, stdout=got.extend)
    assert (ended.ending, ended.exit_code, ended.deterministic) == (Ending.EXIT, 3, True)
    assert bytes(got) == b"abcdefgh"
    assert ended.stdout.size == 8
    assert ended.written == {"/out": {"a": b"1234", "b/c": b"1234"}}
    assert ended.denials == DONE.denials


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([DONE], id="no word of the lock-down"),
        pytest.param([HELLO], id="hello again"),
        pytest.param([LOCKED.model_copy(update={"grant": "sha256:" + "1" * 64})], id="grant"),
        pytest.param([LOCKED, LOCKED], id="locked twice"),
        pytest.param([LOCKED, (OUT, b"123456789")], id="output in one piece"),
        pytest.param([LOCKED, (OUT, b"12345678"), (OUT, b"9")], id="output in two pieces"),
        pytest.param([LOCKED, (Output(stream="stderr"), b"1")], id="stream that is not granted"),
        pytest.param([LOCKED, (TreeFile(mount="/in", path="a"), b"")], id="folder"),
        pytest.param([LOCKED, *[(TreeFile(mount="/out", path="a"), b"")] * 2], id="file twice"),
        pytest.param([LOCKED, (TreeFile(mount="/out", path="a"), b"123456789")], id="bytes"),
        pytest.param([LOCKED, *[(TreeFile(mount="/out", path=p), b"") for p in "abc"]], id="files"),
        pytest.param([LOCKED, DONE.model_copy(update={"exit_code": None})], id="exit, no code"),
        pytest.param([LOCKED, DONE.model_copy(update={"ending": Ending.TRAP})], id="trap, code"),
        pytest.param([LOCKED, {"type": "done", "ending": "bored"}], id="unknown ending"),
        pytest.param([LOCKED, {"type": "start"}], id="the other side's message"),
        pytest.param([Failed(code="nonsense", detail="", remedy="", reason="")], id="code"),
    ],
)
def test_a_worker_that_breaks_the_rules(messages: list[Any]) -> None:
    refused(RunnerCode.FRAME_MALFORMED, *messages)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a//b", "."])
def test_a_file_outside_its_folder(path: str) -> None:
    refused(RunnerCode.PATH_REFUSED, LOCKED, (TreeFile(mount="/out", path=path), b""))


@pytest.mark.parametrize("text", ["\x1b[2J", "a\tb", "\x9b31m"])
def test_nothing_for_the_terminal_comes_with_a_failure(text: str) -> None:
    failed = {"type": "failed", "code": "worker-fault", "detail": text, "remedy": "", "reason": ""}
    refused(RunnerCode.FRAME_MALFORMED, failed)


def test_a_failure_keeps_its_code_and_remedy() -> None:
    failed = Failed(code="import-not-granted", detail="fd_read", remedy="spec:\n", reason="x")
    error = refused(RunnerCode.IMPORT_NOT_GRANTED, failed)
    assert (error.detail, error.remedy, error.reason) == ("fd_read", "spec:\n", "x")


@pytest.mark.parametrize("before", [[], [LOCKED], [LOCKED, (OUT, b"1")]])
def test_a_worker_that_dies(before: list[Any]) -> None:
    refused(RunnerCode.WORKER_LOST, *before)


def test_output_that_nobody_takes() -> None:
    def closed(_data: bytes) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    refused(RunnerCode.OUTPUT_CLOSED, LOCKED, (OUT, b"1"), stdout=closed)


def test_a_guest_that_does_not_stop_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRACE_SECONDS", 0.0)
    policy = granted(limits={"wall-clock": "20ms"})
    locked = LOCKED.model_copy(update={"grant": policy.digest})
    ended = follow(locked, (OUT, b"1"), hangs=True, policy=policy)
    assert (ended.ending, ended.exit_code) == (Ending.WALL_CLOCK, None)
    assert ended.stdout.size == 1
    assert ended.usage["wall-clock-ns"] > 0


def test_a_lease_that_ends_stops_the_guest() -> None:
    ended = follow(LOCKED, hangs=True, lease_ends=NOW + timedelta(milliseconds=50))
    assert (ended.ending, ended.exit_code) == (Ending.LEASE, None)


def test_a_lease_that_ends_before_the_guest_starts() -> None:
    refused(RunnerCode.LEASE_EXPIRED, hangs=True, lease_ends=NOW + timedelta(milliseconds=20))


def test_a_module_that_is_never_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PREPARE_SECONDS", 0.02)
    refused(RunnerCode.WORKER_SLOW, hangs=True)


def test_handing_back_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(limits, "FINISH_SECONDS", 60.0)
    policy = granted(limits={"wall-clock": "50ms"})
    locked = LOCKED.model_copy(update={"grant": policy.digest})
    late = threading.Event()

    def talk(channel: Channel) -> None:
        channel.send(locked.to_header())
        channel.send(TreeFile(mount="/out", path="a").to_header(), b"1")
        late.wait(0.2)
        channel.send(DONE.to_header())

    worker = worker_of(talk)
    sinks = Sinks(lambda _: None, lambda _: None)
    ended = supervise(worker, policy, sinks, Clock(lambda: NOW))
    worker.kill()
    assert ended.ending is Ending.EXIT


def test_hello() -> None:
    worker = worker_of(Script([(HELLO, b"")]))
    assert take_hello(worker) == Hello.model_validate(HELLO)
    worker.kill()


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (Script([(DONE, b"")]), RunnerCode.FRAME_MALFORMED),
        (Script([({**HELLO, "v": True}, b"")]), RunnerCode.FRAME_MALFORMED),
        (Script([]), RunnerCode.WORKER_LOST),
        (Script([], hangs=True), RunnerCode.WORKER_SLOW),
    ],
)
def test_no_proper_hello(script: Script, code: RunnerCode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HELLO_SECONDS", 0.5)
    worker = worker_of(script)
    with pytest.raises(RunnerError) as caught:
        take_hello(worker)
    assert caught.value.code is code
    worker.kill()


def test_a_worker_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PREPARE_SECONDS", 0.05)
    over = threading.Event()
    worker = worker_of(lambda _channel: over.wait(60))
    with pytest.raises(RunnerError) as caught:
        worker.send(OUT, bytes(4 << 20))
    assert caught.value.code is RunnerCode.WORKER_SLOW
    over.set()
    worker.kill()
