"""One function per operator: what is wrong with an actual value, or None.

Types are exact: `True` is no integer and `1` is no boolean. Spec policy section L.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from policies.claims import Claim, ClaimKind
from policies.conditions import VERSION_PATTERN
from policies.decision import ABSENT, Reason
from policies.limits import MAX_VERSION_CHARACTERS
from policies.operators import Operator
from policies.patterns import compile_pattern

# Takes the actual value or ABSENT.
Check = Callable[[Any], Reason | None]

_TYPES: dict[ClaimKind, type] = {ClaimKind.BOOLEAN: bool, ClaimKind.INTEGER: int}
_VERSION = re.compile(VERSION_PATTERN)


def value_type(claim: Claim) -> type:
    """The exact type of the claim's values."""
    return _TYPES.get(claim.kind, str)


def _not_of_type(actual: Any) -> Reason:
    return Reason.ABSENT if actual is ABSENT else Reason.WRONG_TYPE


def _exists(wanted: type, *, expected: bool) -> Check:
    def check(actual: Any) -> Reason | None:
        if type(actual) is wanted:
            return None if expected else Reason.MISMATCH
        if actual is ABSENT and not expected:
            return None
        return _not_of_type(actual)

    return check


def _equals(wanted: type, expected: Any) -> Check:
    def check(actual: Any) -> Reason | None:
        if type(actual) is not wanted:
            return _not_of_type(actual)
        return None if actual == expected else Reason.MISMATCH

    return check


def _in(wanted: type, expected: Any, *, inside: bool) -> Check:
    values = frozenset(expected)

    def check(actual: Any) -> Reason | None:
        if type(actual) is not wanted:
            return _not_of_type(actual)
        return None if (actual in values) is inside else Reason.MISMATCH

    return check


def _at_least(expected: int) -> Check:
    def check(actual: Any) -> Reason | None:
        if type(actual) is not int:
            return _not_of_type(actual)
        return None if actual >= expected else Reason.MISMATCH

    return check


def _at_most(expected: int) -> Check:
    def check(actual: Any) -> Reason | None:
        if type(actual) is not int:
            return _not_of_type(actual)
        return None if actual <= expected else Reason.MISMATCH

    return check


@lru_cache(maxsize=1024)
def _version(text: str) -> tuple[int, ...] | None:
    """The numbers of a version, or None for text that is none. A fleet has few versions."""
    if not _VERSION.fullmatch(text):
        return None
    return tuple(int(part) for part in text.split("."))


def _version_bound(expected: str, *, least: bool) -> Check:
    bound = tuple(int(part) for part in expected.split("."))

    def check(actual: Any) -> Reason | None:
        if type(actual) is not str:
            return _not_of_type(actual)
        number = _version(actual) if len(actual) <= MAX_VERSION_CHARACTERS else None
        if number is None:
            return Reason.WRONG_TYPE
        holds = number >= bound if least else number <= bound
        return None if holds else Reason.MISMATCH

    return check


def _matches(pattern: str) -> Check:
    matches = compile_pattern(pattern).matches

    def check(actual: Any) -> Reason | None:
        if type(actual) is not str:
            return _not_of_type(actual)
        return None if matches(actual) else Reason.MISMATCH

    return check


def name_check(names: tuple[str, ...]) -> Check:
    """A module name that is in the list, or below a name that ends in `/*`."""
    exact = frozenset(name for name in names if not name.endswith("/*"))
    prefixes = tuple(name.removesuffix("*") for name in names if name.endswith("/*"))

    def check(actual: Any) -> Reason | None:
        if type(actual) is not str:
            return _not_of_type(actual)
        holds = actual in exact or actual.startswith(prefixes)
        return None if holds else Reason.MISMATCH

    return check


def build_check(claim: Claim, operator: Operator, expected: Any) -> Check:
    """The check of one condition; `expected` has the claim's type already."""
    wanted = value_type(claim)
    is_version = claim.kind is ClaimKind.VERSION
    builders: dict[Operator, Callable[[], Check]] = {
        Operator.EXISTS: lambda: _exists(wanted, expected=expected),
        Operator.EQUALS: lambda: _equals(wanted, expected),
        Operator.IN: lambda: _in(wanted, expected, inside=True),
        Operator.NOT_IN: lambda: _in(wanted, expected, inside=False),
        Operator.AT_LEAST: lambda: (
            _version_bound(expected, least=True) if is_version else _at_least(expected)
        ),
        Operator.AT_MOST: lambda: (
            _version_bound(expected, least=False) if is_version else _at_most(expected)
        ),
        Operator.MATCHES: lambda: _matches(expected),
    }
    return builders[operator]()
