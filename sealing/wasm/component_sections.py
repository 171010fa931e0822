"""The sections of a component that a bill of materials is made of.

Source: WebAssembly/component-model `design/mvp/Binary.md`. Core instances and core types are passed
over, and so is all code: that a component is valid is the engine's to say.
"""

from __future__ import annotations

from typing import Final

from sealing import limits
from sealing.module_source import ByteView
from sealing.wasm.component_scope import Budget, Item, Member, Scope, Space
from sealing.wasm.component_types import (
    MODULE,
    extern_name,
    read_alias,
    read_description,
    read_type,
    sort,
)
from sealing.wasm.reader import WasmReader, Work, malformed, require_at_most, unsupported
from sealing.wasm.sections import CORE_HEADER, MAGIC, SectionReader, read_producers

COMPONENT_HEADER: Final = MAGIC + b"\x0d\x00\x01\x00"
_CUSTOM, _MODULE, _COMPONENT = 0, 1, 4
_PASSED_OVER: Final = frozenset({2, 3})
_LIFT, _LOWER = 0, 1
# What these cost beside what is in them: measured.
_SECTION_STEPS, _COMPONENT_STEPS, _MODULE_STEPS = 3, 5, 20
_OF_RESOURCES: Final = frozenset({2, 3, 4, 7})
_OPTIONS, _OPTIONS_WITH_INDEX = frozenset({0, 1, 2, 6}), frozenset({3, 4, 5, 7})


class ComponentReader:
    """Collects what one component and those inside it declare. Raises `SealError`."""

    def __init__(self, data: ByteView) -> None:
        self._data = data
        self._budget = Budget(Work(len(data)))
        self.modules: list[SectionReader] = []
        # Tools repeat themselves in every module they make.
        self.producers: dict[tuple[str, str, str], None] = {}

    def spend(self, steps: int) -> None:
        """Count what listing costs, or raise `SealError` where it is too much."""
        self._budget.work.take(len(self._data), steps)

    @property
    def components(self) -> int:
        """How many components are inside."""
        return self._budget.components

    def read_all(self) -> Scope:
        """Return what the outermost component imports and exports."""
        scope = Scope(self._budget)
        reader = WasmReader(self._data, 0, len(self._data), self._budget.work)
        self._read_component(reader, scope)
        return scope

    def _read_component(self, reader: WasmReader, scope: Scope) -> None:
        _require_header(reader, COMPONENT_HEADER)
        vectors = {
            5: self._read_instance,
            6: read_alias,
            7: read_type,
            8: _read_canonical,
            10: _read_import,
            11: _read_export,
        }
        while not reader.at_end:
            start = reader.offset
            self._budget.sections += 1
            most = limits.BILL_COMPONENT_SECTIONS
            require_at_most(start, self._budget.sections, most, "sections")
            reader.spend(_SECTION_STEPS)
            section = reader.byte()
            body = reader.part()
            if section in vectors:
                count = body.count(limits.BILL_ENTRIES)
                body.spend(count)
                for _ in range(count):
                    vectors[section](body, scope)
                body.require_end()
            elif section not in _PASSED_OVER:
                self._read_whole(section, body, scope, start)

    def _read_whole(self, section: int, body: WasmReader, scope: Scope, start: int) -> None:
        if section == _CUSTOM:
            found: list[tuple[str, str, str]] = []
            read_producers(body, found)
            self._add_producers(found, start)
        elif section == _MODULE:
            self._read_module(body)
            scope.add("module", MODULE, start)
        elif section == _COMPONENT:
            self._budget.components += 1
            body.spend(_COMPONENT_STEPS)
            inner = scope.inner(start)
            self._read_component(body, inner)
            scope.add("component", Item.exporting("component", "component", inner.exports), start)
        else:
            raise unsupported(start, f"component section {section}")

    def _read_module(self, body: WasmReader) -> None:
        start = body.offset
        require_at_most(start, len(self.modules) + 1, limits.BILL_MODULES, "core modules")
        _require_header(body, CORE_HEADER)
        body.spend(_MODULE_STEPS)
        module = SectionReader(self._data, start, body.end, self._budget.work)
        module.read_all()
        self.modules.append(module)
        self._add_producers(module.producers, start)

    def _add_producers(self, found: list[tuple[str, str, str]], offset: int) -> None:
        self.producers.update(dict.fromkeys(found))
        require_at_most(offset, len(self.producers), limits.BILL_PRODUCERS, "producers")

    def _read_instance(self, reader: WasmReader, scope: Scope) -> None:
        start = reader.offset
        form = reader.byte()
        if form == 0:
            component = scope.at("component", reader.u32(), start)
            count = reader.count(limits.BILL_ENTRIES)
            reader.spend(count)
            for _ in range(count):
                reader.name(limits.BILL_NAME_BYTES)
                sort(reader)
                reader.u32()
            item = Item("instance", "", component.members, component.by_name)
        elif form == 1:
            item = Item.exporting("instance", "", _inline_exports(reader, scope))
        else:
            raise malformed(start, f"unknown form 0x{form:02x} of an instance")
        scope.add("instance", item, start)


def _inline_exports(reader: WasmReader, scope: Scope) -> list[Member]:
    members = []
    count = reader.count(limits.BILL_ENTRIES)
    reader.spend(2 * count)
    for _ in range(count):
        name = extern_name(reader)
        space, item = _sorted_index(reader, scope)
        members.append(Member(name, space, item))
    return members


def _sorted_index(reader: WasmReader, scope: Scope) -> tuple[Space, Item]:
    start = reader.offset
    space = sort(reader)
    if space is None:
        raise unsupported(start, "export of a core thing that is no module")
    return space, scope.at(space, reader.u32(), start)


def _read_import(reader: WasmReader, scope: Scope) -> None:
    start = reader.offset
    member = read_description(reader, scope, extern_name(reader))
    scope.declare(scope.imports, member, start)


def _read_export(reader: WasmReader, scope: Scope) -> None:
    start = reader.offset
    name = extern_name(reader)
    space, item = _sorted_index(reader, scope)
    given = reader.byte()
    if given > 1:
        raise malformed(start, "neither a description nor none")
    member = Member(name, space, item)
    if given:
        described = read_description(reader, scope, name)
        if described.space != space:
            raise malformed(start, "export is described as something else")
        # A type stays what it is; the description may only hide what it is made of.
        member = described
    scope.declare(scope.exports, member, start)


def _read_canonical(reader: WasmReader, scope: Scope) -> None:
    """Read one canonical definition: of those only lifted functions are in an index space here."""
    start = reader.offset
    code = reader.byte()
    if code in _OF_RESOURCES:
        reader.u32()
        return
    if code not in (_LIFT, _LOWER):
        raise unsupported(start, f"canonical definition 0x{code:02x}")
    if reader.byte() != 0:
        raise malformed(start, "unknown form of a canonical definition")
    reader.u32()
    for _ in range(reader.count(limits.BILL_ENTRIES)):
        option = reader.byte()
        if option in _OPTIONS_WITH_INDEX:
            reader.u32()
        elif option not in _OPTIONS:
            raise unsupported(start, f"canonical option 0x{option:02x}")
    if code == _LIFT:
        scope.add("func", scope.type_of("func", reader.u32(), start), start)


def _require_header(reader: WasmReader, header: bytes) -> None:
    start = reader.offset
    if reader.take(len(header)) != header:
        raise malformed(start, "does not begin as it should")
