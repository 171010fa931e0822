"""Types of a component, read and written down in the notation of WIT.

Source: WebAssembly/component-model `design/mvp/Binary.md`, "Type Definitions". What has a name
where it is used is written by that name, so texts stay short; what has none is written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sealing import limits
from sealing.wasm.component_scope import Item, Kind
from sealing.wasm.reader import WasmReader, malformed, unsupported

_PRIMITIVES: Final = {
    0x7F: "bool",
    0x7E: "s8",
    0x7D: "u8",
    0x7C: "s16",
    0x7B: "u16",
    0x7A: "s32",
    0x79: "u32",
    0x78: "s64",
    0x77: "u64",
    0x76: "f32",
    0x75: "f64",
    0x74: "char",
    0x73: "string",
    0x64: "error-context",
}
FUNC: Final = 0x40
ASYNC_FUNC: Final = 0x43


class TypeReader:
    """Reads value and function types over the types that are there already."""

    __slots__ = ("_reader", "_types")

    def __init__(self, reader: WasmReader, types: Sequence[Item]) -> None:
        self._reader = reader
        self._types = types

    def value(self) -> str:
        """Return the text of a value type: a primitive, or one that is in the index space."""
        start = self._reader.offset
        code = self._reader.byte()
        if code in _PRIMITIVES:
            return _PRIMITIVES[code]
        if 0x40 <= code < 0x80:
            raise unsupported(start, f"value type 0x{code:02x}")
        self._reader.offset = start
        return self.indexed("type", self._reader.type_index())

    def index(self) -> int:
        """Return an index as it stands in a handle."""
        return self._reader.u32()

    def indexed(self, kind: Kind, index: int) -> str:
        """Return the text of an entry of the index space of types, or raise `SealError`."""
        if index >= len(self._types) or self._types[index].kind != kind:
            raise malformed(self._reader.offset, f"type {index} is no {kind} that is declared")
        return self._types[index].text

    def defined(self, code: int) -> str:
        """Return the text of the value type that begins with `code`, which was read."""
        if code in _PRIMITIVES:
            return _PRIMITIVES[code]
        if code in _LABELS_ONLY:
            return f"{_LABELS_ONLY[code]} {{{', '.join(self._labels())}}}"
        read = _READERS.get(code)
        if read is None:
            raise unsupported(self._reader.offset, f"type 0x{code:02x}")
        return read(self)

    def function(self, code: int) -> str:
        """Return the text of the function type that begins with `code`, which was read."""
        word = "async func" if code == ASYNC_FUNC else "func"
        parameters = ", ".join(self._fields())
        start = self._reader.offset
        form = self._reader.byte()
        if form == 0:
            return f"{word}({parameters}) -> {self.value()}"
        if form != 1 or self._reader.byte() != 0:
            raise malformed(start, "unknown form of a result")
        return f"{word}({parameters})"

    def _labels(self) -> Iterator[str]:
        for _ in range(self._reader.count(limits.BILL_TYPE_VALUES)):
            yield self._reader.name(limits.BILL_NAME_BYTES)

    def _fields(self) -> Iterator[str]:
        for label in self._labels():
            self._reader.spend(1)
            yield f"{label}: {self.value()}"

    def _optional(self) -> str | None:
        start = self._reader.offset
        given = self._reader.byte()
        if given > 1:
            raise malformed(start, "neither a type nor none")
        return self.value() if given else None

    def record(self) -> str:
        """Return the text of a record behind its code."""
        return f"record {{{', '.join(self._fields())}}}"

    def variant(self) -> str:
        """Return the text of a variant behind its code."""
        cases = []
        for label in self._labels():
            self._reader.spend(1)
            value = self._optional()
            cases.append(label if value is None else f"{label}({value})")
            if self._reader.byte() != 0:
                raise malformed(self._reader.offset, "unknown end of a case")
        return f"variant {{{', '.join(cases)}}}"

    def tuple(self) -> str:
        """Return the text of a tuple behind its code."""
        count = self._reader.count(limits.BILL_TYPE_VALUES)
        return f"tuple<{', '.join(self.value() for _ in range(count))}>"

    def fixed_list(self) -> str:
        """Return the text of a list of a fixed length behind its code."""
        return f"list<{self.value()}, {self._reader.u32()}>"

    def result(self) -> str:
        """Return the text of a result behind its code."""
        good, bad = self._optional(), self._optional()
        if bad is not None:
            return f"result<{good or '_'}, {bad}>"
        return "result" if good is None else f"result<{good}>"

    def maybe(self, word: str) -> str:
        """Return the text of a type that may carry another one."""
        value = self._optional()
        return word if value is None else f"{word}<{value}>"


_LABELS_ONLY: Final = {0x6E: "flags", 0x6D: "enum"}
_READERS: Final[dict[int, Callable[[TypeReader], str]]] = {
    0x72: TypeReader.record,
    0x71: TypeReader.variant,
    0x70: lambda reader: f"list<{reader.value()}>",
    0x6F: TypeReader.tuple,
    0x6B: lambda reader: f"option<{reader.value()}>",
    0x6A: TypeReader.result,
    # WIT writes an owned handle as the resource itself.
    0x69: lambda reader: reader.indexed("resource", reader.index()),
    0x68: lambda reader: f"borrow<{reader.indexed('resource', reader.index())}>",
    0x67: TypeReader.fixed_list,
    0x66: lambda reader: reader.maybe("stream"),
    0x65: lambda reader: reader.maybe("future"),
}
