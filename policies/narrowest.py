"""The largest grant inside several: what a run may do when more than one broker has to allow it.

All of them are cut from one request, so in each member one of them is the smallest. Spec policy
section S.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, TypeVar

from policies.models import CapabilityPolicy
from policies.models.base import Model
from policies.models.capability import Args, CapabilitySpec
from policies.models.files import FileMount
from policies.shrink import CLOCK_ORDER, RANDOM_ORDER
from policies.within import require_within

Part = TypeVar("Part", bound=Model)


def narrowest(grants: Sequence[CapabilityPolicy]) -> CapabilityPolicy:
    """Return the largest grant that lies inside each of `grants`, of which there is at least one.

    Raises `PolicyDenied` where they are not cut from one request: no grant lies inside all then.
    """
    found = reduce(_both, grants[1:], grants[0])
    for grant in grants:
        require_within(found, grant)
    return found


def _both(one: CapabilityPolicy, other: CapabilityPolicy) -> CapabilityPolicy:
    return one.model_copy(update={"spec": _spec(one.spec, other.spec)})


def _spec(one: CapabilitySpec, other: CapabilitySpec) -> CapabilitySpec:
    changes: dict[str, Any] = {
        "mode": "audit" if one.mode == other.mode == "audit" else "enforce",
        "args": _args(one.args, other.args),
        "env": {name: value for name, value in one.env.items() if other.env.get(name) == value},
        "stdin": min(one.stdin, other.stdin, key=lambda stream: stream.max_bytes),
        "stdout": _least(one.stdout, other.stdout, "max_bytes"),
        "stderr": _least(one.stderr, other.stderr, "max_bytes"),
        "files": _files(one.files, other.files),
        "clock": min(one.clock, other.clock, key=lambda clock: CLOCK_ORDER.index(clock.kind)),
        "random": min(one.random, other.random, key=lambda made: RANDOM_ORDER.index(made.kind)),
        "limits": _least(one.limits, other.limits, *type(one.limits).model_fields),
        "features": tuple(name for name in one.features if name in other.features),
        "imports": tuple(name for name in one.imports if name in other.imports),
    }
    return one.model_copy(update=changes)


def _least(one: Part, other: Part, *fields: str) -> Part:
    """Return `one` with the smaller of both values in each of `fields`."""
    changes = {name: min(getattr(one, name), getattr(other, name)) for name in fields}
    return one.model_copy(update=changes)


def _args(one: Args, other: Args) -> Args:
    if one.allow and other.allow:
        return _least(one, other, "max_count", "max_bytes")
    return one if one == other else Args()


def _files(one: Sequence[FileMount], other: Sequence[FileMount]) -> tuple[FileMount, ...]:
    theirs = {mount.path: mount for mount in other}
    return tuple(_mount(mount, theirs[mount.path]) for mount in one if mount.path in theirs)


def _mount(one: FileMount, other: FileMount) -> FileMount:
    found = _least(one, other, "max_bytes", "max_files", "write_back")
    return found if other.writable else found.model_copy(update={"access": other.access})
