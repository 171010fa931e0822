"""Claims of Azure confidential guests on Intel TDX."""

from __future__ import annotations

from typing import Final

from policies.claim_rows import tdx
from policies.claim_rows.azure import AZURE_MEASUREMENTS, AZURE_SIGNERS, with_hardware

ROWS: Final = with_hardware(tdx.ROWS)

# What says *what was launched*. An environment without one of these would admit anything.
MEASUREMENTS: Final = AZURE_MEASUREMENTS
SIGNERS: Final = AZURE_SIGNERS
