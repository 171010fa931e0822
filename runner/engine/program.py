"""A module made ready under a grant, and its runs."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from policies.errors import PolicyError
from policies.load import parse_document
from policies.models import CapabilityPolicy
from runner.ending import Ending
from runner.engine.binding import ENGINE_NAME, ENGINE_VERSION
from runner.engine.engine import Buffer, Engine, Module
from runner.engine.execution import Execution, Finished
from runner.engine.imports import has_memory, require_entrypoint, require_imports
from runner.engine.interrupts import held_interrupts
from runner.engine.linker import LinkedModule
from runner.engine.outcome import Outcome, RunInputs, Sources
from runner.engine.profile import Profile, profile_for
from runner.engine.selftest import require_working_engine
from runner.engine.setup import Streams, build_host, is_reproducible
from runner.engine.trampoline import Slot
from runner.engine.watchdog import Watchdog
from runner.errors import RunnerCode, RunnerError
from runner.wasi.abi import MODULE, Errno
from runner.wasi.denials import DenialCode
from runner.wasi.descriptors import Sink
from runner.wasi.errors import GuestStopped, ProcExit, WasiError
from runner.wasi.host import Host
from runner.wasi.table import FUNCTIONS, Function

Capabilities = CapabilityPolicy | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was taken down while a guest ran."""

    streams: Streams
    kept: tuple[list[bytes], list[bytes]]
    wall_ns: int


