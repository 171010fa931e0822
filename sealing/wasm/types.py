"""Types of a WebAssembly module, read and written down in the notation of its text format.

Source: WebAssembly core specification 3.0, section 5.3 "Types" and 5.4.9 "Expressions". Types of
the garbage collection proposal are refused by name.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from sealing import limits
from sealing.errors import SealError
from sealing.wasm.reader import WasmReader, malformed, require_at_most, unsupported

ReferenceType = Literal["funcref", "externref"]
_REFERENCE_TYPES: Final[dict[int, ReferenceType]] = {0x70: "funcref", 0x6F: "externref"}
_NUMBER_TYPES: Final = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128"}
VALUE_TYPES: Final[dict[int, str]] = {**_NUMBER_TYPES, **_REFERENCE_TYPES}
_FUNCTION: Final = 0x60
_HAS_MAXIMUM, _SHARED, _WIDE = 1, 2, 4
_MUTABLE: Final = {0: "{}", 1: "(mut {})"}

# Constants, indexes of globals and functions, null references, vectors, and the arithmetic of
# extended constant expressions.
_U32: Final = rb"(?:[\x80-\xff]{0,3}[\x00-\x7f]|[\x80-\xff]{4}[\x00-\x0f])"
_ONE: Final = (
    rb"[\x6a-\x6c\x7c-\x7e]|\x41[\x80-\xff]{0,4}[\x00-\x7f]|\x42[\x80-\xff]{0,9}[\x00-\x7f]"
    rb"|\x43.{4}|\x44.{8}|[\x23\xd2]%s|\xd0[\x6f\x70]|\xfd(?:\x0c|\x8c\x80{0,3}\x00).{16}"
) % _U32
_INSTRUCTION: Final = re.compile(_ONE, re.DOTALL)
_INSTRUCTION_BYTES: Final = 22
# The first byte of an instruction says which one it is and none is an end, so that there is but one
# way to match. Not possessive: before 3.11.5 the interpreter matches too much then.
_CONSTANT: Final = re.compile(
    rb"(?:%s){0,%d}\x0b" % (_ONE, limits.BILL_CONSTANT_INSTRUCTIONS), re.DOTALL
)
_CONSTANT_BYTES: Final = _INSTRUCTION_BYTES * limits.BILL_CONSTANT_INSTRUCTIONS + 1
_KNOWN: Final = frozenset(b"\x6a\x6b\x6c\x7c\x7d\x7e\x41\x42\x43\x44\x23\xd2")


def value_type(reader: WasmReader) -> str:
    """Return the name of a value type."""
    start = reader.offset
    code = reader.byte()
    if code not in VALUE_TYPES:
        raise unsupported(start, f"value type 0x{code:02x}")
    return VALUE_TYPES[code]


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
    start = reader.offset
    codes = reader.take(count)
    try:
        return f" ({keyword} {' '.join([VALUE_TYPES[code] for code in codes])})"
    except KeyError as error:
        raise unsupported(start, f"value type 0x{error.args[0]:02x}") from None


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
    found = _CONSTANT.match(reader.ahead(_CONSTANT_BYTES))
    if found is None:
        raise _not_constant(reader)
    reader.offset += found.end()


def _not_constant(reader: WasmReader) -> SealError:
    """Return what is wrong with an expression."""
    instructions, start = 0, reader.offset
    while found := _INSTRUCTION.match(reader.ahead(_INSTRUCTION_BYTES)):
        instructions += 1
        require_at_most(start, instructions, limits.BILL_CONSTANT_INSTRUCTIONS, "instructions")
        reader.offset += found.end()
    code = reader.ahead(2)
    if len(code) < 2 or code[0] in _KNOWN or code == b"\xfd\x0c":
        return malformed(reader.offset, "an expression is not what it begins as, or has no end")
    return unsupported(reader.offset, f"constant instruction 0x{code[0]:02x}")
