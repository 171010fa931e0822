"""The effective grant: what the owner requested, shrunk to what every guardrail allows.

It can only shrink. What can be made smaller is, and each step is told; what a module cannot do
without (an import, an engine feature, a file of its own) denies. Spec policy section S.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from policies.compile import refer
from policies.decision import Decision, Denial, DocumentRef, Reason, Rule
from policies.errors import PolicyDenied
from policies.limits import MAX_GUARDRAILS
from policies.models import CapabilityPolicy, Guardrails
from policies.shrink import Shrinker, Step


class Reduction(NamedTuple):
    """One thing that became smaller: where in the request, from what to what, and by which rule."""

    path: str
    requested: Any
    granted: Any
    rule: str
    where: str


class Grant(NamedTuple):
    """What a run may do, and how it came from the request."""

    document: CapabilityPolicy
    reductions: tuple[Reduction, ...]
    requested: DocumentRef
    guardrails: tuple[DocumentRef, ...]


def _reduction(guardrails: Guardrails, step: Step) -> Reduction:
    return Reduction(
        path=step.path,
        requested=step.requested,
        granted=step.granted,
        rule=f"{guardrails.name}/grant/{step.rule}",
        where=guardrails.source.place(("spec", "grant", *step.rule.split("/"))),
    )


def _denial_row(guardrails: Guardrails, step: Step) -> tuple[Rule, Any, Reason]:
    path = ("spec", "grant", *step.rule.split("/"))
    rule = Rule(
        id=f"{guardrails.name}/grant/{step.rule}",
        path=".".join(path),
        claim=step.path,
        operator=step.operator,
        expected=step.granted,
        source=step.source,
        where=guardrails.source.place(path),
        because=guardrails.metadata.description,
    )
    return rule, step.requested, Reason.MISMATCH


def _in_order(guardrails: Sequence[Guardrails]) -> list[Guardrails]:
    """Each document once, in an order that does not depend on how they were given."""
    if len(guardrails) > MAX_GUARDRAILS:
        raise ValueError(f"got {len(guardrails)} guardrails, expected at most {MAX_GUARDRAILS}")
    by_digest = {item.digest: item for item in guardrails}
    return [item for _, item in sorted(by_digest.items(), key=lambda pair: (pair[1].name, pair[0]))]


def effective_grant(requested: CapabilityPolicy, guardrails: Sequence[Guardrails]) -> Grant:
    """The largest grant inside `requested` and inside every one of `guardrails`.

    Does not look at the module: `require_imports` does. The order of `guardrails` does not matter.
    Raises `PolicyDenied`, with a row per obstacle, where shrinking is impossible, and `ValueError`
    for more guardrails than `MAX_GUARDRAILS`.
    """
    ordered = _in_order(guardrails)
    spec = requested.spec
    reductions: list[Reduction] = []
    obstacles: list[tuple[Rule, Any, Reason]] = []
    for item in ordered:
        shrinker = Shrinker(spec, item.spec.grant)
        spec = shrinker.shrink()
        reductions += [_reduction(item, step) for step in shrinker.reductions]
        obstacles += [_denial_row(item, step) for step in shrinker.obstacles]
    references = tuple(refer(item) for item in ordered)
    if obstacles:
        rows = tuple(obstacles)
        raise PolicyDenied(
            Decision(
                allowed=False,
                code=Denial.GRANT,
                policy=refer(requested),
                guardrails=references,
                results=rows,
                decisive=rows,
            )
        )
    document = requested.model_copy(update={"spec": spec})
    return Grant(document, tuple(reductions), refer(requested), references)
