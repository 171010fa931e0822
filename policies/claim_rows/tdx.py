"""Claims of Intel TDX (TDX Module 1.5 base specification, TDREPORT)."""

from __future__ import annotations

from typing import Final

from policies.claim import BOOLEAN, CHOICE, HEX, Claim
from policies.claim_rows.intel import PLATFORM_ROWS, STATUSES

_RTMRS: Final = {
    "rtmr0": "firmware's configuration",
    "rtmr1": "kernel and boot loader",
    "rtmr2": "command line and initial file system",
    "rtmr3": "what the guest extended at run time",
}

ROWS: Final = (
    Claim("product", CHOICE, "TD report 1.0 or 1.5", choices=("tdx-1.0", "tdx-1.5")),
    Claim("measurement", HEX, "MRTD: digest of what was launched", sizes=(48,)),
    Claim("report-data", HEX, "64 bytes the guest put in the report", sizes=(64,)),
    Claim("mrseam", HEX, "the TDX module", sizes=(48,)),
    Claim("mrsignerseam", HEX, "signer of the TDX module; zero for Intel", sizes=(48,)),
    Claim("seam-attributes", HEX, "attributes of the TDX module", sizes=(8,)),
    Claim("td-attributes", HEX, "attributes of the TD, as in the report", sizes=(8,)),
    Claim("xfam", HEX, "processor features the TD may use", sizes=(8,)),
    Claim("mrconfigid", HEX, "configuration named at launch", sizes=(48,)),
    Claim("mrowner", HEX, "owner named at launch", sizes=(48,)),
    Claim("mrownerconfig", HEX, "owner's configuration named at launch", sizes=(48,)),
    *(Claim(name, HEX, about, sizes=(48,)) for name, about in _RTMRS.items()),
    Claim("tee-tcb-svn", HEX, "security versions of module and loader at launch", sizes=(16,)),
    Claim("tee-tcb-svn2", HEX, "security versions of module and loader now", sizes=(16,)),
    Claim("mrservicetd", HEX, "service TDs bound to the TD; zero for none", sizes=(48,)),
    Claim("debug", BOOLEAN, "the host may read and change guest memory"),
    Claim("migratable", BOOLEAN, "a service TD may move the guest"),
    Claim("sept-ve-disable", BOOLEAN, "the host cannot inject #VE by taking pages away"),
    Claim("pks", BOOLEAN, "the guest may use supervisor protection keys"),
    Claim("key-locker", BOOLEAN, "the guest may use key locker"),
    Claim("perfmon", BOOLEAN, "the guest may use performance counters"),
    Claim("tcb.tdx-status", CHOICE, "status of the platform's TDX level", choices=STATUSES),
    Claim("tcb.module-status", CHOICE, "status of the TDX module", choices=STATUSES),
    *PLATFORM_ROWS,
)

# What says *what was launched*. RTMRs are extended by what MRTD measures, so they prove nothing
# without it.
MEASUREMENTS: Final = frozenset({"measurement"})
SIGNERS: Final[frozenset[str]] = frozenset()
