"""Which AWS Nitro enclaves are accepted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NitroPolicy:
    """Debug enclaves have all-zero PCRs. `at_signed_time` judges archived documents."""

    allow_debug: bool = False
    unsafe_at_signed_time: bool = False
