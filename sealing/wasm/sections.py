"""The sections of a core module that a bill of materials is made of.

Source: WebAssembly core specification 3.0, section 5.5 "Modules"; tool-conventions
`ProducersSection.md`.
"""

from __future__ import annotations

from typing import Final, Literal

from sealing import limits
from sealing.module_source import ByteView
from sealing.wasm import bulk
from sealing.wasm.reader import WasmReader, Work, malformed, require_at_most
from sealing.wasm.types import (
    Limits,
    ReferenceType,
    function_type,
    global_type,
    skip_constant,
    table_type,
    tag_type_index,
)

MAGIC: Final = b"\0asm"
CORE_HEADER: Final = MAGIC + b"\x01\x00\x00\x00"
Kind = Literal["func", "table", "memory", "global", "tag"]
_KINDS: Final[tuple[Kind, ...]] = ("func", "table", "memory", "global", "tag")
_CUSTOM: Final = 0
# Ids in the order in which sections appear: tags come before globals, data count before code.
_ORDER: Final = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)
_PRODUCERS: Final = b"producers"
_ACTIVE, _PASSIVE, _ACTIVE_IN = 0, 1, 2
# What these cost beside the step that each of them is: measured.
_SECTION_STEPS, _SIZED_STEPS, _UNUSUAL_STEPS, _EXPORT_STEPS = 2, 5, 7, 2


