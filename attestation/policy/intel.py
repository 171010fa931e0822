"""Which SGX enclaves, TDX guests and platforms of Intel are accepted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

# The statuses of Intel's appraisal (Intel DCAP quote verification library, `TcbStatus`).
TCB_STATUSES: Final = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
    "Revoked",
    "NotSupported",
)
# No policy may accept these: the first names leaked keys, the second nothing at all.
_NEVER: Final = frozenset({"Revoked", "NotSupported"})


@dataclass(frozen=True, slots=True)
class IntelPolicy:
    """What SGX and TDX share: the platform's TCB.

    `denied_advisories` refuses a level that an advisory (such as "INTEL-SA-00615") still concerns,
    whatever its status. `minimum_tcb_evaluation_number` refuses collateral older than one already
    seen. Raises `ValueError` for values that cannot be meant.
    """

    accepted_statuses: frozenset[str] = frozenset({"UpToDate"})
    denied_advisories: frozenset[str] = frozenset()
    minimum_tcb_evaluation_number: int = 0

    def __post_init__(self) -> None:
        known = frozenset(TCB_STATUSES) - _NEVER
        if not {"UpToDate"} <= self.accepted_statuses <= known:
            raise ValueError("accepted_statuses lacks UpToDate or has one that cannot be accepted")
        if self.minimum_tcb_evaluation_number < 0:
            raise ValueError("minimum_tcb_evaluation_number is negative")


@dataclass(frozen=True, slots=True)
class TdxPolicy:
    """Which TDX guests are accepted."""

    allow_debug: bool = False
    allow_migration: bool = False
    allow_service_td: bool = False
    require_sept_ve_disable: bool = True


@dataclass(frozen=True, slots=True)
class SgxPolicy:
    """Which SGX enclaves are accepted."""

    allow_debug: bool = False
    minimum_isv_svn: int = 0
    signers: frozenset[bytes] = field(default=frozenset())
