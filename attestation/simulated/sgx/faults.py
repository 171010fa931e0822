"""What can be wrong with a simulated enclave or platform: all that is shared with TDX, no more."""

from __future__ import annotations

from typing import Final

from attestation.simulated.intel.faults import IntelFault as Fault

__all__ = ["FAULTS", "Fault"]

# The names alone, for a command line to offer.
FAULTS: Final = tuple(fault.value for fault in Fault)
