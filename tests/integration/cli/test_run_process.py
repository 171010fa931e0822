"""Supervisor and worker as the processes they are: what each holds, and how each ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.cli.test_canary import (
    MODULE_CANARY,
    children,
    command,
    holds_canary,
    publish,
)

# All on one worker of the test runner: they share a world, and guides use the default port.
pytestmark = pytest.mark.xdist_group("command-line")

LOOP = "(loop $l (br $l))"


def memory_of(pid: int) -> Iterator[bytes]:
    """Every readable part of a process's memory."""
    try:
        memory = open(f"/proc/{pid}/mem", "rb", buffering=0)  # noqa: SIM115 - closed below
    except PermissionError:
        pytest.skip(
            "only root may read the memory of a process that is not dumpable: run this one as root"
        )
    with memory:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            span, rights, *_ = line.split()
            start, end = (int(number, 16) for number in span.split("-"))
            # The engine reserves gigabytes that are not there; what is there is mapped readable.
            if rights.startswith("r") and end - start < 1 << 30:
                try:
                    memory.seek(start)
                    yield memory.read(end - start)
                except (OSError, ValueError):
                    continue


@contextmanager
def running(world, name: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A run whose guest has printed its word and loops, and its worker's process id."""
    process = subprocess.Popen(
        command(world, publish(world, name, LOOP)),
        cwd=world.folder,
        env=world.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n", process.stderr.read()
        (worker,) = children(process.pid)
        yield process, worker
    finally:
        process.kill()
        process.communicate()


def test_the_supervisor_never_has_key_or_plaintext(world) -> None:
    with running(world, "memory") as (process, worker):
        found = [data for data in memory_of(worker) if MODULE_CANARY in data]
        assert found, "the worker has the plaintext, so the search would find it"
        for data in memory_of(process.pid):
            assert not holds_canary(data)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_is_killed_is_a_fault_with_one_clear_line(world, number: int) -> None:
    with running(world, f"killed-{number}") as (process, worker):
        os.kill(worker, number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 141
        assert b"error[worker-lost]" in errors
        assert b"Traceback" not in errors
        assert not Path(f"/proc/{worker}").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_worker_ends_with_its_supervisor(world, number: int) -> None:
    with running(world, f"orphan-{number}") as (process, worker):
        descriptor = os.pidfd_open(worker)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == (143 if number == signal.SIGINT else -number)
        assert b"Traceback" not in errors
        # A process descriptor becomes readable when its process ends.
        assert select.select([descriptor], [], [], 30)[0]
        os.close(descriptor)


def test_what_a_locked_worker_looks_like_from_outside(world) -> None:
    with running(world, "outside") as (_, worker):
        status = Path(f"/proc/{worker}/status").read_text(encoding="ascii")
        facts = dict(line.split(":", 1) for line in status.splitlines())
        assert facts["Seccomp"].strip() == "2"
        assert facts["NoNewPrivs"].strip() == "1"
        assert Path(f"/proc/{worker}/cmdline").read_bytes().count(b"\0") <= 8
        descriptors = [os.readlink(link) for link in Path(f"/proc/{worker}/fd").iterdir()]
        assert min(set(descriptors) - {"/dev/null"}).startswith("socket:")
        assert len(set(descriptors)) == 2
