"""What evidence proved. Made by verifiers only; a test looks for any other place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ClaimValue = bool | int | str


@dataclass(frozen=True, slots=True)
class VerifiedClaims:
    """Signature, chain, freshness and binding were all checked.

    `values` is the flat claim namespace that policies read (kebab-case names, lower-case hex,
    integers below 2^53 so that every one has canonical JSON); it repeats `tee`, `simulated`,
    `measurement` and `report-data`. `simulated` is true whenever the root of trust is simulated
    silicon, which proves nothing about any hardware. `devices` are what composite evidence proved
    about the devices beside the processor, in the order in which it lists them.
    """

    tee: str
    simulated: bool
    measurement: bytes
    report_data: bytes = field(repr=False)
    values: Mapping[str, ClaimValue] = field(repr=False)
    devices: tuple[VerifiedClaims, ...] = ()
