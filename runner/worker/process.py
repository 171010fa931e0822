"""The supervisor's handle on one worker process: spawn, talk, and be sure that it is gone."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from runner.errors import RunnerCode, RunnerError
from runner.worker import limits, messages
from runner.worker.frames import Channel, Frame
from runner.worker.messages import FromWorker, Header

BOOT: Final = Path(__file__).resolve().with_name("boot.py")
ENTRY: Final = "runner.worker.main"
# The whole of the worker's environment.
ENVIRONMENT: Final = {"LC_ALL": "C.UTF-8"}


class WorkerProcess:
    """One running worker. A context manager: on leaving, however that happens, it is dead.

    The parent-death signal follows the *thread* that spawns: keep that thread for the whole run.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        channel: Channel,
        *,
        monotonic: Callable[[], float],
    ) -> None:
        self._process = process
        self._channel = channel
        self._monotonic = monotonic

    @classmethod
    def spawn(cls, *, entry: str = ENTRY, monotonic: Callable[[], float] = time.monotonic) -> Self:
        """Start a worker from this very installation: no environment, no descriptors, own session.

        Raises `RunnerError` if the machine has no room for a process.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-I", "-B", str(BOOT)]
            command += [str(theirs.fileno()), str(os.getpid()), entry]
            try:
                process = subprocess.Popen(  # noqa: S603 - our interpreter, our file
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env=ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise RunnerError(RunnerCode.WORKER_LOST, f"no process: {error}") from error
        return cls(process, Channel(ours.detach(), monotonic=monotonic), monotonic=monotonic)

    @property
    def pid(self) -> int:
        """The process id, for logs and tests."""
        return self._process.pid

    def send(self, header: Header, body: bytes | bytearray | memoryview = b"") -> None:
        """Hand one message to the worker. Raises `RunnerError` if it does not take it."""
        deadline = self._monotonic() + limits.PREPARE_SECONDS
        try:
            self._channel.send(header.to_header(), body, deadline=deadline)
        except TimeoutError as error:
            raise RunnerError(RunnerCode.WORKER_SLOW, "worker does not read") from error

    @contextlib.contextmanager
    def dies_in(self, seconds: float) -> Iterator[None]:
        """Inside the block the worker is killed after `seconds`, whatever we ourselves wait for.

        What it said until then can still be received.
        """
        timer = threading.Timer(max(0.0, seconds), self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def receive(self, *, seconds: float, file_bytes: int = 0) -> Frame[FromWorker]:
        """Return the worker's next message; a file in it has at most `file_bytes`.

        Raises `TimeoutError` after `seconds`, `RunnerError` if the worker is gone, says something
        that is not in the protocol, or reports a failure of its own.
        """
        deadline = self._monotonic() + seconds
        try:
            dialect = partial(messages.from_worker, file_bytes=file_bytes)
            return self._channel.receive(dialect, deadline=deadline)
        except RunnerError as error:
            if error.code is not RunnerCode.WORKER_LOST:
                raise
            self.kill()
            detail = f"{error.detail}, exit status {self._process.returncode}"
            raise RunnerError(error.code, detail) from error

    def kill(self) -> None:
        """End the worker now and wait until it is gone. Safe to call again."""
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
