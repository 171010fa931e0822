"""The worker: makes the release key, opens the module, locks itself down, runs it, dies.

It reads and writes nothing but its channel. The supervisor never has the content key or the
plaintext; docs/specs/worker.md has the whole conversation.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, Protocol

from keybroker.protocol import RunnerKey
from policies.models import CapabilityPolicy
from runner import receipt
from runner.engine import Outcome, Program, RunInputs
from runner.errors import RunnerCode, RunnerError
from runner.stopwatch import Stopwatch
from runner.worker import limits
from runner.worker.frames import Channel, malformed
from runner.worker.handover import Batch, Handover, receive_batch
from runner.worker.kernel import LinuxKernel
from runner.worker.lockdown import Lockdown, LockdownReport, Part
from runner.worker.messages import (
    Accepted,
    Artifact,
    Done,
    Failed,
    Header,
    Hello,
    Locked,
    Output,
    PieceName,
    Refused,
    Release,
    Start,
    TreeFile,
    Verified,
)
from runner.worker.opening import Opened, Opening, guardrails_in, open_unsealed
from sealing import canonical
from sealing.hpke import OpeningKey


class Locker(Protocol):
    """The two stages of lock-down. Tests that stay in one process have another one."""

    def enter(self, *, parent: int) -> None:
        """Take away what can go at once."""

    def complete(self, required: frozenset[Part]) -> LockdownReport:
        """Take everything away that the guest's run does not need, or raise `RunnerError`."""


def serve(channel: Channel, lockdown: Locker, *, now: Callable[[], datetime]) -> None:
    """Run one module once, from the first word to the last.

    Raises `RunnerError` at the first thing that is not as it must be; nothing has run then, or
    the guest's run is over.
    """
    # (1) The key that a release can be wrapped to. Its private half never leaves this process.
    key = OpeningKey.generate()
    public = RunnerKey.model_validate({"suite": key.suite, "public": key.public.raw})
    channel.send(Hello(key=public).to_header())

    # (2) A sealed module is verified again, and so is every release as it comes.
    batch, opening = receive_batch(channel), None
    if isinstance(batch.message, Artifact):
        opening = Opening(batch.artifact(), batch.message, key)
        channel.send(Verified().to_header())
        batch = _judge_releases(channel, opening, now)

    # (3) Inputs come in before anything of them is used; then open, into memory we own.
    handover = batch.handover(_start_of(batch, opening))
    watch = Stopwatch()
    opened = _open(opening, handover, now)
    # The guest will run in this process: what opened the module is gone by then.
    del key, opening
    watch.lap("open")

    # (4) Compile and link with the granted imports only; then the plaintext has served its turn.
    program = _program(opened)
    watch.lap("compile")

    # (5) Take away everything but the channel, and say what held.
    report = lockdown.complete(frozenset(handover.start.required))
    watch.lap("lock-down")
    channel.send(_locked(report, program, opened.grant, watch).to_header())

    # (6) Run, and hand back what the guest leaves.
    _run(channel, program, handover)


def converse(
    channel: Channel, lockdown: Locker, *, parent: int, now: Callable[[], datetime]
) -> int:
    """Return the exit status of a worker on `channel`: 0 if it said everything it had to say.

    Raises nothing: what went wrong is told to the supervisor, as far as it still listens.
    """
    try:
        lockdown.enter(parent=parent)
        serve(channel, lockdown, now=now)
    except RunnerError as error:
        _report(channel, error)
    except BaseException as error:  # noqa: BLE001 - the process edge: a class name, no more
        _report(channel, RunnerError(RunnerCode.WORKER_FAULT, type(error).__name__))
    else:
        return 0
    return 1


def main(descriptor: int, parent: int) -> None:
    """Be a worker on `descriptor` for the process `parent`. Never returns."""
    status = converse(
        Channel(descriptor), Lockdown(LinuxKernel()), parent=parent, now=lambda: datetime.now(UTC)
    )
    # No finalisers: they could do anything, and the kernel clears our memory.
    os._exit(status)


