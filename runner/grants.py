"""The grant of a run: documents read in their one form, and cut to the node's guardrails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from policies.errors import PolicyDenied
from policies.grant import effective_grant
from policies.imports import require_imports
from policies.load import parse_canonical
from policies.models import CapabilityPolicy, Guardrails
from runner.errors import RunnerCode, RunnerError
from runner.refusing import refused_as
from sealing import canonical, limits


def parse_grant(document: Mapping[str, Any]) -> CapabilityPolicy:
    """Return the capability policy in `document`. Raises `RunnerError`, also for another form."""
    with refused_as(RunnerCode.GRANT_INVALID):
        policy = parse_canonical(document, name="grant")
    if not isinstance(policy, CapabilityPolicy):
        raise RunnerError(RunnerCode.GRANT_INVALID, f"got a {policy.kind} for a grant")
    return policy


def read_grant(text: bytes) -> CapabilityPolicy:
    """Return the capability policy whose canonical form is `text`. Raises `RunnerError`."""
    return parse_grant(_object(text, "grant"))


def read_guardrails(text: bytes) -> Guardrails:
    """Return the guardrails whose canonical form is `text`. Raises `RunnerError`."""
    with refused_as(RunnerCode.GRANT_INVALID):
        policy = parse_canonical(_object(text, "guardrails"), name="guardrails")
    if not isinstance(policy, Guardrails):
        raise RunnerError(RunnerCode.GRANT_INVALID, f"got a {policy.kind} for guardrails")
    return policy


def within(grant: CapabilityPolicy, guardrails: Sequence[Guardrails]) -> CapabilityPolicy:
    """Return `grant` cut to what every one of the node's `guardrails` allows.

    Raises `RunnerError` where cutting is impossible: the module could not run.
    """
    with refused_as(RunnerCode.GRANT_DENIED):
        return effective_grant(grant, guardrails).document


def require_imports_granted(
    grant: CapabilityPolicy, module_imports: Iterable[tuple[str, str]]
) -> None:
    """Accept a module that imports no more than `grant` allows, before any key is asked for.

    In `mode: audit` more is accepted: the worker binds recording stubs. Raises `RunnerError` with
    the lines that would grant the rest.
    """
    if grant.spec.mode == "audit":
        return
    try:
        require_imports(grant, module_imports)
    except PolicyDenied as error:
        missing = [str(rule.rule.expected) for rule in error.decision.rules]
        detail = f"imports that are not granted: {', '.join(missing)[:400]}"
        remedy = "\n".join(["spec:", "  imports:", *(f"    - {name}" for name in missing)])
        raise RunnerError(RunnerCode.IMPORT_NOT_GRANTED, detail, remedy) from error


def require_arguments_granted(grant: CapabilityPolicy, given: Sequence[str]) -> None:
    """Accept arguments that `grant` lets in, or raise `RunnerError` with the lines that would."""
    allowed, size = grant.spec.args, sum(map(_size, given))
    if given and not allowed.allow:
        detail = f"{len(given)} arguments are given, but the policy grants none"
        remedy = "spec:\n  args: {allow: true}"
        raise RunnerError(RunnerCode.INPUT_NOT_GRANTED, detail, remedy)
    if given and (len(given) > allowed.max_count or size > allowed.max_bytes):
        detail = f"{len(given)} arguments of {size} bytes are given, "
        detail += f"but the policy grants {allowed.max_count} of {allowed.max_bytes} bytes"
        lines = f"{{allow: true, max-count: {len(given)}, max-bytes: {size}}}"
        raise RunnerError(RunnerCode.INPUT_NOT_GRANTED, detail, f"spec:\n  args: {lines}")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _object(text: bytes, what: str) -> dict[str, Any]:
    with refused_as(RunnerCode.GRANT_INVALID):
        value = canonical.parse_canonical(text, limit_bytes=limits.STATEMENT_BYTES, what=what)
    if not isinstance(value, dict):
        raise RunnerError(RunnerCode.GRANT_INVALID, f"{what} is not an object")
    return value
