"""What a verifier compared, in order: for people who ask why evidence passed or failed.

A verifier says each comparison before it judges it, so after a refusal the last one noted is the
one that failed. The verdict never depends on a trace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol


class Trace(Protocol):
    """Somewhere to note comparisons."""

    def check(self, step: str, what: str, expected: object, actual: object) -> None:
        """Note one comparison: the step of the specification, what, and both sides.

        A side may be a function, which only somebody who keeps the text calls.
        """
        ...


class NoTrace:
    """Notes nothing."""

    def check(self, step: str, what: str, expected: object, actual: object) -> None:
        """Do nothing."""


NO_TRACE: Final[Trace] = NoTrace()


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison, such as ("C5", "VEK issuer", "SEV-Milan", "SEV-Milan")."""

    step: str
    what: str
    expected: str
    actual: str


@dataclass(slots=True)
class RecordedTrace:
    """Keeps every comparison as text; bytes as hex."""

    checks: list[Check] = field(default_factory=list)

    def check(self, step: str, what: str, expected: object, actual: object) -> None:
        """Keep one comparison."""
        self.checks.append(Check(step, what, _text(expected), _text(actual)))


def _text(value: object) -> str:
    if callable(value):
        return _text(value())
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
