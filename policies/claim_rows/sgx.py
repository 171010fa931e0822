"""Claims of Intel SGX (Software Developer's Manual, volume 3D, REPORT)."""

from __future__ import annotations

from typing import Final

from policies.claim import BOOLEAN, CHOICE, HEX, INTEGER, Claim
from policies.claim_rows.intel import PLATFORM_ROWS

ROWS: Final = (
    Claim("product", CHOICE, "SGX", choices=("sgx",)),
    Claim("measurement", HEX, "MRENCLAVE: digest of what was launched", sizes=(32,)),
    Claim("report-data", HEX, "64 bytes the enclave put in the report", sizes=(64,)),
    Claim("mrsigner", HEX, "SHA-256 of the key that signed the enclave", sizes=(32,)),
    Claim("isv-prod-id", INTEGER, "product, numbered by the signer"),
    Claim("isv-svn", INTEGER, "security version, numbered by the signer"),
    Claim("attributes", HEX, "attributes of the enclave, as in the report", sizes=(8,)),
    Claim("xfrm", HEX, "processor features the enclave may use", sizes=(8,)),
    Claim("misc-select", HEX, "extra information saved on exits", sizes=(4,)),
    Claim("config-id", HEX, "configuration named at launch", sizes=(64,)),
    Claim("config-svn", INTEGER, "security version of that configuration"),
    Claim("isv-ext-prod-id", HEX, "extended product id", sizes=(16,)),
    Claim("isv-family-id", HEX, "family of products", sizes=(16,)),
    Claim("cpu-svn", HEX, "security version of the processor, as in the report", sizes=(16,)),
    Claim("debug", BOOLEAN, "the host may read and change enclave memory"),
    Claim("provision-key", BOOLEAN, "the enclave may derive provisioning keys"),
    *PLATFORM_ROWS,
)

# What says *what was launched*. An environment without one of these would admit anything.
MEASUREMENTS: Final = frozenset({"measurement"})
SIGNERS: Final = frozenset({"mrsigner"})
