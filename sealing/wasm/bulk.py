"""What a module has thousands of, read many at a time: type indexes, data segments, globals.

Each function passes what stands there in its usual form and leaves the rest to the reader of one,
which takes every form and says what is wrong.
"""

from __future__ import annotations

import re
from typing import Final

from sealing.wasm.reader import WasmReader
from sealing.wasm.types import VALUE_TYPES

_WINDOW_BYTES: Final = 64 << 10
_LEB: Final = rb"[\x80-\xff]{0,4}[\x00-\x7f]"
_INDEXES: Final = re.compile(_LEB)
# Passive, or at a constant address of the first memory; then how long it is.
_SEGMENT: Final = re.compile(
    rb"(?:\x01|\x00\x41%s\x0b)"
    rb"(?:([\x00-\x7f])|([\x80-\xff][\x00-\x7f])|([\x80-\xff]{2}[\x00-\x7f]))" % _LEB
)
# A number, and the constant that it starts as.
_GLOBAL: Final = re.compile(
    rb"([\x7b-\x7f][\x00\x01])"
    rb"(?:\x41%s|\x42[\x80-\xff]{0,9}[\x00-\x7f]|\x43.{4}|\x44.{8}|\x23[\x00-\x7f])\x0b" % _LEB,
    re.DOTALL,
)
_GLOBAL_TEXTS: Final = {
    bytes((code, mutable)): f"(global {f'(mut {name})' if mutable else name})"
    for code, name in VALUE_TYPES.items()
    for mutable in (0, 1)
}


def indexes(reader: WasmReader, count: int) -> list[int] | None:
    """Return `count` numbers of which few are different ones, or None where they are not all there.

    Numbers that do not fit 32 bits are returned as they are.
    """
    data = reader.ahead(5 * count)
    if data[:count].isascii():
        reader.skip(count)
        return list(data[:count])
    found = _INDEXES.findall(data)[:count]
    size = sum(map(len, found))
    if len(found) < count or not data.startswith(b"".join(found)):
        return None
    reader.skip(size)
    values = {one: _number(one) for one in set(found)}
    return [values[one] for one in found]


def segments(reader: WasmReader, most: int) -> tuple[int, int]:
    """Pass up to `most` data segments; return how many it were and how many bytes they hold."""
    data, at, count, total = reader.ahead(_WINDOW_BYTES), 0, 0, 0
    left = reader.end - reader.offset
    while count < most and (found := _SEGMENT.match(data, at)):
        end = found.end()
        kind = found.lastindex
        size = data[end - 1] if kind == 1 else _number(found[kind or 0])
        if end + size > left:
            break
        at = end + size
        count += 1
        total += size
    reader.skip(at)
    return count, total


def global_texts(reader: WasmReader, most: int) -> list[str]:
    """Pass up to `most` globals; return the texts of their types."""
    data, at = reader.ahead(_WINDOW_BYTES), 0
    texts: list[str] = []
    while len(texts) < most and (found := _GLOBAL.match(data, at)):
        texts.append(_GLOBAL_TEXTS[found[1]])
        at = found.end()
    reader.skip(at)
    return texts


def _number(leb: bytes) -> int:
    value = 0
    for place, byte in enumerate(leb):
        value |= (byte & 0x7F) << 7 * place
    return value
