"""The trustworthiness vector of AR4SI (draft-ietf-rats-ar4si) and the four tiers over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Tier(StrEnum):
    """What a value means for a relying party; the names that `ear.status` uses."""

    AFFIRMING = "affirming"
    NONE = "none"
    WARNING = "warning"
    CONTRAINDICATED = "contraindicated"


# Worse comes later. No statement is worse than a good one: it must not pass for it.
_BADNESS: Final = (Tier.AFFIRMING, Tier.NONE, Tier.WARNING, Tier.CONTRAINDICATED)

VECTOR_NAMES: Final = (
    "instance-identity",
    "configuration",
    "executables",
    "file-system",
    "hardware",
    "runtime-opaque",
    "storage-opaque",
    "sourced-data",
)
# EAR allows the status as a number as well (draft-ietf-rats-ear section 3.2).
STATUS_NUMBERS: Final[Mapping[int, Tier]] = MappingProxyType(
    {0: Tier.NONE, 2: Tier.AFFIRMING, 32: Tier.WARNING, 96: Tier.CONTRAINDICATED}
)

# Values of AR4SI section 2.3 that we give ourselves.
NO_CLAIM: Final = 0
APPROVED_CONFIGURATION: Final = 2
UNSAFE_CONFIGURATION: Final = 32
UNSUPPORTABLE_CONFIGURATION: Final = 96
APPROVED_EXECUTABLES: Final = 3
UNRECOGNIZED_EXECUTABLES: Final = 33
GENUINE_HARDWARE: Final = 2
UNSAFE_HARDWARE: Final = 32
ENCRYPTED_RUNTIME: Final = 2

_LEAST: Final = -128
_GREATEST: Final = 127


def is_value(value: object) -> bool:
    """Return whether `value` is an integer that a vector may hold."""
    return isinstance(value, int) and not isinstance(value, bool) and _LEAST <= value <= _GREATEST


def tier_of(value: int) -> Tier:
    """Return the tier of one vector value; negative ones are private to a verifier."""
    distance = value if value >= 0 else -value - 1
    if distance >= 96:
        return Tier.CONTRAINDICATED
    if distance >= 32:
        return Tier.WARNING
    return Tier.AFFIRMING if value not in {-1, 0, 1} else Tier.NONE


def worst(tiers: Iterable[Tier]) -> Tier:
    """Return the worst of `tiers`; of none, that nothing was stated."""
    return max(tiers, key=_BADNESS.index, default=Tier.NONE)
