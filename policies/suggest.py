"""The nearest known name to one that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 12


def suggest(got: str, known: Iterable[str]) -> str:
    """`did you mean X?`, else the names that are known (or how many, when they are many)."""
    names = sorted(known)
    near = difflib.get_close_matches(got, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    if len(names) > _SHOWN:
        return f"expected one of {len(names)} known names, none of them near"
    return f"expected one of {', '.join(names)}"
