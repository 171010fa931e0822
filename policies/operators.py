"""The closed set of operators that conditions have, and which kinds of claims each one fits.

Spec: docs/specs/policy.md section L.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from policies.claim import ClaimKind

Expected = bool | int | str | tuple[int | str, ...]


class Operator(StrEnum):
    """All there is. `exists: false` holds when the claim is absent; nothing else ever does."""

    EQUALS = "equals"
    IN = "in"
    NOT_IN = "not-in"
    AT_LEAST = "at-least"
    AT_MOST = "at-most"
    MATCHES = "matches"
    EXISTS = "exists"


LISTS: Final = frozenset({Operator.IN, Operator.NOT_IN})
_ORDER = frozenset({Operator.AT_LEAST, Operator.AT_MOST})
_COMMON = frozenset({Operator.EQUALS, Operator.EXISTS})
OPERATORS: Final[Mapping[ClaimKind, frozenset[Operator]]] = {
    ClaimKind.BOOLEAN: _COMMON,
    ClaimKind.INTEGER: _COMMON | LISTS | _ORDER,
    ClaimKind.HEX: _COMMON | LISTS,
    ClaimKind.CHOICE: _COMMON | LISTS,
    ClaimKind.VERSION: _COMMON | LISTS | _ORDER,
    ClaimKind.TEXT: _COMMON | LISTS | {Operator.MATCHES},
}
