"""The status of a platform's TCB: levels, TDX module, quoting enclave, relaunch.

Intel DCAP quote verification library: TcbLevelCheck, TDRelaunchCheck and QuoteVerifier. Pure
comparisons; nothing here judges whether a status is acceptable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.intel.levels import NOT_SUPPORTED, OUT_OF_DATE, REVOKED, UP_TO_DATE, SvnLevel
from attestation.intel.module import module_id
from attestation.intel.pck import PckExtension
from attestation.intel.reports import TdReport
from attestation.intel.tcb_info import TcbInfo, TcbLevel

_SW_HARDENING: Final = "SWHardeningNeeded"
_CONFIGURATION: Final = "ConfigurationNeeded"
_CONFIGURATION_AND_SW: Final = "ConfigurationAndSWHardeningNeeded"
_OUT_OF_DATE_CONFIGURATION: Final = "OutOfDateConfigurationNeeded"
_RELAUNCH: Final = "TDRelaunchAdvised"
_RELAUNCH_CONFIGURATION: Final = "TDRelaunchAdvisedConfigurationNeeded"
_BEHIND: Final = frozenset({OUT_OF_DATE, _OUT_OF_DATE_CONFIGURATION})
_TO_CONFIGURE: Final = frozenset(
    {_CONFIGURATION, _CONFIGURATION_AND_SW, _OUT_OF_DATE_CONFIGURATION}
)
# What becomes of a status when a part of the TCB that has its own levels is out of date.
_DEGRADED: Final = {
    UP_TO_DATE: OUT_OF_DATE,
    _SW_HARDENING: OUT_OF_DATE,
    _CONFIGURATION: _OUT_OF_DATE_CONFIGURATION,
    _CONFIGURATION_AND_SW: _OUT_OF_DATE_CONFIGURATION,
}
# Only the TD, not the platform, may be behind for a relaunch to help.
_CURRENT_PLATFORM: Final = frozenset(_DEGRADED)


@dataclass(frozen=True, slots=True)
class PlatformTcb:
    """How current a platform is, and of what that was made. Not a verdict.

    `sgx_status` and `tdx_status` are those of the matched levels, empty where none matched or, for
    the latter, where the quote is of SGX; `module_status` likewise.
    """

    status: str
    sgx_status: str
    tdx_status: str
    module_status: str
    qe_status: str
    date: str
    advisories: tuple[str, ...]


def appraise_sgx(platform: PckExtension, info: TcbInfo, qe: SvnLevel) -> PlatformTcb:
    """Return the status of a platform that runs an enclave (steps T1 and T5)."""
    level = next(_fitting(platform, info), None)
    return PlatformTcb(
        status=merge(level.status if level else NOT_SUPPORTED, qe.status),
        sgx_status=level.status if level else "",
        tdx_status="",
        module_status="",
        qe_status=qe.status,
        date=level.date if level else "",
        advisories=_union(level, qe),
    )


def appraise_tdx(
    platform: PckExtension, report: TdReport, info: TcbInfo, module: SvnLevel, qe: SvnLevel
) -> PlatformTcb:
    """Return the status of a platform that runs a TD (steps T1 to T5).

    Raises `EvidenceError` `module-mismatch` if a relaunch would be under an unknown module.
    """
    levels = list(_fitting(platform, info))
    svn, first = report.tee_tcb_svn, 2 if report.tee_tcb_svn[1] else 0
    level = next((one for one in levels if _reaches(svn[first:], one.tdx[first:])), None)
    status = merge(level.status if level else NOT_SUPPORTED, module.status)
    sgx_status = levels[0].status if levels else ""
    if (
        status in _BEHIND
        and module.status == OUT_OF_DATE
        and qe.status == UP_TO_DATE
        and sgx_status in _CURRENT_PLATFORM
        and _relaunch_is_enough(report, info)
    ):
        to_configure = {status, sgx_status} & _TO_CONFIGURE
        status = _RELAUNCH_CONFIGURATION if to_configure else _RELAUNCH
    return PlatformTcb(
        status=merge(status, qe.status),
        sgx_status=sgx_status,
        tdx_status=level.status if level else "",
        module_status=module.status,
        qe_status=qe.status,
        date=level.date if level else "",
        advisories=_union(level, module, qe),
    )


def merge(status: str, part: str) -> str:
    """Return the status of a TCB of which one part has the status `part`."""
    for worst in (REVOKED, NOT_SUPPORTED):
        if worst in {status, part}:
            return worst
    return _DEGRADED.get(status, status) if part == OUT_OF_DATE else status


def _fitting(platform: PckExtension, info: TcbInfo) -> Iterator[TcbLevel]:
    for level in info.levels:
        if platform.pcesvn >= level.pcesvn and _reaches(platform.components, level.sgx):
            yield level


def _reaches(have: bytes, need: bytes) -> bool:
    return all(ours >= theirs for ours, theirs in zip(have, need, strict=True))


def _relaunch_is_enough(report: TdReport, info: TcbInfo) -> bool:
    """Whether the module that now runs is the newest of everything; the TD began under another."""
    svn2 = report.tee_tcb_svn2
    if svn2 is None:
        return False
    newest = info.levels[0].tdx
    if svn2[1]:
        module = info.modules.get(module_id(svn2[1]))
        if module is None:
            raise EvidenceError(
                Refusal.MODULE_MISMATCH, f"collateral describes no {module_id(svn2[1])}"
            )
        if svn2[0] < module.levels[0].isv_svn:
            return False
    elif svn2[0] < newest[0]:
        return False
    return svn2[2] >= newest[2]


def _union(*levels: TcbLevel | SvnLevel | None) -> tuple[str, ...]:
    return tuple(sorted({one for level in levels if level for one in level.advisories}))