class Program:
    """A module, compiled, checked against its grant and linked. Runs as often as wanted.

    Making one needs memory that becomes executable; running it does not, so a worker locks itself
    down in between. One run at a time. Raises `RunnerError`.
    """

    def __init__(self, module: Buffer, capabilities: Capabilities) -> None:
        require_working_engine()
        self.grant = _as_policy(capabilities)
        self._reproducible = is_reproducible(self.grant)
        self._running = threading.Lock()
        self._engine = Engine(_profile(self.grant, deterministic=self._reproducible))
        self._closers: list[Callable[[], None]] = [self._engine.close]
        try:
            self._prepare(module)
        except RunnerError:
            self.close()
            raise

    def _prepare(self, wasm: Buffer) -> None:
        compiled = Module(self._engine, wasm)
        self._closers.append(compiled.close)
        granted = self.grant.import_pairs
        require_imports(compiled.imports, granted, audit=self.grant.spec.mode == "audit")
        require_entrypoint(compiled.exports)
        self._shows_memory = has_memory(compiled.exports)
        self._slot = Slot(self._engine.library.wasmtime_trap_new_code)
        functions = {
            name: function if (MODULE, name) in granted else _recording(function)
            for name, function in FUNCTIONS.items()
        }
        self._linked = LinkedModule(self._engine, compiled, functions, self._slot)
        self._closers.append(self._linked.close)
        self._watchdog = Watchdog(self._engine.interrupt)
        self._closers.append(self._watchdog.close)

    @property
    def profile(self) -> Profile:
        """The engine settings of this program."""
        return self._engine.profile

    def facts(self) -> dict[str, str]:
        """Which engine runs this, in which profile."""
        return {
            "name": ENGINE_NAME,
            "version": ENGINE_VERSION,
            "profile": self.profile.digest,
        }

    def run(
        self,
        inputs: RunInputs,
        *,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        sources: Sources | None = None,
    ) -> Outcome:
        """Run the module once and say how it ended. A sink gets output as the guest writes it.

        Raises `RunnerError` if an input is not granted or missing, and whatever a sink raises.
        """
        if not self._running.acquire(blocking=False):
            raise RunnerError(RunnerCode.ENGINE_UNUSABLE, "this program is running already")
        try:
            return self._run(inputs, (stdout, stderr), sources or Sources())
        finally:
            self._running.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give everything back, in the reverse order of its making."""
        while self._closers:
            self._closers.pop()()

    def _run(
        self, inputs: RunInputs, sinks: tuple[Sink | None, Sink | None], sources: Sources
    ) -> Outcome:
        kept: tuple[list[bytes], list[bytes]] = ([], [])
        used = (sinks[0] or kept[0].append, sinks[1] or kept[1].append)
        host, streams = build_host(
            self.grant,
            inputs,
            sources=sources,
            sinks=used,
            pause=self._watchdog.pause,
            stopped=self._watchdog.expired.is_set,
        )
        if self._shows_memory:
            host.memory = self._engine.memories
        begun = sources.monotonic_ns()
        finished, parked = self._execute(host)
        recorded = Recorded(streams, kept, sources.monotonic_ns() - begun)
        return self._outcome(finished, parked, host, recorded)

    def _execute(self, host: Host) -> tuple[Finished, BaseException | None]:
        execution = Execution(self._engine, self.grant.spec.limits)
        self._slot.begin(host)
        try:
            with held_interrupts(self._engine.interrupt):
                self._watchdog.arm(self.grant.spec.limits.wall_clock_ms / 1000)
                finished = execution.run(self._linked)
            return finished, self._slot.parked
        finally:
            self._watchdog.disarm()
            self._slot.end()
            execution.close()

    def _outcome(
        self, finished: Finished, parked: BaseException | None, host: Host, recorded: Recorded
    ) -> Outcome:
        ending, code, trap = _ending(finished, parked)
        if self._engine.memories.refusals:
            host.denials.note(DenialCode.MEMORY, "spec.limits.memory")
        return Outcome(
            ending=ending,
            exit_code=code,
            trap=trap,
            fuel_used=finished.fuel_used,
            wall_ns=recorded.wall_ns,
            peak_memory_bytes=finished.peak_memory_bytes,
            host_calls=self._slot.calls(),
            denials=host.denials.list(),
            stdout_bytes=recorded.streams.stdout.written,
            stderr_bytes=recorded.streams.stderr.written,
            reproducible=self._reproducible and ending is not Ending.WALL_CLOCK,
            stdout=b"".join(recorded.kept[0]),
            stderr=b"".join(recorded.kept[1]),
            frames=finished.report.frames if finished.report else (),
            written={
                mount.path: dict(mount.tree.files()) for mount in host.mounts if mount.write_back
            },
        )


def _ending(finished: Finished, parked: BaseException | None) -> tuple[Ending, int | None, str]:
    """How the run ended: by what stopped it on our side, else by what the engine says."""
    match parked:
        case ProcExit(code=code):
            return Ending.EXIT, code, ""
        case GuestStopped(ending=ending):
            return ending, None, ""
        case None:
            report = finished.report
            return (report.ending, None, report.name) if report else (Ending.EXIT, 0, "")
        case _:
            # Frames of host calls hold views of memory that is gone by now.
            traceback.clear_frames(parked.__traceback__)
            raise parked


def _as_policy(capabilities: Capabilities) -> CapabilityPolicy:
    if isinstance(capabilities, CapabilityPolicy):
        return capabilities
    try:
        policy = parse_document(capabilities, name="grant")
    except PolicyError as error:
        raise RunnerError(RunnerCode.GRANT_INVALID, str(error)) from error
    if not isinstance(policy, CapabilityPolicy):
        detail = f"got a {policy.kind}, expected a CapabilityPolicy"
        raise RunnerError(RunnerCode.GRANT_INVALID, detail)
    return policy


def _profile(grant: CapabilityPolicy, *, deterministic: bool) -> Profile:
    return profile_for(
        grant.spec.features,
        stack_bytes=grant.spec.limits.stack_bytes,
        deterministic=deterministic,
    )


def _recording(function: Function) -> Function:
    """In audit mode: what an import that is not granted is linked to."""

    def refuse(host: Host, *_arguments: int) -> int:
        host.denials.note(DenialCode.IMPORT, f"spec.imports: {MODULE}.{function.name}")
        raise WasiError(Errno.NOTCAPABLE)

    return replace(function, call=refuse)
