"""Conditions on claims: `claim: {operator: expected, because: text}`, a closed set of operators.

Spec: docs/specs/policy.md section L. Dotted claims may be nested: `tcb: {launch: {snp: ...}}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from policies import limits
from policies.claims import CLAIMS, Claim, ClaimKind
from policies.errors import PolicyRefusal
from policies.fields import bad_value, field_problem, refuse_repeats, unexpected
from policies.operators import LISTS, OPERATORS, Expected, Operator
from policies.patterns import PatternError, compile_pattern
from policies.source import Path
from policies.suggest import suggest

BECAUSE: Final = "because"
VERSION_PATTERN: Final = r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,3}"


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one claim. `path` leads from the mapping it stands in to the operator."""

    claim: str
    operator: Operator
    expected: Expected
    because: str = ""
    path: Path = ()


def hex_pattern(claim: Claim) -> str:
    """Return the pattern of the claim's values: lower-case hex of one of its sizes."""
    sizes = [f"[0-9a-f]{{{2 * size}}}" for size in claim.sizes]
    return sizes[0] if len(sizes) == 1 else f"(?:{'|'.join(sizes)})"


def _text(claim: Claim, value: str, path: Path) -> str:
    """Text in the form its claim has."""
    longest = limits.MAX_CLAIM_TEXT_CHARACTERS
    fits, expected = {
        ClaimKind.HEX: (
            re.fullmatch(hex_pattern(claim), value) is not None,
            f"{' or '.join(str(2 * size) for size in claim.sizes)} lower-case hex digits",
        ),
        ClaimKind.CHOICE: (value in claim.choices, f"one of {', '.join(claim.choices)}"),
        ClaimKind.VERSION: (
            re.fullmatch(VERSION_PATTERN, value) is not None,
            "a version such as 7 or 1.55.40",
        ),
    }.get(claim.kind, (len(value) <= longest, f"at most {longest} characters"))
    if not fits:
        raise bad_value(value, expected, *path)
    return value


def _scalar(claim: Claim, value: object, path: Path) -> bool | int | str:
    """A value of exactly the claim's type."""
    if claim.kind is ClaimKind.BOOLEAN:
        if not isinstance(value, bool):
            raise unexpected(value, "true or false", *path, wanted=bool)
        return value
    if claim.kind is ClaimKind.INTEGER:
        if type(value) is not int:
            raise unexpected(value, "an integer", *path)
        return value
    if not isinstance(value, str):
        raise unexpected(value, f"text ({claim.kind})", *path, wanted=str)
    return _text(claim, value, path)


def _list(claim: Claim, value: object, path: Path) -> tuple[int | str, ...]:
    """One or more different values; sorted, because their order means nothing."""
    if not isinstance(value, tuple):
        raise unexpected(value, "a list", *path)
    if not 0 < len(value) <= limits.MAX_VALUES:
        raise bad_value(value, f"1 to {limits.MAX_VALUES} values", *path)
    items = tuple(_scalar(claim, item, (*path, index)) for index, item in enumerate(value))
    refuse_repeats(items, what="value", path=path)
    return tuple(sorted(items, key=lambda item: (isinstance(item, str), item)))


def _pattern(value: object, path: Path) -> str:
    if not isinstance(value, str):
        raise unexpected(value, "text: a pattern", *path)
    try:
        compile_pattern(value)
    except PatternError as error:
        raise field_problem(PolicyRefusal.UNSAFE_PATTERN, f"pattern {error}", *path) from None
    return value


