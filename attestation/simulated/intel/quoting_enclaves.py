"""What the vendor says its quoting enclaves are."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

# INIT and PROVISION_KEY; everything but MODE64BIT and XFRM is compared.
QE_ATTRIBUTES: Final = struct.pack("<QQ", 0x11, 0)
QE_MASK: Final = struct.pack("<QQ", 0xFFFFFFFF_FFFFFFFB, 0)


@dataclass(frozen=True, slots=True)
class QuotingEnclave:
    """One quoting enclave: who signed it and which product of theirs it is."""

    name: str
    isv_prod_id: int

    @property
    def mr_signer(self) -> bytes:
        """MRSIGNER."""
        return hashlib.sha256(f"SIMULATED signer of {self.name}".encode()).digest()

    @property
    def mr_enclave(self) -> bytes:
        """MRENCLAVE."""
        return hashlib.sha256(f"SIMULATED {self.name}".encode()).digest()


QE: Final = QuotingEnclave("QE", 1)
TD_QE: Final = QuotingEnclave("TD_QE", 2)
