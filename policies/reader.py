"""Strict YAML: one document of mappings, lists and scalars, with the place of each value.

Spec: docs/specs/policy.md section Y. PyYAML's parser gives events; everything a YAML 1.1 loader
would do with them (tags, anchors, merge keys, implicit types) is refused or done here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from policies.errors import PolicyError, PolicyRefusal, Problem
from policies.limits import MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_KEY_CHARACTERS, MAX_NODES
from policies.scalars import IntegerTooLargeError, Scalar, describe, resolve_plain
from policies.source import Path, Position, SourceMap, render_path

Value = Any
# The C parser where PyYAML was built with it; both give the same events (tests run both).
PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Characters that cannot be seen, change the reading direction, or end lines only for YAML 1.1.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SUSPECT = re.compile(r"[^\n\t -~]")


def hidden_character(text: str) -> int | None:
    """Index of the first character a reader of the text could not see, or None."""
    for match in _SUSPECT.finditer(text):
        if unicodedata.category(match.group()) in _HIDDEN:
            return match.start()
    return None


class _Reader:
    """Turns parser events into one value; `path` says where in the document it stands."""

    def __init__(self, text: str, name: str, parser: Any) -> None:
        self.name = name
        self.values: dict[Path, Position] = {}
        self.keys: dict[Path, Position] = {}
        self.events: Iterator[Any] = yaml.parse(text, Loader=parser)

    def refuse(
        self, code: PolicyRefusal, detail: str, mark: Any = None, path: Path = ()
    ) -> NoReturn:
        where = f"{self.name}:{mark.line + 1}:{mark.column + 1}" if mark else self.name
        raise PolicyError(Problem(code, where, render_path(path), detail))

    def document(self) -> Value:
        """The only document of the stream."""
        start = self._after_stream_start()
        if start.version or start.tags:
            self.refuse(
                PolicyRefusal.YAML_FEATURE,
                "got a % directive, expected none",
                start.start_mark,
            )
        value = self.value(next(self.events), ())
        next(self.events)  # the end of the document
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            self.refuse(
                PolicyRefusal.MULTIPLE_DOCUMENTS,
                "got a second document, expected one per file",
                after.start_mark,
            )
        return value

    def _after_stream_start(self) -> Any:
        next(self.events)
        start = next(self.events)
        if isinstance(start, yaml.StreamEndEvent):
            self.refuse(PolicyRefusal.NOT_YAML, "got an empty file, expected a policy document")
        return start

    def value(self, event: Any, path: Path) -> Value:
        """The value that starts with `event`; counts nodes and depth."""
        mark = event.start_mark
        self._refuse_features(event, path)
        if len(path) > MAX_DEPTH:
            self.refuse(
                PolicyRefusal.TOO_LARGE, f"nested deeper than {MAX_DEPTH} levels", mark, path
            )
        if len(self.values) >= MAX_NODES:
            self.refuse(PolicyRefusal.TOO_LARGE, f"more than {MAX_NODES} values", mark, path)
        self.values[path] = Position(mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._mapping(path)

    def _refuse_features(self, event: Any, path: Path) -> None:
        feature = None
        if isinstance(event, yaml.AliasEvent):
            feature = f"the alias *{event.anchor}"
        elif event.anchor is not None:
            feature = f"the anchor &{event.anchor}"
        elif event.tag is not None:
            feature = f"the tag {event.tag}"
        if feature:
            self.refuse(
                PolicyRefusal.YAML_FEATURE,
                f"got {feature}, expected the value itself: a policy says everything in its place",
                event.start_mark,
                path,
            )

    def scalar(self, event: Any, path: Path) -> Scalar:
        """A plain scalar by the core schema; a quoted or block scalar as its text."""
        text: str = event.value
        hidden = hidden_character(text)
        if hidden is not None:
            self.refuse(
                PolicyRefusal.NOT_TEXT,
                f"got the hidden character U+{ord(text[hidden]):04X}, expected visible text",
                event.start_mark,
                path,
            )
        if event.style:
            return text
        try:
            return resolve_plain(text)
        except IntegerTooLargeError:
            detail = "got an integer beyond 2^53 - 1, expected one that JSON keeps exact"
            self.refuse(PolicyRefusal.BAD_VALUE, detail, event.start_mark, path)

    def _sequence(self, path: Path) -> tuple[Value, ...]:
        items: list[Value] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.value(event, (*path, len(items))))
        return tuple(items)

    def _mapping(self, path: Path) -> dict[str, Value]:
        members: dict[str, Value] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event, path)
            here = (*path, key)
            if key in members:
                first = self.keys[here].line
                self.refuse(
                    PolicyRefusal.DUPLICATE_KEY,
                    f"got the key {key} again, expected it once; it stands on line {first} already",
                    event.start_mark,
                    path,
                )
            self.keys[here] = Position(event.start_mark.line + 1, event.start_mark.column + 1)
            members[key] = self.value(next(self.events), here)
        return members

    def _key(self, event: Any, path: Path) -> str:
        self._refuse_features(event, path)
        if not isinstance(event, yaml.ScalarEvent):
            self.refuse(
                PolicyRefusal.WRONG_TYPE,
                "got a list or mapping as a key, expected text",
                event.start_mark,
                path,
            )
        key = self.scalar(event, path)
        if not isinstance(key, str):
            detail = f"got {describe(key)} as a key, expected text (put it in quotes)"
            self.refuse(PolicyRefusal.WRONG_TYPE, detail, event.start_mark, path)
        if key == "<<" and not event.style:
            detail = "got the merge key <<, expected every key written out"
            self.refuse(PolicyRefusal.YAML_FEATURE, detail, event.start_mark, path)
        if len(key) > MAX_KEY_CHARACTERS:
            detail = f"key is {len(key)} characters, expected at most {MAX_KEY_CHARACTERS}"
            self.refuse(PolicyRefusal.TOO_LARGE, detail, event.start_mark, path)
        return key


def _decode(data: bytes, name: str) -> str:
    if len(data) > MAX_DOCUMENT_BYTES:
        detail = f"is {len(data)} bytes, expected at most {MAX_DOCUMENT_BYTES}"
        raise PolicyError(Problem(PolicyRefusal.TOO_LARGE, name, "", detail))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} is not UTF-8"
        raise PolicyError(Problem(PolicyRefusal.NOT_TEXT, name, "", detail)) from None
    text = text.replace("\r\n", "\n")
    hidden = hidden_character(text)
    if hidden is not None:
        line = text.count("\n", 0, hidden) + 1
        column = hidden - text.rfind("\n", 0, hidden)
        detail = f"got the hidden character U+{ord(text[hidden]):04X}, expected visible text"
        where = f"{name}:{line}:{column}"
        raise PolicyError(Problem(PolicyRefusal.NOT_TEXT, where, "", detail))
    return text


def read_yaml(data: bytes, *, name: str, parser: Any = PARSER) -> tuple[Value, SourceMap]:
    """The one document in `data` as dicts, tuples and scalars, and where each value stands.

    Says nothing about what the values mean. Raises `PolicyError`.
    """
    text = _decode(data, name)
    reader = _Reader(text, name, parser)
    try:
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reader.refuse(PolicyRefusal.NOT_YAML, f"is not YAML: {error.problem}", mark)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        reader.refuse(PolicyRefusal.NOT_YAML, f"is not YAML: {type(error).__name__}")
    return value, SourceMap(name, reader.values, reader.keys)
