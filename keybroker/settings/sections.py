"""What every mapping of broker.yaml is: known keys in kebab-case, exact types."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from keybroker import limits

FileName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]
FileNames = Annotated[tuple[FileName, ...], Field(max_length=limits.NAMED_FILES)]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


def kebab(name: str) -> str:
    """The YAML key of a field: `per_second` is written `per-second`."""
    return name.replace("_", "-")


class Section(BaseModel):
    """A mapping with known keys, as in a policy."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        alias_generator=kebab,
        populate_by_name=True,
    )
