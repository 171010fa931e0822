"""Shrinks one requested specification to one guardrails document, member by member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from policies.claims import ClaimSource
from policies.models.capability import CapabilitySpec, Clock, Random, Stdin
from policies.models.files import FileMount
from policies.models.guardrails import GrantGuardrails
from policies.operators import Expected, Operator

# From least to most. A made-up time never replaces a real one, nor a seed real randomness:
# what is above the ceiling and has no honest smaller form is denied to the guest.
CLOCK_ORDER: Final = ("deny", "deterministic", "coarse", "real")
RANDOM_ORDER: Final = ("deny", "seeded", "real")

# field of the models -> key in documents
_LIMITS: Final[Mapping[str, str]] = {
    "memory_bytes": "memory",
    "fuel": "fuel",
    "wall_clock_ms": "wall-clock",
    "stack_bytes": "stack",
    "table_elements": "table-elements",
    "instances": "instances",
    "open_files": "open-files",
}


class Step(NamedTuple):
    """One reduction, or one obstacle (then `granted` is what the guardrail expected)."""

    path: str
    requested: Any
    granted: Any
    rule: str
    operator: Operator = Operator.AT_MOST
    source: ClaimSource = ClaimSource.REQUEST


def import_allowed(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether `name` is in the list, or starts as an entry that ends in `*` does."""
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
        for pattern in patterns
    )


class Shrinker:
    """`shrink` gives the smaller specification; reductions and obstacles say what it met."""

    def __init__(self, spec: CapabilitySpec, ceiling: GrantGuardrails) -> None:
        self.spec = spec
        self.ceiling = ceiling
        self.reductions: list[Step] = []
        self.obstacles: list[Step] = []

    def shrink(self) -> CapabilitySpec:
        """The specification inside the ceiling; not to be used when there are obstacles."""
        changes: dict[str, Any] = {
            "mode": self._mode(),
            "limits": self._limits(),
            "stdin": self._stdin(),
            "stdout": self._output("stdout"),
            "stderr": self._output("stderr"),
            "files": self._files(),
            "env": self._env(),
            "clock": self._clock(),
            "random": self._random(),
        }
        self._features()
        self._imports()
        return self.spec.model_copy(update=changes)

    def _reduce(self, path: str, requested: Any, granted: Any, rule: str) -> None:
        self.reductions.append(Step(f"spec.{path}", requested, granted, rule))

    def _obstruct(
        self, path: str, requested: Any, expected: Expected, rule: str, *, operator: Operator
    ) -> None:
        self.obstacles.append(Step(f"spec.{path}", requested, expected, rule, operator))

    def _least(self, path: str, requested: int, ceiling: int | None, rule: str) -> int:
        if ceiling is None or requested <= ceiling:
            return requested
        self._reduce(path, requested, ceiling, rule)
        return ceiling

    def _mode(self) -> str:
        if self.spec.mode == "audit" and self.ceiling.mode == "enforce":
            self._reduce("mode", "audit", "enforce", "mode")
            return "enforce"
        return self.spec.mode

    def _limits(self) -> Any:
        changes = {
            field: self._least(
                f"limits.{key}",
                getattr(self.spec.limits, field),
                getattr(self.ceiling.limits, field),
                f"limits/{key}",
            )
            for field, key in _LIMITS.items()
        }
        return self.spec.limits.model_copy(update=changes)

    def _stdin(self) -> Stdin:
        stdin, ceiling = self.spec.stdin, self.ceiling.stdin
        if ceiling is None:
            return stdin
        most = self._least("stdin.max-bytes", stdin.max_bytes, ceiling.max_bytes, "stdin/max-bytes")
        return stdin.model_copy(update={"max_bytes": most, "allow": most > 0})

    def _output(self, name: str) -> Any:
        output, ceiling = getattr(self.spec, name), getattr(self.ceiling, name)
        if ceiling is None:
            return output
        path, rule = f"{name}.max-bytes", f"{name}/max-bytes"
        most = self._least(path, output.max_bytes, ceiling.max_bytes, rule)
        return output.model_copy(update={"max_bytes": most})

    def _files(self) -> tuple[FileMount, ...]:
        mounts = []
        for mount in self.spec.files:
            # By its path: an index would move when another guardrail takes a folder away.
            path = f"files[{mount.path}]"
            if mount.source == "host" and self.ceiling.host_files == "deny":
                self._reduce(path, "host", "", "host-files")
                continue
            mounts.append(self._mount(mount, path))
        return tuple(mounts)

    def _mount(self, mount: FileMount, path: str) -> FileMount:
        changes: dict[str, Any] = {}
        read_only = mount.source == "host" and self.ceiling.host_files == "read-only"
        if read_only and mount.writable:
            self._reduce(f"{path}.access", "read-write", "read-only", "host-files")
            changes |= {"access": "read-only", "write_back": False}
        ceiling = self.ceiling.files
        for field, key, held in (
            ("max_bytes", "max-bytes", mount.content_bytes),
            ("max_files", "max-files", len(mount.contents)),
        ):
            most = getattr(ceiling, field)
            if most is not None and held > most:
                here, rule = f"{path}.contents", f"files/{key}"
                self._obstruct(here, held, most, rule, operator=Operator.AT_MOST)
                continue
            requested = getattr(mount, field)
            changes[field] = self._least(f"{path}.{key}", requested, most, f"files/{key}")
        return mount.model_copy(update=changes)

    def _env(self) -> dict[str, Any]:
        kept = {}
        for name, variable in self.spec.env.items():
            if variable.origin == "runner" and self.ceiling.env_from_runner == "deny":
                self._reduce(f"env.{name}", "from runner", "", "env-from-runner")
                continue
            kept[name] = variable
        return kept

    def _clock(self) -> Clock:
        clock, ceiling = self.spec.clock, self.ceiling.clock
        if ceiling is None or CLOCK_ORDER.index(clock.kind) <= CLOCK_ORDER.index(ceiling):
            return clock
        kind = "coarse" if ceiling == "coarse" else "deny"
        self._reduce("clock.kind", clock.kind, kind, "clock")
        return Clock().model_copy(update={"kind": kind})

    def _random(self) -> Random:
        random, ceiling = self.spec.random, self.ceiling.random
        if ceiling is None or RANDOM_ORDER.index(random.kind) <= RANDOM_ORDER.index(ceiling):
            return random
        self._reduce("random.kind", random.kind, "deny", "random")
        return Random()

    def _features(self) -> None:
        for feature in self.spec.features:
            if feature not in self.ceiling.features:
                expected = self.ceiling.features
                self._obstruct("features", feature, expected, "features", operator=Operator.IN)

    def _imports(self) -> None:
        rules = self.ceiling.imports
        for name in self.spec.imports:
            if import_allowed(name, rules.deny):
                rule = "imports/deny"
                self._obstruct("imports", name, rules.deny, rule, operator=Operator.NOT_IN)
            elif rules.allow and not import_allowed(name, rules.allow):
                rule = "imports/allow"
                self._obstruct("imports", name, rules.allow, rule, operator=Operator.IN)
