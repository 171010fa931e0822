"""The demo's stage: a folder, the `sealwasm` command as separate processes, and a clock."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# No single step of the demo takes longer; one that does has hung.
STEP_SECONDS = 60
# How long a broker may take from start to its ready line.
READY_SECONDS = 20


class StepFailedError(Exception):
    """A step did not go as said."""


class StepNotPlayed(Exception):  # noqa: N818 - nothing went wrong
    """A step that this kind of TEE has no stage for."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One finished command."""

    code: int
    out: str
    err: str

    def document(self) -> dict[str, object]:
        """Return standard output as a JSON object, or raise `StepFailedError`."""
        try:
            parsed = json.loads(self.out)
        except json.JSONDecodeError as error:
            raise StepFailedError(
                f"expected JSON on standard output, got {self.out[:200]!r}"
            ) from error
        if not isinstance(parsed, dict):
            raise StepFailedError("expected a JSON object on standard output")
        return parsed

    def error_code(self) -> str:
        """Return the code of the error that the command printed, or an empty text."""
        for line in self.err.splitlines():
            if line.startswith("error["):
                return line[len("error[") :].partition("]")[0]
        return ""


def require(condition: object, told: str) -> None:
    """Raise `StepFailedError(told)` unless `condition` holds."""
    if not condition:
        raise StepFailedError(told)


def entry_point(packages: Path) -> list[str]:
    """Return the start of a command line that runs the packages in `packages` and no others."""
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); import sealwasm.cli as c; c.main()"
    return [sys.executable, "-I", "-c", program, str(packages)]


@dataclass(slots=True)
class Stage:
    """Where the demo plays. Every command runs in `folder`, with nothing of our environment."""

    folder: Path
    packages: Path
    tee: str = "snp"
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """Return a path below the demo's folder."""
        return self.folder / name

    def environment(self) -> dict[str, str]:
        """Return the little that a command needs."""
        return {"PATH": os.defpath, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}

    def call(
        self,
        *arguments: str,
        packages: Path | None = None,
        stdin: bytes = b"",
        expect: int | None = 0,
    ) -> Finished:
        """Run one `sealwasm` command as its own process; raise unless it exits with `expect`.

        None means that the caller looks at the exit code itself.
        """
        done = subprocess.run(  # noqa: S603 - our own interpreter and our own arguments
            [*entry_point(packages or self.packages), *arguments],
            cwd=self.folder,
            env=self.environment(),
            input=stdin,
            capture_output=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
        if expect is not None and done.returncode != expect:
            shown = " ".join(arguments)
            raise StepFailedError(
                f"`sealwasm {shown}` ended with {done.returncode}, expected {expect}\n{out}{err}"
            )
        return Finished(done.returncode, out, err)

    def start_broker(self, *arguments: str) -> dict[str, object]:
        """Start `sealwasm broker serve` and return its ready line."""
        log = self.path("broker.log").open("w", encoding="utf-8")
        with log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                [*entry_point(self.packages), "broker", "serve", *arguments],
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.processes.append(process)
        line = _first_line(process)
        try:
            ready = json.loads(line)
        except json.JSONDecodeError as error:
            told = self.path("broker.log").read_text(encoding="utf-8")
            raise StepFailedError(f"the broker did not start: {line!r}\n{told}") from error
        require(isinstance(ready, dict), "the broker's ready line is not an object")
        return dict(ready)

    def close(self) -> None:
        """Stop every process that was started."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        self.processes.clear()


def _first_line(process: subprocess.Popen[str]) -> str:
    import selectors

    if process.stdout is None:
        return ""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(READY_SECONDS):
            raise StepFailedError(f"the broker was not ready within {READY_SECONDS} s")
    return process.stdout.readline()


@contextlib.contextmanager
def open_stage(folder: Path, packages: Path, *, keep: bool, tee: str = "snp") -> Iterator[Stage]:
    """Yield a stage; stop its processes and, unless `keep`, remove its folder."""
    stage = Stage(folder, packages, tee)
    try:
        yield stage
    finally:
        stage.close()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def copy_packages(source: Path, target: Path, names: Sequence[str]) -> Path:
    """Copy the installed packages, so that a changed runner can be started beside the real one."""
    for name in names:
        shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    return target
