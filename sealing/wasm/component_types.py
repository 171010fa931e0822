"""Definitions in a component: types, aliases, and what imports and exports are described by.

Source: WebAssembly/component-model `design/mvp/Binary.md`, "Type Definitions", "Alias Definitions",
"Import and Export Definitions".
"""

from __future__ import annotations

from typing import Final

from sealing import limits
from sealing.wasm.component_scope import Item, Member, Scope, Space, space_of_sort
from sealing.wasm.reader import WasmReader, malformed, unsupported
from sealing.wasm.wit_types import ASYNC_FUNC, FUNC, TypeReader

MODULE: Final = Item("module", "core module")
_COMPONENT_TYPE, _INSTANCE_TYPE, _RESOURCE, _REPRESENTATION = 0x41, 0x42, 0x3F, 0x7F
_CORE, _CORE_MODULE, _CORE_SORTS = 0x00, 0x11, frozenset({0, 1, 2, 3, 4, 0x10, 0x11, 0x12})
_TYPE_DECL, _ALIAS_DECL, _IMPORT_DECL, _EXPORT_DECL = 1, 2, 3, 4
_OF_INSTANCE, _OF_CORE_INSTANCE, _OUTER = 0, 1, 2
# What a type with definitions inside costs beside them: measured.
_SCOPE_STEPS: Final = 4


def extern_name(reader: WasmReader) -> str:
    """Return the name of an import or export, such as "wasi:cli/run@0.2.0"."""
    start = reader.offset
    form = reader.byte()
    if form > 1:
        raise unsupported(start, f"name of form 0x{form:02x}")
    return reader.name(limits.BILL_NAME_BYTES)


def sort(reader: WasmReader) -> Space | None:
    """Return the index space that a sort means; None for one of the core ones but modules."""
    start = reader.offset
    code = reader.byte()
    if code != _CORE:
        return space_of_sort(start, code)
    core = reader.byte()
    if core not in _CORE_SORTS:
        raise unsupported(start, f"core sort 0x{core:02x}")
    return "module" if core == _CORE_MODULE else None


def read_type(reader: WasmReader, scope: Scope) -> None:
    """Read one type definition into its index space."""
    start = reader.offset
    code = reader.byte()
    if code == _RESOURCE:
        item = _resource(reader)
    elif code in (_COMPONENT_TYPE, _INSTANCE_TYPE):
        item = _declared(reader, scope, code)
    else:
        types = TypeReader(reader, scope.spaces["type"])
        is_function = code in (FUNC, ASYNC_FUNC)
        text = types.function(code) if is_function else types.defined(code)
        item = Item("func" if is_function else "type", text)
    scope.add("type", item, start)


def read_alias(reader: WasmReader, scope: Scope) -> None:
    """Read one alias into its index space; those into core spaces are passed over."""
    start = reader.offset
    space = sort(reader)
    target = reader.byte()
    if target == _OUTER:
        outer, index = scope.outer(reader.u32(), start), reader.u32()
        if space is not None:
            scope.add(space, outer.at(space, index, start), start)
        return
    if target not in (_OF_INSTANCE, _OF_CORE_INSTANCE):
        raise malformed(start, f"unknown target 0x{target:02x} of an alias")
    index, name = reader.u32(), reader.name(limits.BILL_NAME_BYTES)
    if target == _OF_INSTANCE:
        if space is None:
            raise malformed(start, "an instance exports nothing of that sort")
        scope.alias(space, index, name, start)


def read_description(reader: WasmReader, scope: Scope, name: str) -> Member:
    """Return what an import or export is said to be."""
    start = reader.offset
    code = reader.byte()
    if code == _CORE:
        if reader.byte() != _CORE_MODULE:
            raise malformed(start, "unknown core description")
        reader.u32()
        return Member(name, "module", MODULE)
    if code == 0x03:
        return Member(name, "type", _bound(reader, scope))
    space = space_of_sort(start, code)
    return Member(name, space, scope.type_of(space, reader.u32(), start))


def _bound(reader: WasmReader, scope: Scope) -> Item:
    start = reader.offset
    form = reader.byte()
    if form == 0:
        return scope.at("type", reader.u32(), start)
    if form != 1:
        raise malformed(start, "unknown bound of a type")
    return Item("resource", "resource")


def _resource(reader: WasmReader) -> Item:
    start = reader.offset
    if reader.byte() != _REPRESENTATION:
        raise unsupported(start, "resource that is not represented by an i32")
    given = reader.byte()
    if given > 1:
        raise malformed(start, "neither a destructor nor none")
    if given:
        reader.u32()
    return Item("resource", "resource")


def _declared(reader: WasmReader, scope: Scope, code: int) -> Item:
    """Return the type of a component or instance: what it would export."""
    inner = scope.inner(reader.offset)
    count = reader.count(limits.BILL_ENTRIES)
    reader.spend(count + _SCOPE_STEPS)
    for _ in range(count):
        start = reader.offset
        kind = reader.byte()
        if kind == _TYPE_DECL:
            read_type(reader, inner)
        elif kind == _ALIAS_DECL:
            read_alias(reader, inner)
        elif kind == _EXPORT_DECL or (kind == _IMPORT_DECL and code == _COMPONENT_TYPE):
            listed = inner.exports if kind == _EXPORT_DECL else inner.imports
            inner.declare(listed, read_description(reader, inner, extern_name(reader)), start)
        else:
            raise unsupported(start, f"declaration 0x{kind:02x} in a type")
    word: Space = "component" if code == _COMPONENT_TYPE else "instance"
    return Item.exporting(word, word, inner.exports)
