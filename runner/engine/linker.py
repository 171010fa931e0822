"""A linker that holds the granted imports of one module and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import byref, c_void_p
from typing import Any, Final

from runner.engine.binding import Library, unusable
from runner.engine.capi import NO_FINALIZER, Vector
from runner.engine.engine import Engine, Module
from runner.engine.trampoline import Slot, host_callback
from runner.errors import RunnerCode, RunnerError
from runner.limits import MAX_ENGINE_MESSAGE_CHARACTERS
from runner.printable import printable
from runner.wasi.abi import MODULE
from runner.wasi.table import Function

_KINDS: Final = {"i": 0, "I": 1}


class LinkedModule:
    """A module joined to its host functions, ready to be instantiated any number of times."""

    def __init__(
        self, engine: Engine, module: Module, functions: Mapping[str, Function], slot: Slot
    ) -> None:
        self._library = engine.library
        # Native code holds only the addresses of these.
        self._callbacks: list[Any] = []
        self._linker: int = engine.library.wasmtime_linker_new(engine.address)
        self.address = 0
        for name in sorted({item.name for item in module.imports}):
            self._define(functions[name], slot)
        prepared = c_void_p()
        error = engine.library.wasmtime_linker_instantiate_pre(
            self._linker, module.address, byref(prepared)
        )
        if error:
            message = printable(engine.library.take_message(error), MAX_ENGINE_MESSAGE_CHARACTERS)
            self.close()
            raise RunnerError(RunnerCode.MODULE_INVALID, f"cannot be linked: {message}")
        self.address = prepared.value or 0

    def close(self) -> None:
        """Give linker and prepared instance back; the callbacks go last."""
        if self.address:
            self._library.wasmtime_instance_pre_delete(self.address)
        self._library.wasmtime_linker_delete(self._linker)
        self.address = self._linker = 0
        self._callbacks.clear()

    def _define(self, function: Function, slot: Slot) -> None:
        callback = host_callback(function, slot)
        self._callbacks.append(callback)
        module, name = MODULE.encode(), function.name.encode()
        kind = _function_type(self._library, function)
        error = self._library.wasmtime_linker_define_func_unchecked(
            self._linker, module, len(module), name, len(name), kind, callback, None, NO_FINALIZER
        )
        self._library.wasm_functype_delete(kind)
        if error:
            raise unusable(self._library.take_message(error))


def _function_type(library: Library, function: Function) -> int:
    parameters = _value_types(library, [_KINDS[letter] for letter in function.parameters])
    results = _value_types(library, [_KINDS["i"]] if function.returns else [])
    # Takes both lists over.
    return int(library.wasm_functype_new(byref(parameters), byref(results)))


def _value_types(library: Library, kinds: list[int]) -> Vector:
    values = (c_void_p * len(kinds))(*[library.wasm_valtype_new(kind) for kind in kinds])
    vector = Vector()
    library.wasm_valtype_vec_new(byref(vector), len(kinds), values)
    return vector
