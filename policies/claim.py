"""What a claim is: its name, its type, who says it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

ClaimValue = bool | int | str


class ClaimKind(StrEnum):
    """The type of a claim; decides which operators it takes."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    HEX = "hex"
    CHOICE = "choice"
    VERSION = "version"
    TEXT = "text"


class ClaimSource(StrEnum):
    """Who vouches for the value."""

    EVIDENCE = "evidence"
    REQUEST = "request"
    BROKER = "broker"


class Claim(NamedTuple):
    """One claim: its type, with sizes in bytes or choices, and who says it."""

    name: str
    kind: ClaimKind
    about: str
    sizes: tuple[int, ...] = ()
    choices: tuple[str, ...] = ()

    @property
    def source(self) -> ClaimSource:
        """Evidence, unless the name says that the request or the broker is the source."""
        if self.name.startswith("request."):
            return ClaimSource.REQUEST
        return ClaimSource.BROKER if self.name.startswith("ear.") else ClaimSource.EVIDENCE


BOOLEAN: Final = ClaimKind.BOOLEAN
INTEGER: Final = ClaimKind.INTEGER
HEX: Final = ClaimKind.HEX
CHOICE: Final = ClaimKind.CHOICE
VERSION: Final = ClaimKind.VERSION
TEXT: Final = ClaimKind.TEXT
