"""Claims about a platform of Intel, which TDX and SGX share."""

from __future__ import annotations

from typing import Final

from policies.claim import CHOICE, HEX, INTEGER, TEXT, Claim

# Statuses that a verifier may be told to accept, the best first.
STATUSES: Final = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
)

PLATFORM_ROWS: Final = (
    Claim("quote-version", INTEGER, "version of the quote's layout"),
    Claim("tcb-status", CHOICE, "how current the platform is, all in all", choices=STATUSES),
    Claim("tcb-date", TEXT, "date of the TCB level, such as 2024-03-13T00:00:00Z"),
    Claim("tcb-evaluation-number", INTEGER, "tcbEvaluationDataNumber of the collateral"),
    Claim("advisories", TEXT, "advisories the platform is open to, sorted, between commas"),
    Claim("tcb.sgx-status", CHOICE, "status of the processor's SGX level", choices=STATUSES),
    Claim("tcb.qe-status", CHOICE, "status of the quoting enclave", choices=STATUSES),
    Claim("fmspc", HEX, "family, model, stepping, platform type and custom SKU", sizes=(6,)),
    Claim("pceid", HEX, "provisioning certification enclave", sizes=(2,)),
    Claim("pck-ca", CHOICE, "CA of the platform's certificate", choices=("platform", "processor")),
    Claim("ppid", HEX, "this platform", sizes=(16,)),
    Claim("pcesvn", INTEGER, "security version of the provisioning certification enclave"),
    Claim("pck-cpusvn", HEX, "security version of the processor", sizes=(16,)),
    Claim("qe-isvsvn", INTEGER, "security version of the quoting enclave"),
)
