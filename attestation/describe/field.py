"""One field of evidence as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Final

# Longer byte strings are shown by their beginning and their length.
_SHOWN_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class Described:
    """A field: which part it is from, its name in the vendor's manual, its value, its meaning."""

    part: str
    name: str
    value: str
    meaning: str


def text_of(value: Any) -> str:
    """Return a value as text: bytes as hex, long ones cut and counted."""
    if isinstance(value, bytes | bytearray):
        if len(value) > _SHOWN_BYTES:
            return f"{value[:_SHOWN_BYTES].hex()}... ({len(value)} bytes)"
        return bytes(value).hex()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(text_of, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {text_of(item)}" for key, item in value.items())
    return str(value)


def described(
    part: str, parsed: Any, meanings: Mapping[str, str], *, without: Iterable[str] = ()
) -> list[Described]:
    """Return the fields of a parsed structure; a nested structure gives its own after a dot."""
    found: list[Described] = []
    left_out = frozenset(without)
    for member in fields(parsed):
        value = getattr(parsed, member.name)
        if member.name in left_out:
            continue
        name = member.name.replace("_", "-")
        if is_dataclass(value) and not isinstance(value, type):
            inner = described(part, value, meanings)
            found += [
                Described(part, f"{name}.{one.name}", one.value, one.meaning) for one in inner
            ]
        else:
            found.append(Described(part, name, text_of(value), meanings.get(member.name, "")))
    return found


def flags(part: str, value: int, bits: Mapping[int, tuple[str, str]]) -> list[Described]:
    """Return one line per known bit of `value`, then any bits that have no name."""
    known = 0
    found: list[Described] = []
    for bit, (name, meaning) in bits.items():
        known |= 1 << bit
        found.append(Described(part, f"bit {bit} {name}", str(value >> bit & 1), meaning))
    if value & ~known:
        found.append(Described(part, "other bits", hex(value & ~known), "not known here"))
    return found