def _patterns(value: object) -> Iterator[str]:
    """Every text that stands where a pattern would, however deep."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            if key == Operator.MATCHES and isinstance(member, str):
                yield member
            yield from _patterns(member)
    elif isinstance(value, tuple):
        for member in value:
            yield from _patterns(member)


def refuse_many_patterns(value: object) -> object:
    """The value itself, not yet read: each pattern may be cheap to compile and all together not."""
    count = len(set(_patterns(value)))
    if count > limits.MAX_PATTERNS:
        detail = f"got {count} different patterns, expected at most {limits.MAX_PATTERNS}"
        raise field_problem(PolicyRefusal.TOO_LARGE, detail)
    return value


def _expected(claim: Claim, operator: Operator, value: object, path: Path) -> Expected:
    if operator is Operator.EXISTS:
        if not isinstance(value, bool):
            raise unexpected(value, "true or false", *path, wanted=bool)
        return value
    if operator in LISTS:
        return _list(claim, value, path)
    if operator is Operator.MATCHES:
        return _pattern(value, path)
    return _scalar(claim, value, path)


def _because(value: object, path: Path) -> str:
    if not isinstance(value, str):
        raise unexpected(value, "text: the reason for this condition", *path)
    if len(value) > limits.MAX_DESCRIPTION_CHARACTERS:
        raise bad_value(value, f"at most {limits.MAX_DESCRIPTION_CHARACTERS} characters", *path)
    return value


def _conditions_of(claim: Claim, value: object, path: Path) -> Iterator[Condition]:
    """The conditions on one claim, one per operator."""
    allowed = OPERATORS[claim.kind]
    names = sorted(operator.value for operator in allowed)
    if not isinstance(value, Mapping):
        raise unexpected(value, f"a mapping with {', '.join(names)}", *path)
    because = _because(value.get(BECAUSE, ""), (*path, BECAUSE))
    for key, expected in value.items():
        here = (*path, key)
        if key == BECAUSE:
            continue
        if key not in names:
            detail = f"{claim.name} ({claim.kind}) has no operator {key}, "
            detail += suggest(key, [*names, BECAUSE])
            raise field_problem(PolicyRefusal.UNKNOWN_OPERATOR, detail, *here)
        operator = Operator(key)
        yield Condition(
            claim.name, operator, _expected(claim, operator, expected, here), because, here
        )
    if not value.keys() - {BECAUSE}:
        detail = f"got no operator, expected one of {', '.join(names)}"
        raise field_problem(PolicyRefusal.MISSING_KEY, detail, *path)


def _walk(
    members: Mapping[str, Any], prefix: str, path: Path, others: tuple[str, ...]
) -> Iterator[Condition]:
    for key, value in members.items():
        name = f"{prefix}{key}"
        here = (*path, key)
        if name in CLAIMS:
            yield from _conditions_of(CLAIMS[name], value, here)
        elif any(known.startswith(f"{name}.") for known in CLAIMS):
            if not isinstance(value, Mapping):
                raise unexpected(value, f"a mapping of parts of {name}", *here)
            yield from _walk(value, f"{name}.", here, ())
        else:
            detail = f"got the unknown claim {name}, {suggest(name, (*CLAIMS, *others))}"
            raise field_problem(PolicyRefusal.UNKNOWN_CLAIM, detail, *here)


def parse_conditions(members: object, *, others: tuple[str, ...] = ()) -> tuple[Condition, ...]:
    """The conditions in a mapping of claims, sorted by claim and operator.

    `others` are keys known beside claims, for suggestions. Does not check that they say enough;
    environments do. Raises what pydantic carries.
    """
    if not isinstance(members, Mapping):
        raise unexpected(members, "a mapping of claims to conditions")
    found: dict[tuple[str, str], Condition] = {}
    for condition in _walk(members, "", (), others):
        key = (condition.claim, condition.operator.value)
        if key in found:
            detail = f"got {condition.claim} {condition.operator} again, expected it once"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail, *condition.path)
        found[key] = condition
    if len(found) > limits.MAX_CONDITIONS:
        detail = f"got {len(found)} conditions, expected at most {limits.MAX_CONDITIONS}"
        raise field_problem(PolicyRefusal.TOO_LARGE, detail)
    return tuple(found[key] for key in sorted(found))


def conditions_document(conditions: tuple[Condition, ...]) -> dict[str, Any]:
    """The canonical mapping: one member per claim under its dotted name."""
    document: dict[str, Any] = {}
    for condition in conditions:
        members = document.setdefault(condition.claim, {})
        expected = condition.expected
        members[condition.operator.value] = (
            list(expected) if isinstance(expected, tuple) else expected
        )
        if condition.because:
            members[BECAUSE] = condition.because
    return document
