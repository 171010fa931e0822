"""What a config file may hold: known keys, right types, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from policies.errors import PolicyRefusal
from policies.fields import field_problem
from policies.models.base import Model

# As long as a path may be; addresses and names are shorter.
TEXT_CHARACTERS = 4096
# As many as one module can be sealed for (sealing.limits.ENVELOPES).
MAX_BROKERS = 16
MAX_CONTEXTS = 256


def _no_key(value: str) -> str:
    if "PRIVATE KEY" in value or "\n" in value:
        raise field_problem(PolicyRefusal.BAD_VALUE, "holds a key, expected where one is")
    return value


Text = Annotated[str, Field(min_length=1, max_length=TEXT_CHARACTERS), AfterValidator(_no_key)]
ContextName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BrokerPlace(Model):
    """Where a broker answers, and which key it must sign with."""

    url: Text
    identity: KeyId | None = None


class ContextFile(Model):
    """One context as it is written. Relative paths start at the folder of the config file."""

    module: Text | None = None
    owner: Text | None = None
    key: Text | None = None
    owners: Annotated[tuple[Text, ...], Field(max_length=MAX_BROKERS)] = ()
    brokers: Annotated[tuple[BrokerPlace, ...], Field(max_length=MAX_BROKERS)] = ()
    threshold: Annotated[int, Field(ge=1, le=MAX_BROKERS)] = 1
    publish_to: Text | None = None
    policy: Text | None = None
    release_policy: Text | None = None
    capabilities: Text | None = None
    registry_ca: Text | None = None
    registry_auth: Text | None = None

    @model_validator(mode="after")
    def _enough_brokers(self) -> Self:
        if self.threshold > max(1, len(self.brokers)):
            detail = f"is {self.threshold} of {len(self.brokers)} brokers"
            raise field_problem(PolicyRefusal.INCONSISTENT, detail, "threshold")
        return self

    def to_document(self) -> dict[str, Any]:
        """Return what is written: members that say nothing left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def members(self) -> dict[str, Any]:
        """Return what `model_validate` makes this context of again."""
        members: dict[str, Any] = _frozen(self.to_document())
        return members


class ConfigFile(Model):
    """The whole file."""

    api_version: Literal["sealwasm/v1"] = Field(alias="apiVersion")
    kind: Literal["Config"]
    current: ContextName | None = None
    contexts: Annotated[Mapping[ContextName, ContextFile], Field(max_length=MAX_CONTEXTS)] = Field(
        default_factory=dict
    )

    @classmethod
    def empty(cls) -> Self:
        """Return a file without contexts."""
        return cls.model_validate({"apiVersion": "sealwasm/v1", "kind": "Config"})

    def to_document(self) -> dict[str, Any]:
        """Return what is written: members that say nothing left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {
            "contexts": {name: one.to_document() for name, one in self.contexts.items()}
        }

    def with_context(self, name: str, context: ContextFile, *, current: bool) -> Self:
        """Return the file with one context more, or another one under its name."""
        chosen = name if current or self.current is None else self.current
        return self._changed(contexts={**self.contexts, name: context}, current=chosen)

    def without(self, name: str) -> Self:
        """Return the file without one context; if it was the current one, none is."""
        rest = {key: value for key, value in self.contexts.items() if key != name}
        return self._changed(contexts=rest, current=None if self.current == name else self.current)

    def using(self, name: str) -> Self:
        """Return the file with another current context."""
        return self._changed(contexts=self.contexts, current=name)

    def _changed(self, *, contexts: Mapping[str, ContextFile], current: str | None) -> Self:
        documents = {name: one.to_document() for name, one in contexts.items()}
        members: dict[str, Any] = {"apiVersion": "sealwasm/v1", "kind": "Config"}
        if current is not None:
            members["current"] = current
        return self.model_validate(_frozen(members | {"contexts": documents}))


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
