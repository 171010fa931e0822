"""The claims about a platform that TDX and SGX share."""

from __future__ import annotations

from attestation.claims import ClaimValue
from attestation.intel.appraisal import AppraisedPlatform


def platform_claims(appraised: AppraisedPlatform) -> dict[str, ClaimValue]:
    """Return what is known of the platform, under the names of the specification."""
    tcb, pck = appraised.tcb, appraised.key.pck
    values: dict[str, ClaimValue] = {
        "tcb-status": tcb.status,
        "tcb-date": tcb.date,
        "tcb-evaluation-number": appraised.collateral.tcb_info.evaluation_number,
        "advisories": ",".join(tcb.advisories),
        "tcb.sgx-status": tcb.sgx_status,
        "tcb.qe-status": tcb.qe_status,
        "fmspc": pck.platform.fmspc.hex(),
        "pceid": pck.platform.pceid.hex(),
        "pck-ca": pck.ca,
        "ppid": pck.platform.ppid.hex(),
        "pcesvn": pck.platform.pcesvn,
        "pck-cpusvn": pck.platform.cpusvn.hex(),
        "qe-isvsvn": appraised.key.qe_report.isv_svn,
    }
    if tcb.tdx_status:
        values["tcb.tdx-status"] = tcb.tdx_status
        values["tcb.module-status"] = tcb.module_status
    return values
