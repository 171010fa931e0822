"""What a guest tried and was not given, counted by kind, with the policy line that gives it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from runner.limits import MAX_DENIAL_CHARACTERS, MAX_DENIALS
from runner.printable import printable


class DenialCode(StrEnum):
    """Stable kinds of denial; they appear in receipts."""

    IMPORT = "import-not-granted"
    PATH_OUTSIDE = "path-outside-grant"
    READ_ONLY = "path-read-only"
    FILES_QUOTA = "files-quota"
    OPEN_FILES = "open-files-limit"
    STDIN = "stdin-not-granted"
    OUTPUT = "output-quota"
    CLOCK = "clock-not-granted"
    RANDOM = "random-not-granted"
    MEMORY = "memory-limit"


@dataclass(frozen=True, slots=True)
class Denial:
    """One kind of thing that was denied. `grant` is the policy line that would allow it.

    `detail` may quote the guest (a path), so it belongs to the module's owner.
    """

    code: DenialCode
    grant: str
    count: int = 1
    detail: str = field(default="", repr=False)


class Denials:
    """The record of one run. A guest that asks a million times makes one entry."""

    def __init__(self) -> None:
        self._denials: dict[tuple[DenialCode, str], Denial] = {}

    def note(self, code: DenialCode, grant: str, detail: str = "") -> None:
        """Count one denial; the first one's detail is kept."""
        key = (code, grant)
        known = self._denials.get(key)
        if known is not None:
            self._denials[key] = replace(known, count=known.count + 1)
        elif len(self._denials) < MAX_DENIALS:
            shown = printable(detail, MAX_DENIAL_CHARACTERS)
            self._denials[key] = Denial(code, grant, 1, shown)

    def list(self) -> tuple[Denial, ...]:
        """Everything noted, in the order of first occurrence."""
        return tuple(self._denials.values())
