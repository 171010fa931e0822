"""The claims about a platform that TDX and SGX share."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attestation.claims import ClaimValue
from attestation.intel.attestation_key import AttestationKey
from attestation.intel.collateral import Collateral
from attestation.intel.tcb import PlatformTcb


def platform_claims(
    key: AttestationKey, collateral: Collateral, tcb: PlatformTcb
) -> Mapping[str, ClaimValue]:
    """Return what is known of the platform, under the names of the specification."""
    pck = key.pck
    values: dict[str, ClaimValue] = {
        "tcb-status": tcb.status,
        "tcb-date": tcb.date,
        "tcb-evaluation-number": collateral.tcb_info.evaluation_number,
        "advisories": ",".join(tcb.advisories),
        "tcb.sgx-status": tcb.sgx_status,
        "tcb.qe-status": tcb.qe_status,
        "fmspc": pck.platform.fmspc.hex(),
        "pceid": pck.platform.pceid.hex(),
        "pck-ca": pck.ca,
        "ppid": pck.platform.ppid.hex(),
        "pcesvn": pck.platform.pcesvn,
        "pck-cpusvn": pck.platform.cpusvn.hex(),
        "qe-isvsvn": key.qe_report.isv_svn,
    }
    if tcb.tdx_status:
        values["tcb.tdx-status"] = tcb.tdx_status
        values["tcb.module-status"] = tcb.module_status
    return MappingProxyType(values)
