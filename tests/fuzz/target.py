"""What a parser has to say to be fuzzed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A parser of strangers' bytes: may return anything, may raise `EvidenceError`, nothing else.

    `seeds` gives inputs that it accepts or nearly accepts, from the vectors; `worst` gives those of
    up to 1 MiB that were made by hand to be expensive for it.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    worst: Callable[[], Iterable[bytes]] = tuple
