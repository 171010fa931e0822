"""Decisions and reductions for people and for JSON: the same rows feed every view of them."""

from __future__ import annotations

from typing import Any

from policies.decision import Decision, DocumentRef, RuleResult
from policies.grant import Grant
from policies.remedies import json_value, remedy


def row(result: RuleResult) -> dict[str, Any]:
    """One rule as JSON: id, path, ok, operator, expected, actual, source, where, reason, ..."""
    rule = result.rule
    return {
        "id": rule.id,
        "path": rule.path,
        "ok": result.ok,
        "claim": rule.claim,
        "operator": rule.operator.value,
        "expected": json_value(rule.expected),
        "actual": json_value(result.actual),
        "reason": None if result.reason is None else result.reason.value,
        "source": rule.source.value,
        "where": rule.where,
        "because": rule.because,
        "remedy": remedy(result),
    }


def explain(decision: Decision) -> tuple[dict[str, Any], ...]:
    """One row per rule, in the order of the documents."""
    return tuple(row(result) for result in decision.rules)


def _reference(document: DocumentRef) -> dict[str, Any]:
    return document._asdict()


def decision_document(decision: Decision) -> dict[str, Any]:
    """The whole decision as JSON: for the audit log, the owner and compliance; not for peers."""
    return {
        "allowed": decision.allowed,
        "code": None if decision.code is None else decision.code.value,
        "policy": _reference(decision.policy),
        "guardrails": [_reference(item) for item in decision.guardrails],
        "environment": decision.environment,
        "lease_ms": decision.lease_ms,
        "simulated": decision.simulated,
        "failed": list(decision.failed),
        "rules": list(explain(decision)),
    }


def grant_document(grant: Grant) -> dict[str, Any]:
    """The grant as JSON: the effective policy, its digest, and every reduction with its rule."""
    return {
        "requested": _reference(grant.requested),
        "guardrails": [_reference(item) for item in grant.guardrails],
        "grant": grant.document.to_document(),
        "digest": grant.document.digest,
        "reductions": [item._asdict() for item in grant.reductions],
    }
