"""Claims that Azure's confidential guests have beside those of their hardware and their TPM."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from policies.claim import BOOLEAN, HEX, TEXT, Claim
from policies.claim_rows.tpm import LAUNCHED, QUOTE_ROWS

# Microsoft Learn, "Confidential VM guest attestation design detail"; the paravisor says so.
AZURE_ROWS: Final = (
    Claim("measurement", HEX, "digest of Azure's paravisor as hardware launched it", sizes=(48,)),
    Claim("report-data", HEX, "nonce in the quote, SHA-256 of the report data", sizes=(32,)),
    Claim("console-enabled", BOOLEAN, "the guest has a serial console"),
    Claim("tpm-enabled", BOOLEAN, "the guest has a virtual TPM"),
    Claim("tpm-persisted", BOOLEAN, "the virtual TPM keeps its state when the guest stops"),
    Claim("vm-unique-id", TEXT, "this virtual machine"),
    Claim("root-cert-thumbprint", TEXT, "certificate that Azure encrypts the guest's state for"),
    Claim("user-data", TEXT, "64 bytes the guest asked the paravisor to add, in hex"),
    *QUOTE_ROWS,
)
# Measurement and ID key are those of Azure's paravisor, the same for every tenant; only PCRs say
# which guest it started.
AZURE_MEASUREMENTS: Final = LAUNCHED
AZURE_SIGNERS: Final = frozenset[str]()


def with_hardware(rows: Iterable[Claim]) -> tuple[Claim, ...]:
    """Return the claims of hardware and virtual TPM; those of Azure win where both have one."""
    ours = {row.name for row in AZURE_ROWS}
    return (*(row for row in rows if row.name not in ours), *AZURE_ROWS)
