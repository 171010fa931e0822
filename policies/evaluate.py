"""Decides whether an environment may hold a key: pure, total, explained rule by rule.

Start reading here. `compile_release` is called once per policy version, `evaluate` once per
request. Spec policy section E.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from policies.claims import ClaimValue
from policies.compile import CompiledRelease, Rules, compile_release
from policies.decision import ABSENT, Decision, Denial, Reason, Rule
from policies.errors import PolicyDenied

__all__ = ["CompiledRelease", "compile_release", "evaluate", "require_release"]

_Row = tuple[Rule, Any, Reason | None]


def _apply(rules: Rules, claims: Mapping[str, ClaimValue], rows: list[_Row]) -> bool:
    """Append one row per rule; whether all of them hold."""
    get = claims.get
    holds = True
    for rule, claim, check in rules:
        actual = get(claim, ABSENT)
        reason = check(actual)
        if reason is not None:
            holds = False
        rows.append((rule, actual, reason))
    return holds


def _apply_window(compiled: CompiledRelease, now: datetime, rows: list[_Row]) -> bool:
    holds = True
    for end in compiled.window:
        inside = now >= end.instant if end.rule.operator == "at-least" else now <= end.instant
        rows.append((end.rule, now, None if inside else Reason.MISMATCH))
        holds = holds and inside
    return holds


def _apply_environments(
    compiled: CompiledRelease, claims: Mapping[str, ClaimValue], rows: list[_Row]
) -> str | None:
    """The name of the first environment that matches; rows of all of them."""
    matched: str | None = None
    for environment in compiled.environments:
        if _apply(environment.rules, claims, rows) and matched is None:
            matched = environment.name
    if not compiled.environments:
        rows.append((compiled.empty, ABSENT, Reason.ABSENT))
    return matched


def _apply_guards(
    compiled: CompiledRelease, claims: Mapping[str, ClaimValue], rows: list[_Row]
) -> bool:
    holds = _apply(compiled.guards, claims, rows)
    for minimum in compiled.minimums:
        product = claims.get("product")
        listed = minimum.by_product.get(product) if type(product) is str else None
        holds = _apply(listed or minimum.unlisted, claims, rows) and holds
    return holds


def evaluate(
    compiled: CompiledRelease, claims: Mapping[str, ClaimValue], *, now: datetime
) -> Decision:
    """The decision on `claims` at `now`, with a row for every rule.

    Takes the claims as they are: that they were verified is the caller's to know. Never raises for
    any claims. A guardrail's no wins over every environment's yes.
    """
    rows: list[_Row] = []
    # (1) Is the policy about this module at all?
    applies = _apply(compiled.applies_to, claims, rows)
    # (2) Is it the time?
    in_time = _apply_window(compiled, now, rows)
    head = len(rows)
    # (3) Does one environment match as a whole?
    environment = _apply_environments(compiled, claims, rows)
    tail = len(rows)
    # (4) Does every guardrail agree?
    guarded = _apply_guards(compiled, claims, rows)
    allowed = applies and in_time and environment is not None and guarded
    decisive: list[_Row] = []
    code: Denial | None = None
    if not allowed:
        # Rules of environments that did not match led to nothing if another one did.
        decisive = rows if environment is None else [*rows[:head], *rows[tail:]]
        code = _denial(compiled, applies=applies, in_time=in_time, environment=environment)
    # By position: with names this one call would be a fifth of the decision's time.
    return Decision(
        allowed,
        code,
        compiled.policy,
        compiled.guardrail_refs,
        environment,
        compiled.lease_ms if allowed else 0,
        claims.get("simulated") is not False,
        tuple(rows),
        tuple(decisive),
    )


def _denial(
    compiled: CompiledRelease, *, applies: bool, in_time: bool, environment: str | None
) -> Denial:
    """The first reason in the order of the steps."""
    if not applies:
        return Denial.NOT_APPLICABLE
    if not in_time:
        return Denial.OUTSIDE_WINDOW
    if environment is None:
        return Denial.ENVIRONMENT if compiled.environments else Denial.NO_ENVIRONMENT
    return Denial.GUARDRAILS


def require_release(
    compiled: CompiledRelease, claims: Mapping[str, ClaimValue], *, now: datetime
) -> Decision:
    """The decision when it allows; raises `PolicyDenied` with the whole decision otherwise."""
    decision = evaluate(compiled, claims, now=now)
    if not decision.allowed:
        raise PolicyDenied(decision)
    return decision