class SectionReader:
    """Collects what one module declares. Raises `SealError` from `read_all`."""

    def __init__(self, data: ByteView, start: int, end: int, work: Work) -> None:
        """Take the module in `data[start:end]`, whose header was looked at."""
        self._reader = WasmReader(data, start + len(CORE_HEADER), end, work)
        self._types: list[str] = []
        # One text for all tags of a type: there may be many tags, and a text may be long.
        self._tag_texts: dict[int, str] = {}
        # Per kind, the type texts of its index space: imports first.
        self._spaces: dict[Kind, list[str]] = {kind: [] for kind in _KINDS}
        self._has_producers = False
        self.imports: list[tuple[str, str, Kind, str]] = []
        self.exports: list[tuple[str, Kind, int]] = []
        self.memories: list[Limits] = []
        self.tables: list[tuple[ReferenceType, Limits]] = []
        self.functions = 0
        self.data_segments = 0
        self.data_bytes = 0
        self.start: int | None = None
        self.producers: list[tuple[str, str, str]] = []

    def read_all(self) -> None:
        """Read every section, in order, to the last byte."""
        handlers = {
            1: self._read_types,
            2: self._read_imports,
            3: self._read_functions,
            4: self._read_tables,
            5: self._read_memories,
            13: self._read_tags,
            6: self._read_globals,
            7: self._read_exports,
            8: self._read_start,
            11: self._read_data,
        }
        reader = self._reader
        place, sections = -1, 0
        while not reader.at_end:
            start = reader.offset
            sections += 1
            require_at_most(start, sections, limits.BILL_SECTIONS, "sections")
            reader.spend(_SECTION_STEPS)
            section = reader.byte()
            body = reader.part()
            if section == _CUSTOM:
                self._read_custom(body, start)
                continue
            if section not in _ORDER or _ORDER.index(section) <= place:
                raise malformed(start, f"section {section} is unknown, repeated or out of order")
            place = _ORDER.index(section)
            if section in handlers:
                handlers[section](body)
                body.require_end()

    def type_of(self, kind: Kind, index: int) -> str:
        """Return the type text of an entry of an index space, or raise `SealError`."""
        space = self._spaces[kind]
        if index >= len(space):
            raise malformed(self._reader.end, f"{kind} {index} is exported but not declared")
        return space[index]

    def _function_type(self, reader: WasmReader) -> str:
        start = reader.offset
        index = reader.u32()
        if index >= len(self._types):
            raise malformed(start, f"type {index} is not declared")
        return self._types[index]

    def _tag_type(self, reader: WasmReader) -> str:
        start = reader.offset
        index = tag_type_index(reader)
        if index >= len(self._types):
            raise malformed(start, f"type {index} is not declared")
        if index not in self._tag_texts:
            self._tag_texts[index] = f"(tag{self._types[index].removeprefix('(func')}"
        return self._tag_texts[index]

    def _read_types(self, reader: WasmReader) -> None:
        reader.require_at_most(limits.BILL_TYPE_BYTES)
        count = reader.count(limits.BILL_TYPES)
        reader.spend(count)
        self._types = [function_type(reader) for _ in range(count)]

    def _read_imports(self, reader: WasmReader) -> None:
        for _ in range(reader.count(limits.BILL_IMPORTS)):
            module = reader.name(limits.BILL_NAME_BYTES)
            name = reader.name(limits.BILL_NAME_BYTES)
            kind = self._kind(reader)
            text = self._import_type(kind, reader)
            self._spaces[kind].append(text)
            self.imports.append((module, name, kind, text))

    def _kind(self, reader: WasmReader) -> Kind:
        start = reader.offset
        code = reader.byte()
        if code >= len(_KINDS):
            raise malformed(start, f"unknown kind 0x{code:02x}")
        return _KINDS[code]

    def _import_type(self, kind: Kind, reader: WasmReader) -> str:
        if kind == "func":
            return self._function_type(reader)
        if kind == "tag":
            return self._tag_type(reader)
        if kind == "global":
            return global_type(reader)
        if kind == "memory":
            return f"(memory {Limits(reader).text()})"
        element, size = table_type(reader)
        return f"(table {size.text()} {element})"

    def _read_functions(self, reader: WasmReader) -> None:
        self.functions = reader.count(limits.BILL_FUNCTIONS)
        start = reader.offset
        found = bulk.indexes(reader, self.functions)
        if found is None:
            raise malformed(start, f"{self.functions} type indexes expected")
        try:
            self._spaces["func"] += [self._types[index] for index in found]
        except IndexError:
            raise malformed(start, f"type {max(found)} is not declared") from None

    def _read_tables(self, reader: WasmReader) -> None:
        count = reader.count(limits.BILL_TABLES)
        reader.spend(_SIZED_STEPS * count)
        for _ in range(count):
            element, size = table_type(reader)
            self._spaces["table"].append(f"(table {size.text()} {element})")
            self.tables.append((element, size))

    def _read_memories(self, reader: WasmReader) -> None:
        count = reader.count(limits.BILL_MEMORIES)
        reader.spend(_SIZED_STEPS * count)
        for _ in range(count):
            size = Limits(reader)
            self._spaces["memory"].append(f"(memory {size.text()})")
            self.memories.append(size)

    def _read_tags(self, reader: WasmReader) -> None:
        for _ in range(reader.count(limits.BILL_TAGS)):
            self._spaces["tag"].append(self._tag_type(reader))

    def _read_globals(self, reader: WasmReader) -> None:
        count, space = reader.count(limits.BILL_ENTRIES), self._spaces["global"]
        most = len(space) + count
        while len(space) < most:
            found = bulk.global_texts(reader, most - len(space))
            space += found
            if not found:
                reader.spend(_UNUSUAL_STEPS)
                space.append(global_type(reader))
                skip_constant(reader)

    def _read_exports(self, reader: WasmReader) -> None:
        count = reader.count(limits.BILL_EXPORTS)
        reader.spend(_EXPORT_STEPS * count)
        for _ in range(count):
            name = reader.name(limits.BILL_NAME_BYTES)
            self.exports.append((name, self._kind(reader), reader.u32()))

    def _read_start(self, reader: WasmReader) -> None:
        self.start = reader.u32()

    def _read_data(self, reader: WasmReader) -> None:
        self.data_segments = left = reader.count(limits.BILL_ENTRIES)
        while left:
            found, size = bulk.segments(reader, left)
            if not found:
                reader.spend(_UNUSUAL_STEPS)
                found, size = 1, _read_segment(reader)
            left -= found
            self.data_bytes += size

    def _read_custom(self, reader: WasmReader, start: int) -> None:
        mine: list[tuple[str, str, str]] = []
        if not read_producers(reader, mine):
            return
        if self._has_producers:
            raise malformed(start, "second producers section")
        self._has_producers = True
        self.producers = mine


def _read_segment(reader: WasmReader) -> int:
    """Pass one data segment; return how many bytes it holds."""
    start = reader.offset
    mode = reader.u32()
    if mode > _ACTIVE_IN:
        raise malformed(start, f"unknown data segment mode {mode}")
    if mode == _ACTIVE_IN:
        reader.u32()
    if mode != _PASSIVE:
        skip_constant(reader)
    body = reader.part()
    return body.end - body.offset


def read_producers(reader: WasmReader, found: list[tuple[str, str, str]]) -> bool:
    """Add to `found` what a custom section says if it is one of producers; return whether it is."""
    # Other custom names are not part of the bill, so they are not even read.
    size = reader.u32()
    if size != len(_PRODUCERS):
        reader.skip(size)
        return False
    if reader.take(size) != _PRODUCERS:
        return False
    for _ in range(reader.count(limits.BILL_PRODUCERS)):
        field = reader.name(limits.BILL_NAME_BYTES)
        for _ in range(reader.count(limits.BILL_PRODUCERS - len(found))):
            tool = reader.name(limits.BILL_NAME_BYTES)
            found.append((field, tool, reader.name(limits.BILL_NAME_BYTES)))
    reader.require_end()
    return True
