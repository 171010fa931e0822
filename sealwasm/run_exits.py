"""Which of `sealwasm run`'s exit codes a kind of failure has: 0-127 belong to the guest there."""

from __future__ import annotations

from runner.errors import RunnerCode
from runner.exit_codes import OF_ERROR, RunExit
from sealwasm.failure import Kind

RUN_EXIT_OF_KIND: dict[Kind, int] = {
    Kind.FAULT: RunExit.FAULT,
    Kind.USAGE: RunExit.USAGE,
    Kind.BAD_POLICY: RunExit.POLICY,
    Kind.BAD_MODULE: RunExit.MODULE,
    Kind.DENIED: RunExit.RELEASE_DENIED,
    Kind.EVIDENCE: RunExit.EVIDENCE,
    Kind.ARTIFACT: RunExit.ARTIFACT,
    Kind.NOT_FOUND: RunExit.USAGE,
    Kind.CONFLICT: RunExit.USAGE,
    Kind.UNREACHABLE: RunExit.UNREACHABLE,
    Kind.BROKER_SEALED: RunExit.UNREACHABLE,
    Kind.INTERRUPTED: RunExit.INTERRUPTED,
}


def exit_of_code(code: str) -> int | None:
    """Return the exit code that the runner's own table gives to one of its codes."""
    try:
        return int(OF_ERROR[RunnerCode(code)])
    except ValueError:
        return None
