"""ReleasePolicy: which environments may hold an owner's keys. Nothing written, nothing released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    InstanceOf,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from policies import limits as bounds
from policies.claims import CLAIMS_OF, KEEPERS, MEASUREMENTS, SIGNERS, TEES, Claim
from policies.condition_schema import condition_properties
from policies.conditions import (
    Condition,
    conditions_document,
    parse_conditions,
    refuse_many_patterns,
)
from policies.errors import PolicyRefusal
from policies.fields import (
    AS_SET,
    NAME,
    Description,
    Digest,
    Duration,
    Instant,
    KeyId,
    ModuleName,
    Name,
    NotEmpty,
    bad_value,
    field_problem,
    refuse_repeats,
    unexpected,
)
from policies.models.base import Model, PolicyDocument, refuse_nothing
from policies.operators import Operator

Permission = Literal["deny", "allow"]

_NAMED = (NotEmpty(), Field(max_length=bounds.MAX_VALUES), AS_SET)
_OWN_KEYS = ("name", "tee", "simulated-tee", "because")


def _check_tee(tee: object) -> None:
    if not isinstance(tee, str):
        raise unexpected(tee, f"text: one of {', '.join(TEES)}", "tee")
    if tee not in TEES:
        raise bad_value(tee, f"one of {', '.join(TEES)}", "tee")


def _identities() -> frozenset[str]:
    """Claims that say what runs, of every TEE."""
    return frozenset[str]().union(*MEASUREMENTS.values(), *SIGNERS.values())


def _require_one(claims: frozenset[str], what: str, conditions: tuple[Condition, ...]) -> None:
    positive = (Operator.EQUALS, Operator.IN)
    if not any(item.claim in claims and item.operator in positive for item in conditions):
        detail = f"names no {what}, expected equals or in for one of {', '.join(sorted(claims))}"
        raise field_problem(PolicyRefusal.NO_MEASUREMENT, detail)


def _refuse_foreign_claims(tee: str, conditions: tuple[Condition, ...]) -> None:
    """A claim that this TEE never makes, or never of that size, would never hold."""
    claims = CLAIMS_OF[tee]
    for item in conditions:
        claim = claims.get(item.claim)
        if claim is None:
            detail = f"got {item.claim}, which evidence of {tee} never says"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail, *item.path)
        values = item.expected if isinstance(item.expected, tuple) else (item.expected,)
        for value in values:
            _refuse_foreign_value(tee, claim, value, item.path)


def _refuse_foreign_value(
    tee: str, claim: Claim, value: object, path: tuple[str | int, ...]
) -> None:
    if not isinstance(value, str):
        return
    if claim.sizes and len(value) // 2 not in claim.sizes:
        sizes = " or ".join(map(str, claim.sizes))
        detail = f"got {len(value) // 2} bytes as {claim.name}, expected {sizes} with {tee}"
        raise field_problem(PolicyRefusal.INCONSISTENT, detail, *path)
    if claim.choices and value not in claim.choices:
        detail = (
            f"got {value} as {claim.name}, expected one of {', '.join(claim.choices)} with {tee}"
        )
        raise field_problem(PolicyRefusal.INCONSISTENT, detail, *path)


def _refuse_zero_identities(tee: str, conditions: tuple[Condition, ...]) -> None:
    """Zeros in a report mean that nothing was measured, or that no ID block was given."""
    identities = MEASUREMENTS[tee] | SIGNERS[tee] | KEEPERS.get(tee, frozenset())
    for item in conditions:
        if item.claim not in identities or item.operator is Operator.NOT_IN:
            continue
        values = item.expected if isinstance(item.expected, tuple) else (item.expected,)
        if any(isinstance(value, str) and not value.strip("0") for value in values):
            detail = f"got zeros only as {item.claim}, which means that there is none"
            raise field_problem(PolicyRefusal.NO_MEASUREMENT, detail, *item.path)


class Environment(Model):
    """One kind of place that may hold the key. All its conditions must hold.

    Besides its own keys it has one member per claim; see `policies.conditions`.
    """

    name: Name
    tee: str
    simulated_tee: Permission | None = None
    because: Description = ""
    conditions: tuple[InstanceOf[Condition], ...]

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise unexpected(value, f"a mapping with {', '.join(_OWN_KEYS)} and claims")
        own = {key: value[key] for key in _OWN_KEYS if key in value}
        refuse_nothing(own)
        if "tee" in own:
            _check_tee(own["tee"])
        claims = {key: member for key, member in value.items() if key not in own}
        return own | {"conditions": parse_conditions(claims, others=_OWN_KEYS)}

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        if any(item.claim in ("tee", "simulated") for item in self.conditions):
            detail = "got a condition on simulated, expected simulated-tee: deny or allow"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail, "simulated")
        _refuse_foreign_claims(self.tee, self.conditions)
        _refuse_zero_identities(self.tee, self.conditions)
        _require_one(MEASUREMENTS[self.tee] | SIGNERS[self.tee], "measurement", self.conditions)
        if self.tee in KEEPERS:
            _require_one(KEEPERS[self.tee], "paravisor", self.conditions)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        own = {
            "name": {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": NAME.longest},
            "tee": {"type": "string", "enum": list(TEES)},
            "simulated-tee": {"type": "string", "enum": ["deny", "allow"]},
            "because": {"type": "string", "maxLength": bounds.MAX_DESCRIPTION_CHARACTERS},
        }
        claims = condition_properties()
        return {
            "type": "object",
            "description": (cls.__doc__ or "").partition("\n")[0],
            "properties": claims | own,
            "required": ["name", "tee"],
            "anyOf": [{"required": [name]} for name in sorted(_identities())],
            "additionalProperties": False,
        }

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = handler(self)
        document.pop("conditions")
        return document | conditions_document(self.conditions)


class Window(Model):
    """When keys may be released at all, both ends included."""

    not_before: Instant | None = None
    not_after: Instant | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.not_before and self.not_after and self.not_after < self.not_before:
            detail = "got an end before the start, expected not-before <= not-after"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail, "not-after")
        return self


class AppliesTo(Model):
    """What the policy is about. A list left out does not restrict; a wrong name denies."""

    modules: Annotated[tuple[ModuleName, ...], *_NAMED] = ()
    owners: Annotated[tuple[KeyId, ...], *_NAMED] = ()
    capabilities: Annotated[tuple[Digest, ...], *_NAMED] = ()
    manifests: Annotated[tuple[Digest, ...], *_NAMED] = ()


class ReleaseSpec(Model):
    """One environment of `any-of` must match as a whole; an empty list denies everything."""

    any_of: Annotated[
        tuple[Environment, ...],
        Field(max_length=bounds.MAX_ENVIRONMENTS),
        BeforeValidator(refuse_many_patterns),
    ]
    simulated_tee: Permission = "deny"
    lease_ms: Annotated[int, Duration(bounds.MIN_LEASE_MS, bounds.MAX_LEASE_MS)] = Field(
        default=bounds.DEFAULT_LEASE_MS, alias="lease"
    )
    window: Window = Window()
    applies_to: AppliesTo = AppliesTo()

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = tuple(item.name for item in self.any_of)
        refuse_repeats(names, what="environment", path=("any-of",))
        return self


class ReleasePolicy(PolicyDocument):
    """Who may hold the key of a module, for how long."""

    kind: Literal["ReleasePolicy"]
    spec: ReleaseSpec