def _judge_releases(channel: Channel, opening: Opening, now: Callable[[], datetime]) -> Batch:
    """Answer each release with whether it holds; return what comes after the last one.

    Raises `RunnerError` at one more than a key can have.
    """
    judged = 0
    while True:
        batch = receive_batch(channel)
        if not isinstance(batch.message, Release):
            return batch
        judged += 1
        if judged > limits.MAX_RELEASES:
            raise malformed(f"more than {limits.MAX_RELEASES} releases")
        answer = batch.release()
        try:
            verdict: Header = Accepted(broker=opening.take(batch.message, answer, now=now()))
        except RunnerError as error:
            verdict = _told(Refused, error)
        channel.send(verdict.to_header())


def _start_of(batch: Batch, opening: Opening | None) -> Start:
    start = batch.message
    if not isinstance(start, Start) or (start.brokers is None) != (opening is None):
        raise malformed("releases without an artifact, or no releases for one")
    return start


def _open(opening: Opening | None, handover: Handover, now: Callable[[], datetime]) -> Opened:
    if opening is None or handover.start.brokers is None:
        return open_unsealed(handover)
    return opening.open(handover.start.brokers, guardrails_in(handover), now=now())


def _run(channel: Channel, program: Program, handover: Handover) -> None:
    call = handover.call()
    inputs = RunInputs(
        args=call.arguments,
        env=call.environment,
        stdin=handover.pieces.one(PieceName.STDIN),
        files=handover.trees,
    )
    outcome = program.run(inputs, stdout=_sink(channel, "stdout"), stderr=_sink(channel, "stderr"))
    for mount, files in outcome.written.items():
        for path, data in files.items():
            channel.send(TreeFile(mount=mount, path=path).to_header(), data)
    channel.send(_done(outcome, sealed=handover.start.brokers is not None).to_header())


def _program(opened: Opened) -> Program:
    try:
        return Program(opened.module, opened.grant)
    finally:
        opened.module.release()
        opened.memory.wipe()


def _locked(
    report: LockdownReport, program: Program, grant: CapabilityPolicy, watch: Stopwatch
) -> Locked:
    return Locked(
        lockdown=receipt.Lockdown.model_validate(report.to_document()),
        engine=receipt.Engine.model_validate(program.facts()),
        grant=grant.digest,
        milliseconds=watch.milliseconds,
    )


def _sink(channel: Channel, stream: Literal["stdout", "stderr"]) -> Callable[[bytes], None]:
    # Encoded once: guests write line by line.
    header = canonical.encode(Output(stream=stream).to_header())

    def write(data: bytes) -> None:
        for start in range(0, len(data), limits.MAX_OUTPUT_CHUNK_BYTES):
            channel.send_encoded(header, data[start : start + limits.MAX_OUTPUT_CHUNK_BYTES])

    return write


def _done(outcome: Outcome, *, sealed: bool) -> Done:
    return Done(
        ending=outcome.ending,
        exit_code=outcome.exit_code,
        trap=outcome.trap,
        usage=outcome.usage(),
        denials=tuple(f"{one.code} {one.grant} x{one.count}" for one in outcome.denials),
        deterministic=outcome.reproducible,
        frames=() if sealed else outcome.frames,
    )


def _report(channel: Channel, error: RunnerError) -> None:
    try:
        channel.send(_told(Failed, error).to_header())
    except RunnerError:
        # Nobody listens any more; the exit status is all that is left to say.
        return


def _told(kind: type[Failed | Refused], error: RunnerError) -> Failed | Refused:
    return kind(
        code=error.code,
        detail=_printable(error.detail),
        remedy=_printable(error.remedy),
        reason=error.reason,
    )


def _printable(text: str) -> str:
    shown = "".join(one if one.isprintable() or one == "\n" else "?" for one in text)
    return shown[: limits.MAX_DETAIL_CHARS]
