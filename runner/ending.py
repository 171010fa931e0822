"""How a run of a guest can end: one closed list for receipts, exit codes and messages."""

from __future__ import annotations

from enum import StrEnum


class Ending(StrEnum):
    """Stable names. Everything but EXIT was not the guest's own choice."""

    EXIT = "exit"
    TRAP = "trap"
    OUT_OF_FUEL = "out-of-fuel"
    WALL_CLOCK = "wall-clock-limit"
    MEMORY = "memory-limit"
    OUTPUT = "output-quota"
    LEASE = "lease-expired"
