"""Exit codes of the `sealwasm` command, one table for code, documentation and tests.

`sealwasm run` has its own (`runner.exit_codes`), because there 0-127 belong to the guest.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script may rely on. Numbers are never reused for another meaning."""

    OK = 0
    FAULT = 1
    USAGE = 2
    DENIED = 3
    NOT_VERIFIED = 4
    NOT_FOUND = 5
    CONFLICT = 6
    UNREACHABLE = 7
    DIFFERENT = 8
    BROKER_SEALED = 9
    INTERRUPTED = 130


MEANING: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.FAULT: "a fault of ours, or a step of `demo` or `doctor` that did not hold",
    ExitCode.USAGE: "the command line or an input file is wrong",
    ExitCode.DENIED: "a policy or a guardrail says no",
    ExitCode.NOT_VERIFIED: "a signature, evidence, receipt or artifact does not verify",
    ExitCode.NOT_FOUND: "a file, artifact, owner or policy does not exist",
    ExitCode.CONFLICT: "something is in the way: it exists already, or a version is too old",
    ExitCode.UNREACHABLE: "a broker or registry could not be reached; trying again may help",
    ExitCode.DIFFERENT: "`sealwasm diff` found differences",
    ExitCode.BROKER_SEALED: "the broker cannot use its keys or its database at the moment",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C, as shells number it",
}
