"""Where every value of a document was written: file, line and column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Path = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Position(NamedTuple):
    """Line and column, both counted from 1 as editors do."""

    line: int
    column: int


def render_path(path: Path) -> str:
    """`spec.any-of[0].measurement.in[2]`; keys with other characters stand in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        name = part if _PLAIN_KEY.fullmatch(part) else f'"{part}"'
        text += f".{name}" if text else name
    return text


@dataclass(frozen=True, slots=True)
class SourceMap:
    """Positions of the keys and values of one document. Documents from JSON have none."""

    name: str
    values: Mapping[Path, Position] = field(default_factory=dict, repr=False)
    keys: Mapping[Path, Position] = field(default_factory=dict, repr=False)

    def position(self, path: Path) -> Position | None:
        """The position of the value at `path`, else of the nearest value around it."""
        for length in range(len(path), -1, -1):
            if found := self.values.get(path[:length]):
                return found
        return None

    def where(self, path: Path = (), *, key: bool = False) -> str:
        """`file:line:column` of the value (or its key) at `path`; just the name without lines."""
        found = self.keys.get(path) if key else None
        found = found or self.position(path)
        return f"{self.name}:{found.line}:{found.column}" if found else self.name

    def place(self, path: Path) -> str:
        """`file:line` of the key at `path` or of what is around it; just the name without lines."""
        for length in range(len(path), -1, -1):
            if found := self.keys.get(path[:length]) or self.values.get(path[:length]):
                return f"{self.name}:{found.line}"
        return self.name


UNKNOWN_SOURCE = SourceMap("document")
