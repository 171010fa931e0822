"""Field types of the policy documents: sizes, durations, instants, names, digests.

Each takes the spelling of people (`64MiB`, `10s`) and that of canonical documents (integers in
bytes and milliseconds), and says what it expected when it gets something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from policies import limits
from policies.errors import PolicyRefusal
from policies.limits import GIB, KIB, MAX_INTEGER, MIB
from policies.scalars import describe, hint
from policies.source import Path

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_INSTANT_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def field_problem(code: PolicyRefusal, detail: str, *path: str | int) -> PydanticCustomError:
    """An error for pydantic to carry; `path` leads from the validated value to the culprit."""
    return PydanticCustomError(code.value, "{detail}", {"detail": detail, "path": path})


def unexpected(
    value: object, expected: str, *path: str | int, wanted: type = object
) -> PydanticCustomError:
    """`got X, expected Y` for a value of the wrong type, with a hint if that type was `wanted`."""
    detail = f"got {describe(value)}, expected {expected}{hint(value, wanted=wanted)}"
    return field_problem(PolicyRefusal.WRONG_TYPE, detail, *path)


def bad_value(value: object, expected: str, *path: str | int) -> PydanticCustomError:
    """`got X, expected Y` for a value of the right type that is not allowed here."""
    detail = f"got {describe(value)}, expected {expected}"
    return field_problem(PolicyRefusal.BAD_VALUE, detail, *path)


@dataclass(frozen=True, slots=True)
class Whole:
    """Annotation of an integer within bounds."""

    minimum: int = 0
    maximum: int = MAX_INTEGER

    pattern: ClassVar[str] = ""
    units: ClassVar[Mapping[str, int]] = {}
    example: ClassVar[str] = "an integer"

    def parse(self, value: object) -> int:
        """The integer, whichever way it is spelled."""
        amount = value
        if isinstance(value, str) and self.units:
            match = re.fullmatch(self.pattern, value)
            if match is None:
                raise bad_value(value, self.example)
            amount = int(match[1]) * self.units[match[2]]
        if type(amount) is not int:
            raise unexpected(value, self.example)
        if not self.minimum <= amount <= self.maximum:
            raise bad_value(value, f"{self.minimum} to {self.maximum}")
        return amount

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.parse, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        number = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        if not self.units:
            return number
        return {"anyOf": [number, {"type": "string", "pattern": f"^{self.pattern}$"}]}


@dataclass(frozen=True, slots=True)
class ByteSize(Whole):
    """Annotation of a number of bytes: an integer, or text with a unit."""

    pattern: ClassVar[str] = r"(0|[1-9][0-9]{0,11})(B|KiB|MiB|GiB)"
    units: ClassVar[Mapping[str, int]] = {"B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB}
    example: ClassVar[str] = "a size such as 65536, 64KiB, 16MiB or 1GiB"


@dataclass(frozen=True, slots=True)
class Duration(Whole):
    """Annotation of a number of milliseconds: an integer, or text with a unit."""

    pattern: ClassVar[str] = r"(0|[1-9][0-9]{0,11})(ms|s|m|h|d)"
    units: ClassVar[Mapping[str, int]] = {
        "ms": 1,
        "s": 1_000,
        "m": 60_000,
        "h": 3_600_000,
        "d": 86_400_000,
    }
    example: ClassVar[str] = "a duration such as 500ms, 10s, 15m or 2h"


@dataclass(frozen=True, slots=True)
class Text:
    """Annotation of text that matches `pattern` as a whole."""

    pattern: str
    expected: str
    longest: int

    def parse(self, value: object) -> str:
        """The text itself, unchanged."""
        if not isinstance(value, str):
            raise unexpected(value, self.expected, wanted=str)
        if len(value) > self.longest or not re.fullmatch(self.pattern, value):
            raise bad_value(value, self.expected)
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.parse, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "maxLength": self.longest, "pattern": f"^(?:{self.pattern})$"}


@dataclass(frozen=True, slots=True)
class NotEmpty:
    """Annotation of a list or mapping of all there may be: empty it would say none and mean all."""

    def parse(self, value: object) -> object:
        """The value itself, unless it is written and empty."""
        if isinstance(value, tuple | Mapping) and not value:
            what = "mapping" if isinstance(value, Mapping) else "list"
            detail = f"got an empty {what}, expected an entry, or the key left out"
            raise field_problem(PolicyRefusal.BAD_VALUE, detail)
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.parse, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        body = handler(schema)
        return body | {"minItems" if body["type"] == "array" else "minProperties": 1}


def _parse_instant(value: object) -> datetime:
    expected = "a UTC time such as 2026-11-22T10:00:00Z"
    if not isinstance(value, str):
        raise unexpected(value, expected)
    if not _INSTANT.fullmatch(value):
        raise bad_value(value, expected)
    try:
        return datetime.strptime(value, _INSTANT_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise bad_value(value, expected) from None


def format_instant(value: datetime) -> str:
    """RFC 3339 in UTC with whole seconds."""
    utc = value.astimezone(UTC)
    return f"{utc.year:04d}-{utc:%m-%dT%H:%M:%SZ}"


def refuse_repeats(values: tuple[Any, ...], *, what: str, path: Path = ()) -> None:
    """Raise for a value that stands in the list twice."""
    seen: set[Any] = set()
    for index, value in enumerate(values):
        if value in seen:
            detail = f"got the {what} {value} again, expected it once"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail, *path, index)
        seen.add(value)


def _as_set(values: tuple[str, ...]) -> tuple[str, ...]:
    refuse_repeats(values, what="value")
    return tuple(sorted(values))


# A list whose order means nothing: repeats are refused, the canonical document is sorted.
AS_SET = AfterValidator(_as_set)

Instant = Annotated[
    datetime,
    BeforeValidator(_parse_instant),
    PlainSerializer(format_instant, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_INSTANT.pattern}$"}),
]
# The names of sealed modules and of the policies they name (docs/specs/sealed-module.md).
_WORD = r"[a-z0-9]+([._-][a-z0-9]+)*"
_PATH = rf"{_WORD}(/{_WORD})*"
NAME = Text(
    _PATH,
    "a name of lower-case letters and digits with . _ - or / between them",
    limits.MAX_NAME_CHARACTERS,
)
Name = Annotated[str, NAME]
Description = Annotated[str, Text(r"[\s\S]*", "text", limits.MAX_DESCRIPTION_CHARACTERS)]
ModuleName = Annotated[
    str,
    Text(
        rf"{_PATH}(/\*)?",
        "a module name such as acme/solver, or acme/* for every name below acme",
        limits.MAX_NAME_CHARACTERS,
    ),
]
KeyId = Annotated[str, Text(r"[0-9a-f]{64}", "a key id of 64 lower-case hex digits", 64)]
Digest = Annotated[
    str, Text(r"sha256:[0-9a-f]{64}", "a digest sha256:<64 lower-case hex digits>", 71)
]
IMPORT_NAME = Text(
    r"[A-Za-z0-9_][A-Za-z0-9_:/@-]*\.[A-Za-z0-9_$-]+",
    "an import as module.name, such as wasi_snapshot_preview1.fd_write",
    limits.MAX_IMPORT_CHARACTERS,
)
ImportName = Annotated[str, IMPORT_NAME]
ImportPattern = Annotated[
    str,
    Text(
        r"[A-Za-z0-9_][A-Za-z0-9_:/@-]*\.([A-Za-z0-9_$-]+|[A-Za-z0-9_$-]*\*)",
        "an import as module.name, or the start of one with * behind it",
        limits.MAX_IMPORT_CHARACTERS,
    ),
]
