"""Imports and exports of a module, read out of the engine's type lists."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import byref
from dataclasses import dataclass
from typing import Any, Final

from runner.engine.binding import Library, name_text
from runner.engine.capi import KIND_FUNCTION, Vector

_KINDS: Final = {0: "function", 1: "global", 2: "table", 3: "memory", 4: "tag"}
_VALUES: Final = {
    0: "i32",
    1: "i64",
    2: "f32",
    3: "f64",
    4: "v128",
    128: "externref",
    129: "funcref",
}


@dataclass(frozen=True, slots=True)
class Import:
    """One thing a module wants from outside. The type is given for functions only."""

    module: str
    name: str
    kind: str
    parameters: tuple[str, ...] = ()
    results: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """`module.name`, as policies write it."""
        return f"{self.module}.{self.name}"

    @property
    def type(self) -> str:
        """`(i32, i64) -> (i32)` for functions, otherwise the kind."""
        if self.kind != _KINDS[KIND_FUNCTION]:
            return self.kind
        return f"({', '.join(self.parameters)}) -> ({', '.join(self.results)})"


@dataclass(frozen=True, slots=True)
class Export:
    """One thing a module offers. The type is given for functions only."""

    name: str
    kind: str
    parameters: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


def read_imports(library: Library, vector: Vector) -> tuple[Import, ...]:
    """The imports in a `wasm_importtype_vec_t`, which is deleted."""
    imports = tuple(
        Import(
            name_text(library.wasm_importtype_module(item)[0]),
            name_text(library.wasm_importtype_name(item)[0]),
            *_type(library, library.wasm_importtype_type(item)),
        )
        for item in _items(vector)
    )
    library.wasm_importtype_vec_delete(byref(vector))
    return imports


def read_exports(library: Library, vector: Vector) -> tuple[Export, ...]:
    """The exports in a `wasm_exporttype_vec_t`, which is deleted."""
    exports = tuple(
        Export(
            name_text(library.wasm_exporttype_name(item)[0]),
            *_type(library, library.wasm_exporttype_type(item)),
        )
        for item in _items(vector)
    )
    library.wasm_exporttype_vec_delete(byref(vector))
    return exports


def _items(vector: Vector) -> Iterator[Any]:
    for index in range(vector.size):
        yield vector.data[index]


def _type(library: Library, external: int) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    kind = library.wasm_externtype_kind(external)
    if kind != KIND_FUNCTION:
        return _KINDS.get(kind, "unknown"), (), ()
    function = library.wasm_externtype_as_functype_const(external)
    return (
        _KINDS[kind],
        _values(library, library.wasm_functype_params(function)[0]),
        _values(library, library.wasm_functype_results(function)[0]),
    )


def _values(library: Library, vector: Vector) -> tuple[str, ...]:
    kinds = (library.wasm_valtype_kind(item) for item in _items(vector))
    return tuple(_VALUES.get(kind, "unknown") for kind in kinds)
