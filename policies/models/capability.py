"""CapabilityPolicy: what a module needs to do. Everything not written down is denied.

A default, once published under `sealwasm/v1`, never changes: canonical documents leave members
out that equal it, so the digest of a document fixes its meaning (spec policy section D).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from policies import limits as bounds
from policies.errors import PolicyRefusal
from policies.fields import (
    AS_SET,
    ByteSize,
    Duration,
    ImportName,
    Instant,
    Text,
    Whole,
    field_problem,
)
from policies.models.base import Model, PolicyDocument
from policies.models.files import FileMount, check_mounts
from policies.suggest import suggest
from policies.wasi import known_functions, split_import

ClockKind = Literal["deny", "deterministic", "coarse", "real"]
RandomKind = Literal["deny", "seeded", "real"]
Feature = Literal[
    "custom-page-sizes",
    "exceptions",
    "function-references",
    "gc",
    "memory64",
    "multi-memory",
    "relaxed-simd",
    "simd",
    "tail-calls",
    "threads",
    "wide-arithmetic",
]
VariableName = Annotated[
    str,
    Text(
        r"[A-Za-z_][A-Za-z0-9_]*",
        "a name of letters, digits and underscores",
        bounds.MAX_NAME_CHARACTERS,
    ),
]
VariableValue = Annotated[
    str,
    Text(r"[^\x00]*", "text without NUL", bounds.MAX_ENVIRONMENT_VALUE_CHARACTERS),
]
Argument = Annotated[str, Text(r"[^\x00]*", "text without NUL", bounds.MAX_ARGUMENT_BYTES)]

_LATER_ENTRYPOINTS = frozenset({"function", "http", "filter", "steps"})


def _supported_entrypoint(value: object) -> object:
    if isinstance(value, str) and value in _LATER_ENTRYPOINTS:
        detail = f"got {value}, which this version cannot run yet, expected command"
        raise field_problem(PolicyRefusal.UNSUPPORTED, detail)
    return value


class Entrypoint(Model):
    """How the module is started. `command`: `_start`; arguments and stdin in, exit code out."""

    kind: Annotated[Literal["command"], BeforeValidator(_supported_entrypoint)] = "command"


class Args(Model):
    """Arguments after the program's name: the caller's, counted and measured, or fixed ones."""

    allow: bool = False
    max_count: Annotated[int, Whole(1, bounds.MAX_ARGUMENTS)] = 16
    max_bytes: Annotated[int, ByteSize(1, bounds.MAX_ARGUMENT_BYTES)] = 4096
    literal: Annotated[tuple[Argument, ...], Field(max_length=bounds.MAX_ARGUMENTS)] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.literal and self.allow:
            detail = "got literal and allow: true, expected fixed arguments or the caller's"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail, "literal")
        if self.model_fields_set & {"max_count", "max_bytes"} and not self.allow:
            detail = "got a bound for arguments that are denied, expected allow: true beside it"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail)
        return self


class Variable(Model):
    """One environment variable: its value, or `from: runner` for one that the runner sets."""

    value: VariableValue | None = None
    origin: Literal["runner"] | None = Field(default=None, alias="from")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.value is None) == (self.origin is None):
            detail = "got both or neither of value and from, expected one of them"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail)
        return self


class Stdin(Model):
    """Standard input. Denied means end of file at once."""

    allow: bool = False
    max_bytes: Annotated[int, ByteSize(0, bounds.MAX_STREAM_BYTES)] = 0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.allow != (self.max_bytes > 0):
            detail = "got one of allow: true and max-bytes above 0, expected both or neither"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail)
        return self


class Output(Model):
    """Standard output or error. 0 bytes means that the first byte meets the quota."""

    max_bytes: Annotated[int, ByteSize(0, bounds.MAX_STREAM_BYTES)] = 0
    on_quota: Literal["trap", "enospc"] = "trap"


class Clock(Model):
    """What clock functions answer. `deny`: ENOTCAPABLE, though the import may be linked."""

    kind: ClockKind = "deny"
    start: Instant | None = None
    step_ms: Annotated[int, Duration(1, bounds.MAX_CLOCK_STEP_MS)] = Field(default=1, alias="step")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind == "deterministic" and self.start is None:
            detail = "start is missing, expected the first instant of a deterministic clock"
            raise field_problem(PolicyRefusal.MISSING_KEY, detail)
        if self.kind != "deterministic" and self.model_fields_set & {"start", "step_ms"}:
            detail = f"got start or step with kind {self.kind}, expected kind: deterministic"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail)
        years = (bounds.MIN_CLOCK_YEAR, bounds.MAX_CLOCK_YEAR)
        if self.start is not None and not years[0] <= self.start.year <= years[1]:
            detail = f"got the year {self.start.year}, expected one from {years[0]} to {years[1]}"
            raise field_problem(PolicyRefusal.BAD_VALUE, detail, "start")
        return self


class Random(Model):
    """What `random_get` answers. `seeded` repeats itself: never use it for keys."""

    kind: RandomKind = "deny"
    seed: Annotated[str, Text(r"[\s\S]+", "text", bounds.MAX_SEED_CHARACTERS)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind == "seeded" and self.seed is None:
            detail = "seed is missing, expected the text that fixes every random byte"
            raise field_problem(PolicyRefusal.MISSING_KEY, detail)
        if self.kind != "seeded" and self.seed is not None:
            detail = f"got a seed with kind {self.kind}, expected kind: seeded"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail)
        return self


class Limits(Model):
    """What a run may use at most. Reaching one ends the run."""

    memory_bytes: Annotated[int, ByteSize(bounds.MIN_MEMORY_BYTES, bounds.MAX_MEMORY_BYTES)] = (
        Field(default=64 * bounds.MIB, alias="memory")
    )
    fuel: Annotated[int, Whole(1)] = 10_000_000_000
    wall_clock_ms: Annotated[int, Duration(1, bounds.MAX_WALL_CLOCK_MS)] = Field(
        default=30_000, alias="wall-clock"
    )
    stack_bytes: Annotated[int, ByteSize(bounds.MIN_STACK_BYTES, bounds.MAX_STACK_BYTES)] = Field(
        default=512 * bounds.KIB, alias="stack"
    )
    table_elements: Annotated[int, Whole(0, bounds.MAX_TABLE_ELEMENTS)] = 20_000
    instances: Annotated[int, Whole(1, bounds.MAX_INSTANCES)] = 1
    open_files: Annotated[int, Whole(bounds.MIN_OPEN_FILES, bounds.MAX_OPEN_FILES)] = 64


def _known_wasi(names: tuple[str, ...]) -> tuple[str, ...]:
    for index, text in enumerate(names):
        module, name = split_import(text)
        functions = known_functions(module)
        if functions is not None and name not in functions:
            detail = f"{module} has no function {name}, {suggest(name, functions)}"
            raise field_problem(PolicyRefusal.BAD_VALUE, detail, index)
    return names


class CapabilitySpec(Model):
    """Everything a run may touch. `mode: audit` records calls of imports that are not granted."""

    mode: Literal["enforce", "audit"] = "enforce"
    entrypoint: Entrypoint = Entrypoint()
    args: Args = Args()
    env: Annotated[
        Mapping[VariableName, Variable], Field(max_length=bounds.MAX_ENVIRONMENT_VARIABLES)
    ] = {}
    stdin: Stdin = Stdin()
    stdout: Output = Output()
    stderr: Output = Output()
    files: Annotated[
        tuple[FileMount, ...], Field(max_length=bounds.MAX_MOUNTS), AfterValidator(check_mounts)
    ] = ()
    clock: Clock = Clock()
    random: Random = Random()
    limits: Limits = Limits()
    features: Annotated[tuple[Feature, ...], AS_SET] = ()
    imports: Annotated[
        tuple[ImportName, ...],
        Field(max_length=bounds.MAX_IMPORTS),
        AfterValidator(_known_wasi),
        AS_SET,
    ] = ()


class CapabilityPolicy(PolicyDocument):
    """What one module may do; also the form of a grant."""

    kind: Literal["CapabilityPolicy"]
    spec: CapabilitySpec

    @property
    def import_pairs(self) -> frozenset[tuple[str, str]]:
        """The granted imports as (module, name)."""
        return frozenset(split_import(text) for text in self.spec.imports)
