"""A broker of whose release no use was made, and why: for reports and refusals."""

from __future__ import annotations

from dataclasses import dataclass

from runner.errors import RunnerError


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A broker that was down, denied, lied or did not fit, and how.

    `identity` is empty if it did not prove any.
    """

    broker: str
    identity: str
    error: RunnerError

    @property
    def reason(self) -> str:
        """The code of what went wrong, as exact as it is known."""
        return str(self.error.reason or self.error.code)

    def __str__(self) -> str:
        who = f"{self.broker} ({self.identity})" if self.identity else self.broker
        return f"{who}: {self.reason}"
