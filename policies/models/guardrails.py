"""Guardrails: what no release and no grant may exceed, whoever asks.

Silence denies what is dangerous (simulated TEEs, host folders, variables from the runner, engine
features beyond the base); of everything else a silent guardrail says nothing, and others may.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    InstanceOf,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from policies import limits as bounds
from policies.condition_schema import conditions_schema
from policies.conditions import (
    Condition,
    conditions_document,
    parse_conditions,
    refuse_many_patterns,
)
from policies.errors import PolicyRefusal
from policies.fields import (
    AS_SET,
    ByteSize,
    Duration,
    ImportPattern,
    NotEmpty,
    Whole,
    field_problem,
)
from policies.models.base import Model, PolicyDocument
from policies.models.capability import ClockKind, Feature, RandomKind
from policies.models.release import Permission

Product = Literal["milan", "genoa", "turin"]
Tee = Literal["snp", "tdx", "sgx", "nitro", "cca", "tpm", "azure-snp", "azure-tdx"]
SigningKey = Literal["vcek", "vlek"]
TcbPart = Annotated[int, Whole(0, 255)]


class MinimumTcb(Model):
    """The least TCB of one product: holds for the reported and for the launch TCB."""

    bootloader: TcbPart | None = None
    tee: TcbPart | None = None
    snp: TcbPart | None = None
    microcode: TcbPart | None = None
    fmc: TcbPart | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.parts:
            detail = f"names no part, expected one of {', '.join(self.document_keys())}"
            raise field_problem(PolicyRefusal.MISSING_KEY, detail)
        return self

    @property
    def parts(self) -> dict[str, int]:
        """The parts that have a minimum."""
        return {name: value for name, value in self if value is not None}


Conditions = Annotated[
    tuple[InstanceOf[Condition], ...],
    BeforeValidator(parse_conditions),
    BeforeValidator(refuse_many_patterns),
    PlainSerializer(conditions_document),
    WithJsonSchema(conditions_schema()),
]


class ReleaseGuardrails(Model):
    """What every release must satisfy besides its own policy. A list left out does not restrict."""

    simulated_tee: Permission = "deny"
    tees: Annotated[tuple[Tee, ...], NotEmpty(), AS_SET] = ()
    products: Annotated[tuple[Product, ...], NotEmpty(), AS_SET] = ()
    signing_keys: Annotated[tuple[SigningKey, ...], NotEmpty(), AS_SET] = ()
    minimum_tcb: Annotated[Mapping[Product, MinimumTcb], NotEmpty()] = {}
    max_lease_ms: Annotated[int, Duration(bounds.MIN_LEASE_MS, bounds.MAX_LEASE_MS)] | None = Field(
        default=None, alias="max-lease"
    )
    require: Conditions = ()


class LimitCeilings(Model):
    """The most of each limit that a grant may hold."""

    memory_bytes: (
        Annotated[int, ByteSize(bounds.MIN_MEMORY_BYTES, bounds.MAX_MEMORY_BYTES)] | None
    ) = Field(default=None, alias="memory")
    fuel: Annotated[int, Whole(1)] | None = None
    wall_clock_ms: Annotated[int, Duration(1, bounds.MAX_WALL_CLOCK_MS)] | None = Field(
        default=None, alias="wall-clock"
    )
    stack_bytes: Annotated[int, ByteSize(bounds.MIN_STACK_BYTES, bounds.MAX_STACK_BYTES)] | None = (
        Field(default=None, alias="stack")
    )
    table_elements: Annotated[int, Whole(0, bounds.MAX_TABLE_ELEMENTS)] | None = None
    instances: Annotated[int, Whole(1, bounds.MAX_INSTANCES)] | None = None
    open_files: Annotated[int, Whole(bounds.MIN_OPEN_FILES, bounds.MAX_OPEN_FILES)] | None = None


class StreamCeiling(Model):
    """The most bytes of one stream. 0 denies it."""

    max_bytes: Annotated[int, ByteSize(0, bounds.MAX_STREAM_BYTES)]


class FileCeiling(Model):
    """The most bytes and files of each folder."""

    max_bytes: Annotated[int, ByteSize(0, bounds.MAX_MOUNT_BYTES)] | None = None
    max_files: Annotated[int, Whole(0, bounds.MAX_MOUNT_FILES)] | None = None


class ImportRules(Model):
    """Which host functions may be granted. `deny` wins; `allow` left out does not restrict."""

    allow: Annotated[
        tuple[ImportPattern, ...], NotEmpty(), Field(max_length=bounds.MAX_IMPORTS), AS_SET
    ] = ()
    deny: Annotated[tuple[ImportPattern, ...], Field(max_length=bounds.MAX_IMPORTS), AS_SET] = ()


class GrantGuardrails(Model):
    """Ceilings of every grant. `None` is silence: this document does not bound it."""

    mode: Literal["enforce", "audit"] | None = None
    limits: LimitCeilings = LimitCeilings()
    stdin: StreamCeiling | None = None
    stdout: StreamCeiling | None = None
    stderr: StreamCeiling | None = None
    files: FileCeiling = FileCeiling()
    host_files: Literal["deny", "read-only", "read-write"] = "deny"
    env_from_runner: Permission = "deny"
    clock: ClockKind | None = None
    random: RandomKind | None = None
    features: Annotated[tuple[Feature, ...], AS_SET] = ()
    imports: ImportRules = ImportRules()


class GuardrailsSpec(Model):
    """Both halves; a half that is left out still denies what silence denies."""

    release: ReleaseGuardrails = ReleaseGuardrails()
    grant: GrantGuardrails = GrantGuardrails()


class Guardrails(PolicyDocument):
    """Written by a compliance team or a node operator; every one that applies must agree."""

    kind: Literal["Guardrails"]
    spec: GuardrailsSpec
