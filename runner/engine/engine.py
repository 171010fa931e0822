"""An engine with a profile, and modules compiled by it."""

from __future__ import annotations

from ctypes import byref, c_void_p
from typing import Final

from runner.engine.binding import Library, address_of, library
from runner.engine.capi import Vector
from runner.engine.memory import MemorySource
from runner.engine.profile import FEATURES, Profile
from runner.engine.types import Export, Import, read_exports, read_imports
from runner.errors import RunnerCode, RunnerError
from runner.limits import MAX_ENGINE_MESSAGE_CHARACTERS, MAX_MODULE_BYTES
from runner.printable import printable

Buffer = bytes | bytearray | memoryview

WASM_MAGIC: Final = b"\0asm"
# How the engine's validator says that a module needs something that is off.
_FEATURE_PHRASES: Final = {
    "relaxed SIMD": "relaxed-simd",
    "SIMD": "simd",
    "tail calls": "tail-calls",
    "wide arithmetic": "wide-arithmetic",
    "threads": "threads",
    "shared memor": "threads",
    "memory64": "memory64",
    "multi-memory": "multi-memory",
    "multiple memories": "multi-memory",
    "exceptions": "exceptions",
    "exception": "exceptions",
    "function references": "function-references",
    "custom page sizes": "custom-page-sizes",
    "gc proposal": "gc",
    "gc types": "gc",
}


class Engine:
    """One wasmtime engine. Modules and linkers made with it must be closed before it."""

    def __init__(self, profile: Profile) -> None:
        self.library: Library = library()
        self.profile = profile
        self.memories = MemorySource(self.library.wasmtime_error_new)
        config = self.library.wasm_config_new()
        for name, value in profile.settings.items():
            self.library.configure(config, name, value)
        self.library.wasmtime_config_host_memory_creator_set(config, byref(self.memories.creator))
        # Takes the configuration over.
        self.address: int = self.library.wasm_engine_new_with_config(config)

    def interrupt(self) -> None:
        """Stop whatever guest of this engine is running. May be called from any thread."""
        self.library.wasmtime_engine_increment_epoch(self.address)

    def close(self) -> None:
        """Give the engine back."""
        self.library.wasm_engine_delete(self.address)
        self.address = 0


class Module:
    """A compiled module, with its imports and exports. The bytes it came from may go."""

    def __init__(self, engine: Engine, wasm: Buffer) -> None:
        self._library = engine.library
        self.address = _compile(engine, wasm)
        imports, exports = Vector(), Vector()
        self._library.wasmtime_module_imports(self.address, byref(imports))
        self._library.wasmtime_module_exports(self.address, byref(exports))
        self.imports: tuple[Import, ...] = read_imports(self._library, imports)
        self.exports: tuple[Export, ...] = read_exports(self._library, exports)

    def close(self) -> None:
        """Give the compiled code back."""
        self._library.wasmtime_module_delete(self.address)
        self.address = 0


def _compile(engine: Engine, wasm: Buffer) -> int:
    """Compile straight from the caller's buffer: our side makes no copy of the module."""
    _check_shape(wasm)
    compiled = c_void_p()
    with address_of(wasm) as (address, length):
        error = engine.library.wasmtime_module_new(engine.address, address, length, byref(compiled))
    if error:
        raise _invalid(engine.library.take_message(error))
    return compiled.value or 0


def _check_shape(wasm: Buffer) -> None:
    view = memoryview(wasm)
    if view.nbytes > MAX_MODULE_BYTES:
        detail = f"module is {view.nbytes} bytes, expected at most {MAX_MODULE_BYTES}"
        raise RunnerError(RunnerCode.MODULE_TOO_LARGE, detail)
    # The engine would say the same in words that change with its version.
    if bytes(view[:4]) != WASM_MAGIC:
        detail = f"module of {view.nbytes} bytes does not begin with the WebAssembly magic"
        raise RunnerError(RunnerCode.MODULE_INVALID, detail)


def _invalid(message: str) -> RunnerError:
    detail = printable(" ".join(message.split()), MAX_ENGINE_MESSAGE_CHARACTERS)
    for phrase, feature in _FEATURE_PHRASES.items():
        if phrase in message and ("not enabled" in message or "must be enabled" in message):
            if feature in FEATURES:
                remedy = f"spec:\n  features: [{feature}]"
                return RunnerError(RunnerCode.FEATURE_NOT_GRANTED, detail, remedy)
            return RunnerError(RunnerCode.FEATURE_UNSUPPORTED, detail)
    return RunnerError(RunnerCode.MODULE_INVALID, detail)
