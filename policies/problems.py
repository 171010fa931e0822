"""Turns what pydantic found into problems with a place, a path and words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from policies.errors import PolicyError, PolicyRefusal, Problem
from policies.limits import MAX_PROBLEMS
from policies.scalars import describe, hint
from policies.source import Path, Position, SourceMap, render_path

_EXPECTED: Mapping[str, tuple[str, type]] = {
    "bool_type": ("true or false", bool),
    "string_type": ("text", str),
    "tuple_type": ("a list", tuple),
    "mapping_type": ("a mapping", dict),
    "dict_type": ("a mapping", dict),
}
_OWN_CODES = frozenset(code.value for code in PolicyRefusal)


def _detail(error: ErrorDetails) -> tuple[PolicyRefusal, str]:
    kind = error["type"]
    context: Mapping[str, Any] = error.get("ctx", {})
    got = error["input"]
    if kind == "missing":
        return PolicyRefusal.MISSING_KEY, "is missing"
    if kind in _EXPECTED:
        expected, wanted = _EXPECTED[kind]
        detail = f"got {describe(got)}, expected {expected}{hint(got, wanted=wanted)}"
        return PolicyRefusal.WRONG_TYPE, detail
    if kind == "literal_error":
        wrong_type = not isinstance(got, str)
        code = PolicyRefusal.WRONG_TYPE if wrong_type else PolicyRefusal.BAD_VALUE
        expected = str(context["expected"]).replace("'", "")
        return code, f"got {describe(got)}, expected {expected}"
    if kind == "too_long":
        detail = f"got {context['actual_length']} entries, expected at most {context['max_length']}"
        return PolicyRefusal.TOO_LARGE, detail
    return PolicyRefusal.BAD_VALUE, f"got {describe(got)}: {error['msg']}"


def _problem(error: ErrorDetails, source: SourceMap) -> tuple[Position, Problem]:
    # `[key]` marks an error of a mapping's key; our own errors bring the rest of their path.
    location: Path = tuple(part for part in error["loc"] if part != "[key]")
    context: Mapping[str, Any] = error.get("ctx", {})
    if error["type"] in _OWN_CODES:
        path: Path = (*location, *context["path"])
        code, detail = PolicyRefusal(error["type"]), str(context["detail"])
    else:
        path = location
        code, detail = _detail(error)
    at_key = code in (PolicyRefusal.UNKNOWN_KEY, PolicyRefusal.UNKNOWN_CLAIM)
    at_key = at_key or code is PolicyRefusal.UNKNOWN_OPERATOR
    position = source.position(path) or Position(0, 0)
    return position, Problem(code, source.where(path, key=at_key), render_path(path), detail)


def refusal_of(error: ValidationError, source: SourceMap) -> PolicyError:
    """Every problem pydantic found, in file order."""
    found = [_problem(entry, source) for entry in error.errors(include_url=False)]
    found.sort(key=lambda item: item[0])
    return PolicyError(*[problem for _, problem in found[:MAX_PROBLEMS]])
