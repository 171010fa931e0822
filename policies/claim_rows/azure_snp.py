"""Claims of Azure confidential guests on AMD SEV-SNP."""

from __future__ import annotations

from typing import Final

from policies.claim_rows import snp
from policies.claim_rows.azure import AZURE_MEASUREMENTS, AZURE_SIGNERS, with_hardware

ROWS: Final = with_hardware(snp.ROWS)

# What says *what was launched*. An environment without one of these would admit anything.
MEASUREMENTS: Final = AZURE_MEASUREMENTS
SIGNERS: Final = AZURE_SIGNERS
