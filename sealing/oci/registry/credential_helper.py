"""Programs that keep credentials: `docker-credential-NAME get`, the server on standard input."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.registry.credentials import Credential
from sealing.oci.registry.docker_config import parse_helper_answer
from sealing.oci.stopping import wakeable

# What docker's helpers print, with an error status, for a server they know nothing about.
_NOT_FOUND = b"credentials not found in native keychain"


@dataclass(frozen=True, slots=True)
class CredentialHelpers:
    """Runs helpers found in `folders`, with `environment` and nothing else of ours."""

    folders: Sequence[Path]
    environment: Mapping[str, str] = field(repr=False)
    clock: Callable[[], float] = field(repr=False)
    seconds: float = limits.HELPER_SECONDS

    def ask(self, name: str, server: str) -> Credential | None:
        """Return what the helper `name`, checked by the caller, knows about `server`."""
        program = self._program(f"docker-credential-{name}")
        status, answer = self._run(program, server.encode())
        if status == 0:
            return parse_helper_answer(answer)
        if answer.strip() == _NOT_FOUND:
            return None
        # Its own words are not repeated: nobody promised that they are no secret.
        raise _unusable(program.name, f"failed with status {status}")

    def _program(self, name: str) -> Path:
        """Return the first program of that name; a folder relative to ours is anybody's."""
        for folder in self.folders:
            path = folder / name
            if folder.is_absolute() and path.is_file() and os.access(path, os.X_OK):
                return path
        raise _unusable(name, "is not installed")

    def _run(self, program: Path, question: bytes) -> tuple[int, bytes]:
        try:
            process = subprocess.Popen(  # noqa: S603 - an absolute path, from a checked name
                [program, "get"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=dict(self.environment),
                start_new_session=True,
            )
        except OSError as error:
            raise _unusable(program.name, "cannot be run") from error
        with process:
            try:
                with wakeable(partial(_kill, process)):
                    answer = self._conversation(process, program.name, question)
                    return process.wait(self.seconds), answer
            except subprocess.TimeoutExpired as error:
                raise _unusable(program.name, "does not end") from error
            finally:
                _kill(process)

    def _conversation(self, process: subprocess.Popen[bytes], name: str, question: bytes) -> bytes:
        """Return all that the helper writes, which is little and comes in time."""
        end = self.clock() + self.seconds
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise _unusable(name, "has no pipes")
        # The question is shorter than any pipe: writing it does not wait.
        with contextlib.suppress(BrokenPipeError), stdin:
            stdin.write(question)
        answer = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, end - self.clock())):
                data = os.read(stdout.fileno(), limits.HELPER_BYTES)
                answer += data
                if not data:
                    return bytes(answer)
                if len(answer) > limits.HELPER_BYTES:
                    raise _unusable(name, f"wrote more than {limits.HELPER_BYTES} bytes")
        raise _unusable(name, f"did not answer in {self.seconds} seconds")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a helper that has not ended, with its children."""
    if process.poll() is None:
        # One that ended well may leave an agent of its user's.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _unusable(name: str, why: str) -> SealError:
    return SealError(SealRefusal.CREDENTIALS_UNUSABLE, f"{name} {why}")
