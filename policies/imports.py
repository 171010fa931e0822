"""What a module imports against what its policy grants."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from policies.claims import ClaimSource
from policies.compile import refer
from policies.decision import ABSENT, Decision, Denial, Reason, Rule
from policies.errors import PolicyDenied
from policies.fields import IMPORT_NAME
from policies.models import CapabilityPolicy
from policies.operators import Operator

Import = tuple[str, str]

NEEDED = "the module imports it"
UNGRANTABLE = "the module imports it, under a name that no policy can hold"


def grantable(module: str, name: str) -> str | None:
    """The entry of `spec.imports` that grants this import, or None if none can.

    A module name with a dot could be split in two ways, so no entry may hold one.
    """
    entry = f"{module}.{name}"
    return entry if "." not in module and re.fullmatch(IMPORT_NAME.pattern, entry) else None


def shown(module: str, name: str) -> str:
    """The import as text for people; what a policy cannot hold stands in quotes, escaped."""
    return grantable(module, name) or f"{json.dumps(module)}.{json.dumps(name)}"


def missing_imports(
    policy: CapabilityPolicy, module_imports: Iterable[Import]
) -> tuple[Import, ...]:
    """The imports that `policy` does not grant, each once, in the module's order.

    In `mode: audit` a runner binds recording stubs for these instead of refusing.
    """
    granted = policy.import_pairs
    wanted = dict.fromkeys((module, name) for module, name in module_imports)
    return tuple(item for item in wanted if item not in granted)


def require_imports(policy: CapabilityPolicy, module_imports: Iterable[Import]) -> None:
    """Raise `PolicyDenied`, with a row per missing import, unless all of them are granted.

    Does not check the types of the imports, nor whether a host offers them. The remedy of each
    row is the line that would grant it.
    """
    place = policy.source.place(("spec", "imports"))
    rows = tuple(
        (
            Rule(
                id=f"{policy.name}/imports/{shown(*item)}",
                path="spec.imports",
                claim="import",
                operator=Operator.EXISTS,
                expected=shown(*item),
                source=ClaimSource.REQUEST,
                where=place,
                because=NEEDED if grantable(*item) else UNGRANTABLE,
            ),
            ABSENT,
            Reason.ABSENT,
        )
        for item in missing_imports(policy, module_imports)
    )
    if rows:
        decision = Decision(
            allowed=False, code=Denial.IMPORT, policy=refer(policy), results=rows, decisive=rows
        )
        raise PolicyDenied(decision)
