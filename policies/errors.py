"""The two errors that leave this package: a document was refused, or a policy said no."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from policies.decision import Decision


class PolicyRefusal(StrEnum):
    """Why a document was refused. Stable codes: logged, shown, asserted by test vectors."""

    TOO_LARGE = "policy-too-large"
    NOT_TEXT = "policy-not-text"
    NOT_YAML = "policy-not-yaml"
    YAML_FEATURE = "policy-yaml-feature"
    MULTIPLE_DOCUMENTS = "policy-multiple-documents"
    DUPLICATE_KEY = "policy-duplicate-key"
    UNKNOWN_KEY = "policy-unknown-key"
    UNKNOWN_KIND = "policy-unknown-kind"
    MISSING_KEY = "policy-missing-key"
    WRONG_TYPE = "policy-wrong-type"
    BAD_VALUE = "policy-bad-value"
    INCONSISTENT = "policy-inconsistent"
    UNSUPPORTED = "policy-unsupported"
    UNKNOWN_CLAIM = "policy-unknown-claim"
    UNKNOWN_OPERATOR = "policy-unknown-operator"
    UNSAFE_PATTERN = "policy-unsafe-pattern"
    NO_MEASUREMENT = "policy-no-measurement"
    NOT_CANONICAL = "policy-not-canonical"


class Problem(NamedTuple):
    """One thing that is wrong with a document, where it stands, and what was expected."""

    code: PolicyRefusal
    where: str
    path: str
    detail: str

    def __str__(self) -> str:
        place = f"{self.where}: {self.path}" if self.path else self.where
        return f"{place}: {self.detail}"


class PolicyError(Exception):
    """A policy document was refused. The first problem in file order gives the code.

    `problems` holds every problem that one pass could find; policies are no secret, so the text
    may be shown to whoever wrote the document.
    """

    def __init__(self, *problems: Problem) -> None:
        first = problems[0]
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
        self.code = first.code
        self.detail = first.detail
        self.where = f"{first.where} {first.path}".rstrip()


class PolicyDenied(Exception):  # noqa: N818  the house's word: documents are refused, requests denied
    """A policy said no. `decision` holds every rule and why; peers get rule ids at most."""

    def __init__(self, decision: Decision) -> None:
        failed = ", ".join(decision.failed) or "no rule allows it"
        super().__init__(f"{decision.code}: {failed}")
        self.decision = decision
        self.code = decision.code
