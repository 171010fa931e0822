"""One instance from its making to its end: store, limits, fuel, deadline, call."""

from __future__ import annotations

from ctypes import addressof, byref, c_uint64, c_void_p
from dataclasses import dataclass

from policies.models.capability import Limits
from runner.ending import Ending
from runner.engine.binding import Library, unusable
from runner.engine.capi import NO_FINALIZER, Extern, Instance
from runner.engine.engine import Engine
from runner.engine.imports import ENTRYPOINT
from runner.engine.linker import LinkedModule
from runner.engine.traps import TrapReport, take_trap
from runner.errors import RunnerCode, RunnerError
from runner.limits import MAX_ENGINE_MESSAGE_CHARACTERS, MAX_MEMORIES, MAX_TABLES
from runner.printable import printable


@dataclass(frozen=True, slots=True)
class Finished:
    """What the engine knows of a run. `report` is None if the entrypoint returned."""

    report: TrapReport | None
    fuel_used: int
    peak_memory_bytes: int


class Execution:
    """A store with its limits. `close` must be called, and nothing of the guest used after it."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._library: Library = engine.library
        self._memories = engine.memories
        self._fuel = limits.fuel
        self._store: int = self._library.wasmtime_store_new(engine.address, None, NO_FINALIZER)
        self._context: int = self._library.wasmtime_store_context(self._store)
        self._memories.begin(limits.memory_bytes)
        # Memory is bounded where it is mapped (memory.py), which also tells us of a refusal.
        self._library.wasmtime_store_limiter(
            self._store, -1, limits.table_elements, limits.instances, MAX_TABLES, MAX_MEMORIES
        )
        self._check(self._library.wasmtime_context_set_fuel(self._context, limits.fuel))
        # The next tick is the end: only the watchdog ticks, at the deadline.
        self._library.wasmtime_context_set_epoch_deadline(self._context, 1)

    def run(self, linked: LinkedModule) -> Finished:
        """Instantiate and call the entrypoint. Returns however the guest ends."""
        instance = Instance()
        report = self._instantiate(linked, instance)
        if report is None:
            report = self._call(instance)
        if report is not None and report.ending is Ending.TRAP and self._memories.refusals:
            # What a guest does when it gets no memory is its business; why it did is not.
            report = TrapReport(Ending.MEMORY, report.name, report.frames)
        memory = self._memories.latest
        return Finished(report, self._fuel - self._fuel_left(), memory.size if memory else 0)

    def close(self) -> None:
        """Give the store back, and with it the guest's memory."""
        self._library.wasmtime_store_delete(self._store)
        self._store = self._context = 0

    def _instantiate(self, linked: LinkedModule, instance: Instance) -> TrapReport | None:
        trap = c_void_p()
        error = self._library.wasmtime_instance_pre_instantiate(
            linked.address, self._context, byref(instance), byref(trap)
        )
        if trap.value:
            return take_trap(self._library, trap.value)
        if error:
            message = self._library.take_message(error)
            if self._memories.refusals or "exceed" in message:
                return TrapReport(Ending.MEMORY, "limit")
            shown = printable(message, MAX_ENGINE_MESSAGE_CHARACTERS)
            raise RunnerError(RunnerCode.MODULE_INVALID, f"cannot be instantiated: {shown}")
        return None

    def _call(self, instance: Instance) -> TrapReport | None:
        entry, name = Extern(), ENTRYPOINT.encode()
        if not self._library.wasmtime_instance_export_get(
            self._context, byref(instance), name, len(name), byref(entry)
        ):
            raise unusable(f"the engine does not find {ENTRYPOINT}")
        trap = c_void_p()
        function = addressof(entry) + Extern.of.offset
        error = self._library.wasmtime_func_call_unchecked(
            self._context, function, None, 0, byref(trap)
        )
        if trap.value:
            return take_trap(self._library, trap.value)
        self._check(error)
        return None

    def _fuel_left(self) -> int:
        left = c_uint64()
        self._check(self._library.wasmtime_context_get_fuel(self._context, byref(left)))
        return left.value

    def _check(self, error: int | None) -> None:
        if error:
            raise unusable(self._library.take_message(error))
