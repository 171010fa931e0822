"""Plain scalars by the core schema of YAML 1.2.2 (section 10.3.2), and how errors show values.

YAML 1.1 readers see a boolean in `no` and `on`, a number in `0o7`'s older spelling `07`, in `1_000`
and in `12:30:00`, and a date in `2026-01-01`. Here they are text, except `07`, which is seven.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from policies.limits import MAX_INTEGER, MAX_SHOWN_CHARACTERS

Scalar = None | bool | int | float | str

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Mapping[str, bool] = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = frozenset({".nan", ".NaN", ".NAN"})
# The longest spelling of a number that can be meant: 2^53 - 1 in octal, with room for zeros.
_MAX_DIGITS = 64

# What YAML 1.1 took for booleans; the error says why they are text here.
_FORMER_BOOLEANS = frozenset({"yes", "no", "on", "off", "y", "n"})


class IntegerTooLargeError(ValueError):
    """An integer beyond 2^53 - 1: it could not be written down exactly."""


def _integer(text: str) -> int | None:
    if _DECIMAL.fullmatch(text):
        base = 10
    elif _OCTAL.fullmatch(text):
        base = 8
    elif _HEXADECIMAL.fullmatch(text):
        base = 16
    else:
        return None
    if len(text) > _MAX_DIGITS:
        raise IntegerTooLargeError
    value = int(text, base)
    if abs(value) > MAX_INTEGER:
        raise IntegerTooLargeError
    return value


def resolve_plain(text: str) -> Scalar:
    """The value a plain scalar means in the core schema.

    Raises `IntegerTooLargeError` for integers that RFC 8785 could not keep exact.
    """
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    value = _integer(text)
    if value is not None:
        return value
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITY.fullmatch(text):
        return float(text.replace(".", ""))
    if text in _NAN:
        return float("nan")
    return text


def _shorten(text: str) -> str:
    cut = MAX_SHOWN_CHARACTERS
    return text if len(text) <= cut else f"{text[:cut]}... ({len(text)} characters)"


def describe(value: object) -> str:
    """How an error shows a value it did not expect: `text "no"`, `the number 5`, `a list`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the text "{_shorten(value)}"'
    if isinstance(value, Mapping):
        return (
            f"a mapping with {', '.join(_shorten(str(key)) for key in value)}"[:200]
            if value
            else "an empty mapping"
        )
    if isinstance(value, tuple | list):
        return f"a list of {len(value)}" if value else "an empty list"
    return f"a {type(value).__name__}"


def hint(value: object, *, wanted: type) -> str:
    """What a person most likely meant, or nothing."""
    if wanted is bool and isinstance(value, str) and value.lower() in _FORMER_BOOLEANS:
        return " (yes, no, on and off are text in YAML 1.2)"
    if wanted is str and isinstance(value, bool | int | float):
        return " (put it in quotes)"
    return ""
