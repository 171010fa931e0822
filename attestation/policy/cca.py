"""Which Arm CCA realms and PSA devices are accepted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CcaPolicy:
    """Only a secured lifecycle is accepted unless `allow_debug`."""

    allow_debug: bool = False
