"""One shape for whatever goes wrong at the command line: what, why, where, next command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from sealwasm.exit_codes import ExitCode
from sealwasm.printable import as_yaml
from sealwasm.printable import lines as printable_lines


class Kind(StrEnum):
    """Classes of failure; each has one exit code per command table."""

    FAULT = "fault"
    USAGE = "usage"
    BAD_POLICY = "bad-policy"
    BAD_MODULE = "bad-module"
    DENIED = "denied"
    EVIDENCE = "evidence"
    ARTIFACT = "artifact"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    UNREACHABLE = "unreachable"
    BROKER_SEALED = "broker-sealed"
    INTERRUPTED = "interrupted"


EXIT_CODE_OF_KIND: dict[Kind, ExitCode] = {
    Kind.FAULT: ExitCode.FAULT,
    Kind.USAGE: ExitCode.USAGE,
    Kind.BAD_POLICY: ExitCode.USAGE,
    Kind.BAD_MODULE: ExitCode.USAGE,
    Kind.DENIED: ExitCode.DENIED,
    Kind.EVIDENCE: ExitCode.NOT_VERIFIED,
    Kind.ARTIFACT: ExitCode.NOT_VERIFIED,
    Kind.NOT_FOUND: ExitCode.NOT_FOUND,
    Kind.CONFLICT: ExitCode.CONFLICT,
    Kind.UNREACHABLE: ExitCode.UNREACHABLE,
    Kind.BROKER_SEALED: ExitCode.BROKER_SEALED,
    Kind.INTERRUPTED: ExitCode.INTERRUPTED,
}


@dataclass(slots=True)
class CliError(Exception):
    """A failure that a person can act on. Holds nothing secret: it is printed as it is."""

    kind: Kind
    code: str
    what: str
    why: str = ""
    where: str = ""
    next_step: str = ""
    exit_code: int | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.what}"

    @property
    def status(self) -> int:
        """The exit code: the command's own, or the one of the kind."""
        return self.exit_code if self.exit_code is not None else EXIT_CODE_OF_KIND[self.kind]

    def as_text(self) -> str:
        """Up to four lines for people; more lines in a text are indented: none passes for ours."""
        lines = [_indented(f"error[{self.code}]: {self.what}")]
        for label, text in (("why", self.why), ("where", self.where), ("next", self.next_step)):
            if text:
                lines.append(_indented(f"{label:>7}: {text}"))
        return "\n".join(lines)

    def in_format(self, output: str) -> str:
        """Return the error as `-o` wants it."""
        if output == "yaml":
            return as_yaml(self._document())
        return self.as_json() if output == "json" else self.as_text()

    def as_json(self) -> str:
        """One JSON object for programs."""
        return json.dumps(self._document())

    def _document(self) -> dict[str, dict[str, str | int]]:
        members: dict[str, str | int] = {
            "code": self.code,
            "kind": self.kind.value,
            "what": self.what,
            "why": self.why,
            "where": self.where,
            "next": self.next_step,
            "exit_code": self.status,
        }
        return {"error": {name: value for name, value in members.items() if value != ""}}


def _indented(text: str) -> str:
    return printable_lines(text).replace("\n", "\n" + " " * 9)
