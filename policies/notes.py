"""What is legal in a capability policy and yet seldom meant. `policy check` prints these.

An import that is granted while what it draws on is denied is no error: many toolchains link
functions that a program never calls. The call is answered with a WASI errno. Spec policy step C8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from policies.models import CapabilityPolicy, CapabilitySpec
from policies.wasi import NEEDS, known_functions, split_import

# What a granted function answers while the member of `spec` it draws on grants nothing.
_ANSWERS = {
    "args": "an empty list",
    "clock": "ENOTCAPABLE",
    "files": "EBADF, as no folder is open",
    "random": "ENOTCAPABLE",
    "stdin": "end of file on stdin",
    "stdout": "the quota of 0 bytes",
}


class Note(NamedTuple):
    """One remark: where, and what to know."""

    path: str
    where: str
    text: str


def _grants(spec: CapabilitySpec) -> dict[str, bool]:
    return {
        "args": spec.args.allow or bool(spec.args.literal),
        "clock": spec.clock.kind != "deny",
        "files": bool(spec.files),
        "random": spec.random.kind != "deny",
        "stdin": spec.stdin.allow or bool(spec.files),
        "stdout": spec.stdout.max_bytes + spec.stderr.max_bytes > 0 or bool(spec.files),
    }


def _remarks(spec: CapabilitySpec) -> Iterator[tuple[tuple[str, ...], str]]:
    grants = _grants(spec)
    drawn: set[str] = set()
    for entry in spec.imports:
        module, name = split_import(entry)
        need = NEEDS[name] if known_functions(module) else ""
        drawn.add(need)
        if not grants.get(need, True):
            yield (
                ("spec", "imports"),
                f"{entry} is granted but spec.{need} is not: it answers {_ANSWERS[need]}",
            )
    for member in ("args", "clock", "files", "random"):
        if grants[member] and member not in drawn:
            yield ("spec", member), f"spec.{member} is granted but no import can use it"
    if spec.random.kind == "seeded":
        yield ("spec", "random"), "seeded random repeats itself: keys made from it are known"
    if spec.mode == "audit":
        yield ("spec", "mode"), "audit records calls of imports that are not granted; use to test"


def notes(policy: CapabilityPolicy) -> tuple[Note, ...]:
    """Remarks on a policy that is valid. None of them changes what it allows."""
    return tuple(
        Note(".".join(path), policy.source.place(path), text)
        for path, text in _remarks(policy.spec)
    )
