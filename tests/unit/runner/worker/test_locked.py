"""What a locked worker can still do, tried from inside one on this machine's kernel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.errors import RunnerCode, RunnerError
from runner.worker import messages
from runner.worker.lockdown import ALWAYS_REQUIRED, Part
from runner.worker.process import WorkerProcess

PROBE = "tests.unit.runner.worker.probe"
REFUSED = ("EPERM", "EACCES")


def is_gone(pid: int) -> bool:
    """Whether the process has ended; its parent may still have to ask for its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1][1] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def worker():
    with WorkerProcess.spawn(entry=PROBE) as process:
        yield process
    assert not Path(f"/proc/{process.pid}").exists()


def attempt(worker: WorkerProcess, name: str) -> str:
    worker.receive(seconds=60)
    worker.send(messages.Piece(name=messages.PieceName.STDIN), name.encode())
    return worker.receive(seconds=60).message.detail


@pytest.mark.parametrize(
    "name",
    [
        "open",
        "open-own-memory",
        "create",
        "list",
        "socket",
        "fork",
        "signal-parent",
        "memfd",
        "pipe",
        "executable-page",
        "more-core",
        "dumpable",
        "mount",
        "older-thread",
    ],
)
def test_refused(worker: WorkerProcess, name: str) -> None:
    assert attempt(worker, name) in REFUSED


@pytest.mark.parametrize("name", ["exec", "ptrace", "read-parent"])
def test_deadly(worker: WorkerProcess, name: str) -> None:
    with pytest.raises(RunnerError) as caught:
        attempt(worker, name)
    assert caught.value.code is RunnerCode.WORKER_LOST
    assert caught.value.detail.endswith(f"exit status -{int(signal.SIGSYS)}")


@pytest.mark.parametrize("name", ["nothing", "grow-memory", "thread", "clock", "random"])
def test_still_possible(worker: WorkerProcess, name: str) -> None:
    assert attempt(worker, name) == "ok"


def test_it_starts_with_nothing_of_ours(worker: WorkerProcess) -> None:
    pid, environment, *held = worker.receive(seconds=60).message.detail.split()
    assert (int(pid), int(environment)) == (worker.pid, 1)
    assert set(held) >= ALWAYS_REQUIRED
    descriptors = [os.readlink(link) for link in Path(f"/proc/{worker.pid}/fd").iterdir()]
    assert descriptors.count("/dev/null") == 3
    assert len(descriptors) == 4
    assert b"PATH=" not in Path(f"/proc/{worker.pid}/environ").read_bytes()


def test_what_held_shows_from_outside(worker: WorkerProcess) -> None:
    held = worker.receive(seconds=60).message.detail.split()[2:]
    status = Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii")
    facts = dict(line.split(":", 1) for line in status.splitlines())
    assert facts["Seccomp"].strip() == "2"
    assert facts["NoNewPrivs"].strip() == "1"
    if Part.NO_CAPABILITIES in held:
        assert facts["CapEff"].strip() == "0" * 16
    if Part.NET_NAMESPACE in held:
        theirs = os.readlink(f"/proc/{worker.pid}/ns/net")
        assert theirs != os.readlink("/proc/self/ns/net")


def test_silence_ends_at_the_deadline_and_the_worker_with_it(worker: WorkerProcess) -> None:
    worker.receive(seconds=60)
    with pytest.raises(TimeoutError):
        worker.receive(seconds=0.02)
    worker.kill()
    assert is_gone(worker.pid)


def test_it_dies_with_its_supervisor() -> None:
    script = (
        "import sys, time; from runner.worker.process import WorkerProcess;"
        f"w = WorkerProcess.spawn(entry={PROBE!r}); w.receive(seconds=60);"
        "print(w.pid, flush=True); time.sleep(3600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert not is_gone(pid)
        supervisor.kill()
    for _ in range(1000):
        if is_gone(pid):
            return
        time.sleep(0.01)
    pytest.fail("the worker outlived its supervisor")


def test_a_process_that_cannot_start_is_an_error(monkeypatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(RunnerError) as caught:
        WorkerProcess.spawn()
    assert caught.value.code is RunnerCode.WORKER_LOST


def test_a_worker_that_does_not_come_up_is_lost() -> None:
    entry = "runner.worker.nonexistent"
    with WorkerProcess.spawn(entry=entry) as process, pytest.raises(RunnerError) as caught:
        process.receive(seconds=60)
    assert caught.value.detail.endswith("exit status 1")
