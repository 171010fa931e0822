"""Brings a mapping from JSON into the shape the YAML reader gives: dicts, tuples and scalars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policies.errors import PolicyError, PolicyRefusal, Problem
from policies.limits import MAX_DEPTH, MAX_INTEGER, MAX_KEY_CHARACTERS, MAX_NODES
from policies.reader import hidden_character
from policies.source import Path, render_path


class _Freezer:
    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes = 0

    def refuse(self, code: PolicyRefusal, path: Path, detail: str) -> PolicyError:
        return PolicyError(Problem(code, self.name, render_path(path), detail))

    def value(self, value: Any, path: Path) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.refuse(PolicyRefusal.TOO_LARGE, path, f"more than {MAX_NODES} values")
        if len(path) > MAX_DEPTH:
            detail = f"nested deeper than {MAX_DEPTH} levels"
            raise self.refuse(PolicyRefusal.TOO_LARGE, path, detail)
        if isinstance(value, Mapping):
            return {self.key(key, path): self.value(value[key], (*path, key)) for key in value}
        if isinstance(value, list | tuple):
            return tuple(self.value(item, (*path, index)) for index, item in enumerate(value))
        return self.scalar(value, path)

    def key(self, key: Any, path: Path) -> str:
        if not isinstance(key, str) or len(key) > MAX_KEY_CHARACTERS:
            detail = f"got a key that is not text of at most {MAX_KEY_CHARACTERS} characters"
            raise self.refuse(PolicyRefusal.WRONG_TYPE, path, detail)
        self.scalar(key, path)
        return key

    def scalar(self, value: Any, path: Path) -> Any:
        if isinstance(value, str):
            hidden = hidden_character(value)
            if hidden is not None:
                detail = f"got the hidden character U+{ord(value[hidden]):04X}"
                raise self.refuse(PolicyRefusal.NOT_TEXT, path, detail)
        elif type(value) is int and abs(value) > MAX_INTEGER:
            detail = "got an integer beyond 2^53 - 1"
            raise self.refuse(PolicyRefusal.BAD_VALUE, path, detail)
        elif type(value) not in (bool, int, float, type(None)):
            detail = f"got a {type(value).__name__}, expected what JSON has"
            raise self.refuse(PolicyRefusal.WRONG_TYPE, path, detail)
        return value


def freeze(document: Mapping[str, Any], *, name: str) -> Any:
    """A copy with tuples for lists, within the limits of the reader. Raises `PolicyError`."""
    return _Freezer(name).value(document, ())
