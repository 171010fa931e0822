"""What would make a failed rule hold. Advice for people, never permission."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from policies.decision import ABSENT, Reason, Rule, RuleResult
from policies.fields import format_instant
from policies.imports import UNGRANTABLE
from policies.limits import MAX_INTEGER
from policies.operators import Operator


def json_value(value: Any) -> Any:
    """What JSON has for it: an absent claim is null, a set a list, an instant its text."""
    if value is ABSENT:
        return None
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, tuple | list):
        return [json_value(item) for item in value]
    if type(value) is int and abs(value) > MAX_INTEGER:
        return hex(value)  # A 64-bit field of a report; RFC 8785 could not write it exactly.
    if value is None or isinstance(value, bool | int | str):
        return value
    return f"({type(value).__name__})"


def _import_line(rule: Rule, _: Any) -> str:
    if rule.because == UNGRANTABLE:
        return "no policy can grant an import of that name; build the module without it"
    return f"add to spec.imports: - {rule.expected}"


def _ceiling(rule: Rule, actual: Any) -> str:
    return f"take {json_value(actual)} out of {rule.claim}, or widen {rule.path} ({rule.where})"


def _window(rule: Rule, _: Any) -> str:
    return f"wait for the window, or change {rule.path} ({rule.where})"


def _simulated(rule: Rule, _: Any) -> str:
    return f"run on real hardware; only a policy for tests says simulated-tee: allow ({rule.where})"


def _add(rule: Rule, actual: Any) -> str:
    return f"if you trust {json_value(actual)}, add it to {rule.path} ({rule.where})"


def _bound(rule: Rule, _: Any) -> str:
    bound = rule.operator.value.replace("-", " ")
    return f"bring {rule.claim} to {bound} {rule.expected}, or change {rule.path} ({rule.where})"


def _other(rule: Rule, _: Any) -> str:
    return f"bring {rule.claim} to what {rule.path} asks, or change it ({rule.where})"


# The most telling first: what the rule is about, then why it failed, then its operator.
_BY_CLAIM: Final[Mapping[str, Callable[[Rule, Any], str]]] = {
    "import": _import_line,
    "now": _window,
    "simulated": _simulated,
}
_BY_OPERATOR: Final[Mapping[Operator, Callable[[Rule, Any], str]]] = {
    Operator.IN: _add,
    Operator.AT_LEAST: _bound,
    Operator.AT_MOST: _bound,
}


def remedy(result: RuleResult) -> str:
    """One sentence; empty for a rule that holds."""
    rule, actual, reason = result
    if reason is None:
        return ""
    if rule.path.startswith("spec.grant"):
        return _ceiling(rule, actual)
    if rule.claim in _BY_CLAIM:
        return _BY_CLAIM[rule.claim](rule, actual)
    if reason is Reason.ABSENT:
        return f"nobody says {rule.claim}; use a platform or request that does"
    if reason is Reason.WRONG_TYPE:
        return f"{rule.claim} has another type than the policy expects; update verifier or policy"
    return _BY_OPERATOR.get(rule.operator, _other)(rule, actual)
