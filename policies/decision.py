"""What an evaluation answers: allowed or not, and for every rule what was expected and found."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NamedTuple

from policies.claims import ClaimSource
from policies.operators import Expected, Operator


class Denial(StrEnum):
    """Why the answer is no. Stable codes: logged, counted, audited, asserted by test vectors."""

    NOT_APPLICABLE = "denied-not-applicable"
    OUTSIDE_WINDOW = "denied-outside-window"
    NO_ENVIRONMENT = "denied-no-environment"
    ENVIRONMENT = "denied-environment"
    GUARDRAILS = "denied-guardrails"
    IMPORT = "denied-import"
    GRANT = "denied-grant"


class Reason(StrEnum):
    """Why one rule failed."""

    ABSENT = "absent"
    WRONG_TYPE = "wrong-type"
    MISMATCH = "mismatch"


class Absent:
    """The actual value of a claim that nobody made."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()


class Rule(NamedTuple):
    """The part of an explanation that is known before any claim: built once per policy."""

    id: str
    path: str
    claim: str
    operator: Operator
    expected: Expected
    source: ClaimSource
    where: str
    because: str


class RuleResult(NamedTuple):
    """One rule, what it found, and why it failed (`reason` is None when it holds)."""

    rule: Rule
    actual: Any
    reason: Reason | None

    @property
    def ok(self) -> bool:
        """Whether the rule holds."""
        return self.reason is None


class DocumentRef(NamedTuple):
    """Which document decided: enough to find it again and to see that it is the same."""

    kind: str
    name: str
    version: int
    digest: str


# (what the group is, its results). Kept as plain tuples; `Decision.rules` makes rows of them.
Results = tuple[tuple[Rule, Any, Reason | None], ...]


class Decision(NamedTuple):
    """The answer of one evaluation. It remembers claims, so it is for owner and compliance.

    A peer gets the code and at most the rule ids in `failed`.
    """

    allowed: bool
    code: Denial | None
    policy: DocumentRef
    guardrails: tuple[DocumentRef, ...] = ()
    environment: str | None = None
    lease_ms: int = 0
    simulated: bool = False
    results: Results = ()
    decisive: Results = ()

    @property
    def rules(self) -> tuple[RuleResult, ...]:
        """Every rule of every environment and guardrail, in the order of the documents."""
        make = tuple.__new__
        return tuple([make(RuleResult, row) for row in self.results])

    @property
    def failed(self) -> tuple[str, ...]:
        """Ids of the rules that led to the denial; empty when allowed."""
        return tuple(rule.id for rule, _, reason in self.decisive if reason is not None)

    def __repr__(self) -> str:
        """Without the claims: they belong in the audit log, not in a traceback."""
        return f"Decision(allowed={self.allowed}, code={self.code}, policy={self.policy.name})"
