"""Types of a WebAssembly module, read and written down in the notation of its text format.

Source: WebAssembly core specification 3.0, section 5.3 "Types" and 5.4.9 "Expressions". Types of
the garbage collection proposal are refused by name.
"""

from __future__ import annotations

from typing import Final, Literal

from sealing import limits
from sealing.wasm.reader import WasmReader, malformed, require_at_most, unsupported

ReferenceType = Literal["funcref", "externref"]
_REFERENCE_TYPES: Final[dict[int, ReferenceType]] = {0x70: "funcref", 0x6F: "externref"}
_NUMBER_TYPES: Final = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128"}
_VALUE_TYPES: Final[dict[int, str]] = {**_NUMBER_TYPES, **_REFERENCE_TYPES}
_FUNCTION: Final = 0x60
_HAS_MAXIMUM, _SHARED, _WIDE = 1, 2, 4
_MUTABLE: Final = {0: "{}", 1: "(mut {})"}

_END: Final = 0x0B
_VECTOR_PREFIX, _V128_CONST = 0xFD, 12
_SIGNED_BYTES: Final = {0x41: 5, 0x42: 10}
_FIXED_BYTES: Final = {0x43: 4, 0x44: 8}
_WITH_INDEX: Final = frozenset({0x23, 0xD2})
_REF_NULL: Final = 0xD0
_ARITHMETIC: Final = frozenset({0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E})


def value_type(reader: WasmReader) -> str:
    """Return the name of a value type."""
    start = reader.offset
    code = reader.byte()
    if code not in _VALUE_TYPES:
        raise unsupported(start, f"value type 0x{code:02x}")
    return _VALUE_TYPES[code]


def _reference_type(reader: WasmReader) -> ReferenceType:
    start = reader.offset
    code = reader.byte()
    if code not in _REFERENCE_TYPES:
        raise unsupported(start, f"reference type 0x{code:02x}")
    return _REFERENCE_TYPES[code]


def _values(reader: WasmReader, keyword: str) -> str:
    count = reader.count(limits.BILL_TYPE_VALUES)
    if not count:
        return ""
    return f" ({keyword} {' '.join(value_type(reader) for _ in range(count))})"


def function_type(reader: WasmReader) -> str:
    """Return "(func (param i32) (result i32))" without what is empty."""
    start = reader.offset
    form = reader.byte()
    if form != _FUNCTION:
        raise unsupported(start, f"type form 0x{form:02x}")
    return f"(func{_values(reader, 'param')}{_values(reader, 'result')})"


def global_type(reader: WasmReader) -> str:
    """Return "(global i32)" or "(global (mut i32))"."""
    name = value_type(reader)
    start = reader.offset
    template = _MUTABLE.get(reader.byte())
    if template is None:
        raise malformed(start, "unknown mutability")
    return f"(global {template.format(name)})"


class Limits:
    """Minimum and maximum of a memory (in pages) or a table (in elements)."""

    __slots__ = ("maximum", "minimum", "shared", "wide")

    def __init__(self, reader: WasmReader) -> None:
        start = reader.offset
        flags = reader.byte()
        if flags & ~(_HAS_MAXIMUM | _SHARED | _WIDE):
            raise unsupported(start, f"limits with flags 0x{flags:02x}")
        self.shared = bool(flags & _SHARED)
        self.wide = bool(flags & _WIDE)
        if self.shared and not flags & _HAS_MAXIMUM:
            raise malformed(start, "shared without a maximum")
        read = reader.u64 if self.wide else reader.u32
        self.minimum = read()
        self.maximum = read() if flags & _HAS_MAXIMUM else None
        if max(self.minimum, self.maximum or 0) > limits.VERSION_MAX:
            raise malformed(start, "limit is outside of what any engine can hold")

    def text(self) -> str:
        """Return the limits as the text format writes them."""
        words = ["i64"] if self.wide else []
        words.append(str(self.minimum))
        if self.maximum is not None:
            words.append(str(self.maximum))
        if self.shared:
            words.append("shared")
        return " ".join(words)


def table_type(reader: WasmReader) -> tuple[ReferenceType, Limits]:
    """Return the element type and limits of a table."""
    name = _reference_type(reader)
    start = reader.offset
    found = Limits(reader)
    if found.shared:
        raise unsupported(start, "shared table")
    return name, found


def tag_type_index(reader: WasmReader) -> int:
    """Return the type index of an exception tag."""
    start = reader.offset
    if reader.byte() != 0:
        raise malformed(start, "unknown tag attribute")
    return reader.u32()


def skip_constant(reader: WasmReader) -> None:
    """Pass one constant expression with its `end`. Its meaning is the engine's to check."""
    start, instructions = reader.offset, 0
    while (code := reader.byte()) != _END:
        instructions += 1
        require_at_most(start, instructions, limits.BILL_CONSTANT_INSTRUCTIONS, "instructions")
        if code in _SIGNED_BYTES:
            reader.skip_signed(_SIGNED_BYTES[code])
        elif code in _FIXED_BYTES:
            reader.skip(_FIXED_BYTES[code])
        elif code in _WITH_INDEX:
            reader.u32()
        elif code == _REF_NULL:
            _reference_type(reader)
        elif code == _VECTOR_PREFIX and reader.u32() == _V128_CONST:
            reader.skip(16)
        elif code not in _ARITHMETIC:
            raise unsupported(reader.offset, f"constant instruction 0x{code:02x}")
