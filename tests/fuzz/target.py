"""What a parser has to say to be fuzzed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A parser of strangers' bytes: may return anything, may raise `EvidenceError`, nothing else.

    `seeds` gives inputs that it accepts or nearly accepts, from the vectors.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
