"""From what the engine reports to how a run ended."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_uint8
from dataclasses import dataclass, field
from typing import Final

from runner.ending import Ending
from runner.engine.binding import Library, name_text
from runner.engine.capi import TRAP_INTERRUPT, TRAP_OUT_OF_FUEL, Vector
from runner.limits import MAX_NAME_CHARACTERS, MAX_TRAP_FRAMES
from runner.printable import printable

# wasmtime/trap.h; the rest can only come from features that are off.
_TRAPS: Final = {
    0: "stack-overflow",
    1: "memory-out-of-bounds",
    2: "heap-misaligned",
    3: "table-out-of-bounds",
    4: "indirect-call-to-null",
    5: "bad-signature",
    6: "integer-overflow",
    7: "integer-division-by-zero",
    8: "bad-conversion-to-integer",
    9: "unreachable",
    15: "allocation-too-large",
}


@dataclass(frozen=True, slots=True)
class TrapReport:
    """What stopped the guest. `frames` name its functions, so they belong to the module's owner."""

    ending: Ending
    name: str = ""
    frames: tuple[str, ...] = field(default=(), repr=False)


def take_trap(library: Library, trap: int) -> TrapReport:
    """The report of a `wasm_trap_t`, which is deleted."""
    code = c_uint8(0)
    has_code = library.wasmtime_trap_code(trap, byref(code))
    frames = _frames(library, trap)
    library.wasm_trap_delete(trap)
    if has_code and code.value == TRAP_INTERRUPT:
        return TrapReport(Ending.WALL_CLOCK, frames=frames)
    if has_code and code.value == TRAP_OUT_OF_FUEL:
        return TrapReport(Ending.OUT_OF_FUEL, frames=frames)
    name = _TRAPS.get(code.value, "other") if has_code else "other"
    return TrapReport(Ending.TRAP, name, frames)


def _frames(library: Library, trap: int) -> tuple[str, ...]:
    vector = Vector()
    library.wasm_trap_trace(trap, byref(vector))
    shown = tuple(
        _frame(library, vector.data[index]) for index in range(min(vector.size, MAX_TRAP_FRAMES))
    )
    library.wasm_frame_vec_delete(byref(vector))
    return shown


def _frame(library: Library, frame: int) -> str:
    index = library.wasm_frame_func_index(frame)
    offset = library.wasm_frame_module_offset(frame)
    name = library.wasmtime_frame_func_name(frame)
    label = ""
    if ctypes.cast(name, ctypes.c_void_p).value:
        label = printable(name_text(name[0]), MAX_NAME_CHARACTERS)
    return f"function {index} {label} at 0x{offset:x}".replace("  ", " ")
