"""Which TDX module runs on the platform, and how current it is.

Intel DCAP quote verification library, TdxModuleCheck.
"""

from __future__ import annotations

from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.intel.levels import UP_TO_DATE, SvnLevel, level_of
from attestation.intel.reports import TdReport
from attestation.intel.tcb_info import TcbInfo

_ZERO_ATTRIBUTES: Final = bytes(8)
# Version 0 has no levels of its own: the TDX components of the TCB level say it all.
_OF_TCB_LEVEL: Final = SvnLevel(0, UP_TO_DATE)


def module_id(version: int) -> str:
    """Return the name under which TCB info lists modules of a major version."""
    return f"TDX_{version:02X}"


def appraise_module(report: TdReport, info: TcbInfo) -> SvnLevel:
    """Return the level of the module in TEE_TCB_SVN (steps M1 to M3).

    Raises `EvidenceError` `module-mismatch` if TCB info describes no such module.
    """
    version = report.tee_tcb_svn[1]
    module = info.modules.get(module_id(version)) if version else info.module
    if module is None:
        raise _mismatch(f"collateral describes no {module_id(version)}")
    masked = bytes(
        one & mask for one, mask in zip(report.seam_attributes, module.attributes_mask, strict=True)
    )
    if report.mrsignerseam != module.mrsigner:
        raise _mismatch(f"MRSIGNERSEAM is {report.mrsignerseam.hex()}")
    if report.seam_attributes != _ZERO_ATTRIBUTES or masked != module.attributes:
        raise _mismatch(f"SEAMATTRIBUTES is {report.seam_attributes.hex()}")
    return level_of(module.levels, report.tee_tcb_svn[0]) if version else _OF_TCB_LEVEL


def _mismatch(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MODULE_MISMATCH, detail)
