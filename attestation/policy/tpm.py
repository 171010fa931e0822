"""Which TPM quotes, of machines and of Azure confidential guests, are accepted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TpmPolicy:
    """`require_event_log` refuses a quote whose PCRs no log explains."""

    require_event_log: bool = False
