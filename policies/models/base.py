"""What all three kinds of document share: strict reading, canonical form, digest, source lines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from policies.errors import PolicyRefusal
from policies.fields import Description, Name, Whole, field_problem, unexpected
from policies.source import UNKNOWN_SOURCE, SourceMap
from policies.suggest import suggest


def kebab(name: str) -> str:
    """The YAML key of a field: `wall_clock` is written `wall-clock`."""
    return name.replace("_", "-")


def refuse_nothing(members: Mapping[str, Any]) -> None:
    """Raise for a key that was written without a value. Nothing is never a value."""
    for key, member in members.items():
        if member is None:
            raise unexpected(member, "a value, or the key left out for its default", key)


class Model(BaseModel):
    """A mapping with known keys. Unknown keys, missing keys and wrong types are refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=kebab,
        hide_input_in_errors=True,
    )

    @classmethod
    def document_keys(cls) -> list[str]:
        """The keys this mapping may have, as written in documents."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        known = cls.document_keys()
        if not isinstance(value, Mapping):
            raise unexpected(value, f"a mapping with {', '.join(known)}")
        for key in value:
            if key not in known:
                detail = f"got the unknown key {key}, {suggest(key, known)}"
                raise field_problem(PolicyRefusal.UNKNOWN_KEY, detail, key)
        refuse_nothing(value)
        return value


class Metadata(Model):
    """Who this document is: its name, its number, and a sentence for people."""

    name: Name
    version: Annotated[int, Whole(1)] = 1
    description: Description = ""


class PolicyDocument(Model):
    """A whole document. Two are equal when their canonical documents are."""

    api_version: Literal["sealwasm/v1"] = Field(alias="apiVersion")
    metadata: Metadata

    _source: SourceMap = PrivateAttr(default=UNKNOWN_SOURCE)

    @property
    def source(self) -> SourceMap:
        """Where each value was written; without lines when the document came as JSON."""
        return self._source

    @property
    def name(self) -> str:
        """The name in the metadata."""
        return self.metadata.name

    def located(self, source: SourceMap) -> Self:
        """The same document, knowing where it was written."""
        copy = self.model_copy()
        copy._source = source  # noqa: SLF001  our own private attribute, on our own copy
        return copy

    def to_document(self) -> dict[str, Any]:
        """The canonical document: integers for quantities, members equal to their default left out.

        Reading it back gives an equal document (spec policy section D).
        """
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @property
    def digest(self) -> str:
        """SHA-256 over the RFC 8785 encoding of the canonical document."""
        return f"sha256:{hashlib.sha256(rfc8785.dumps(self.to_document())).hexdigest()}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PolicyDocument):
            return NotImplemented
        return self.to_document() == other.to_document()

    def __hash__(self) -> int:
        return hash(self.digest)
