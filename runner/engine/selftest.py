"""One real call at the start of every process: does the engine do what our prototypes say?

A wrong structure size or argument order would corrupt memory silently later; here it shows as a
wrong number, and the runner refuses to start.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from policies.models.capability import Limits
from runner.ending import Ending
from runner.engine.binding import unusable
from runner.engine.engine import Engine, Module
from runner.engine.execution import Execution, Finished
from runner.engine.imports import wasi_type
from runner.engine.linker import LinkedModule
from runner.engine.profile import BASE_PROFILE
from runner.engine.trampoline import Slot
from runner.limits import KIB
from runner.wasi.abi import Errno
from runner.wasi.table import SIGNATURES, Function

PAGE: Final = 64 * KIB
FUNCTION: Final = "fd_seek"
ARGUMENTS: Final = (0x8000_0001, 0x8000_0000_0000_0002, 0xFFFF_FFFF, 4)

# (module (import "wasi_snapshot_preview1" "fd_seek" (func (param i32 i64 i32 i32) (result i32)))
#   (memory (export "memory") 1)
#   (func (export "_start")
#     (i32.store (i32.const 8)
#       (call 0 (i32.const 0x80000001) (i64.const 0x8000000000000002) (i32.const -1) (i32.const 4)))
#     (drop (memory.grow (i32.const 1))) unreachable))
MODULE: Final = bytes.fromhex(
    "0061736d01000000010c0260047f7e7f7f017f60000002220116776173695f73"
    "6e617073686f745f70726576696577310766645f7365656b0000030201010503"
    "010001071302066d656d6f72790200065f737461727400010a26012400410841"
    "8180808078428280808080808080807f417f41041000360200410140001a000b"
)


@cache
def require_working_engine() -> None:
    """Raise `RunnerError` unless a small module runs exactly as it must. Done once per process."""
    engine = Engine(BASE_PROFILE)
    try:
        _check(engine)
    finally:
        engine.close()


def _check(engine: Engine) -> None:
    seen: list[tuple[int, ...]] = []
    stored: list[int] = []

    def call(_host: Any, *arguments: int) -> int:
        seen.append(arguments)
        return Errno.NOTCAPABLE

    function = Function(FUNCTION, SIGNATURES[FUNCTION], returns=True, call=call)
    module = Module(engine, MODULE)
    slot = Slot(engine.library.wasmtime_trap_new_code)
    linked = LinkedModule(engine, module, {FUNCTION: function}, slot)
    execution = Execution(engine, Limits())
    try:
        finished = execution.run(linked)
        memory = engine.memories.latest
        stored += memory.view[8:12] if memory else []
    finally:
        execution.close()
        linked.close()
        module.close()
    types = [item.type for item in module.imports]
    _expect("host call arguments", seen, [ARGUMENTS])
    _expect("host call result", stored, [Errno.NOTCAPABLE, 0, 0, 0])
    _expect("import types", types, [wasi_type(FUNCTION)])
    _expect("memory", finished.peak_memory_bytes, 2 * PAGE)
    _expect("memory left behind", engine.memories.alive, 0)
    _expect("end", _end_of(finished), (Ending.TRAP, "unreachable"))
    if not 0 < finished.fuel_used < 100:
        raise unusable(f"self-test used {finished.fuel_used} fuel, expected 1 to 99")


def _end_of(finished: Finished) -> tuple[Ending, str] | None:
    return (finished.report.ending, finished.report.name) if finished.report else None


def _expect(what: str, got: object, expected: object) -> None:
    if got != expected:
        raise unusable(f"self-test: {what} is {got}, expected {expected}")
