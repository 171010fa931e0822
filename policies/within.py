"""Whether one capability policy lies inside another: what a runner asks of a grant it receives.

The owner signed the request; a grant that is wider in any member did not come from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from policies.claims import ClaimSource
from policies.compile import refer
from policies.decision import Decision, Denial, Reason, Rule
from policies.errors import PolicyDenied
from policies.models import CapabilityPolicy, CapabilitySpec, FileMount
from policies.operators import Operator


class Widening(NamedTuple):
    """One member in which the inner policy exceeds the outer one."""

    path: str
    got: Any
    allowed: Any


def _numbers(path: str, inner: Any, outer: Any, fields: tuple[str, ...]) -> Iterator[Widening]:
    for field in fields:
        got, allowed = getattr(inner, field), getattr(outer, field)
        if got > allowed:
            key = type(inner).model_fields[field].alias or field
            yield Widening(f"{path}.{key}", got, allowed)


def _same(path: str, inner: Any, outer: Any) -> Iterator[Widening]:
    if inner != outer:
        yield Widening(path, inner, outer)


def _mount(path: str, inner: FileMount, outer: FileMount | None) -> Iterator[Widening]:
    if outer is None:
        yield Widening(path, inner.path, None)
        return
    yield from _same(f"{path}.source", inner.source, outer.source)
    yield from _same(f"{path}.contents", dict(inner.contents), dict(outer.contents))
    if inner.writable and not outer.writable:
        yield Widening(f"{path}.access", inner.access, outer.access)
    yield from _numbers(path, inner, outer, ("write_back", "max_bytes", "max_files"))


def _streams(inner: CapabilitySpec, outer: CapabilitySpec) -> Iterator[Widening]:
    if inner.args.literal:
        yield from _same("spec.args.literal", inner.args.literal, outer.args.literal)
    if inner.args.allow:
        bounds = ("allow", "max_count", "max_bytes")
        yield from _numbers("spec.args", inner.args, outer.args, bounds)
    yield from _numbers("spec.stdin", inner.stdin, outer.stdin, ("max_bytes",))
    for name in ("stdout", "stderr"):
        small, large = getattr(inner, name), getattr(outer, name)
        yield from _numbers(f"spec.{name}", small, large, ("max_bytes",))
        if small.max_bytes:
            yield from _same(f"spec.{name}.on-quota", small.on_quota, large.on_quota)


def _sources(inner: CapabilitySpec, outer: CapabilitySpec) -> Iterator[Widening]:
    """Clock and random: less is `deny`, or `coarse` of a real clock, or the very same."""
    clock, random = inner.clock, inner.random
    coarser = (clock.kind, outer.clock.kind) == ("coarse", "real")
    if clock.kind != "deny" and not coarser:
        yield from _same("spec.clock", clock, outer.clock)
    if random.kind != "deny":
        yield from _same("spec.random", random, outer.random)


def _members(inner: CapabilitySpec, outer: CapabilitySpec) -> Iterator[Widening]:
    yield from _same("spec.entrypoint", inner.entrypoint, outer.entrypoint)
    if inner.mode == "audit":
        yield from _same("spec.mode", inner.mode, outer.mode)
    yield from _streams(inner, outer)
    yield from _sources(inner, outer)
    for name, variable in inner.env.items():
        yield from _same(f"spec.env.{name}", variable, outer.env.get(name))
    mounts = {mount.path: mount for mount in outer.files}
    for mount in inner.files:
        yield from _mount(f"spec.files[{mount.path}]", mount, mounts.get(mount.path))
    limits = tuple(type(inner.limits).model_fields)
    yield from _numbers("spec.limits", inner.limits, outer.limits, limits)
    for name in ("features", "imports"):
        for value in getattr(inner, name):
            if value not in getattr(outer, name):
                yield Widening(f"spec.{name}", value, None)


def widenings(inner: CapabilityPolicy, outer: CapabilityPolicy) -> tuple[Widening, ...]:
    """Every member in which `inner` allows more than `outer`; empty when it lies inside.

    The name counts: the guest reads it as its argument 0.
    """
    name = _same("metadata.name", inner.name, outer.name)
    return (*name, *_members(inner.spec, outer.spec))


def require_within(inner: CapabilityPolicy, outer: CapabilityPolicy) -> None:
    """Raise `PolicyDenied`, with a row per member, unless `inner` lies inside `outer`."""
    rows = tuple(
        (
            Rule(
                id=f"{outer.name}/within/{item.path}",
                path=item.path,
                claim=item.path,
                operator=Operator.AT_MOST,
                expected=str(item.allowed),
                source=ClaimSource.REQUEST,
                where=outer.source.name,
                because="a grant lies inside what the owner requested",
            ),
            str(item.got),
            Reason.MISMATCH,
        )
        for item in widenings(inner, outer)
    )
    if rows:
        decision = Decision(
            allowed=False, code=Denial.GRANT, policy=refer(outer), results=rows, decisive=rows
        )
        raise PolicyDenied(decision)
