"""The TCB levels that the simulated vendor knows, one per status, from the newest down.

A platform stands on a rung by its first SVN, so one TCB info serves every status. Real TCB info
has the same shape with other numbers (Intel PCS API, "Get TCB Info", version 3).
"""

from __future__ import annotations

from typing import Any, Final

NEWEST: Final = 10
PCE_SVN: Final = 13
# Byte 2 of TEE_TCB_SVN: the microcode that TDX counts on its own.
TDX_MICROCODE: Final = 4
MODULE_SVN: Final = 11
MODULE_MAJOR: Final = 1
QE_SVN: Final = 8

# First component SVN, third TDX component SVN, status, advisories.
_RUNGS: Final = (
    (NEWEST, TDX_MICROCODE, "UpToDate", ()),
    (9, TDX_MICROCODE, "SWHardeningNeeded", ("INTEL-SA-00615",)),
    (8, TDX_MICROCODE, "ConfigurationNeeded", ("INTEL-SA-00289",)),
    (7, TDX_MICROCODE, "ConfigurationAndSWHardeningNeeded", ("INTEL-SA-00289", "INTEL-SA-00615")),
    (6, 2, "OutOfDate", ("INTEL-SA-00837",)),
    (5, 1, "OutOfDateConfigurationNeeded", ("INTEL-SA-00289", "INTEL-SA-00837")),
    (4, 0, "Revoked", ("INTEL-SA-00837", "INTEL-SA-99999")),
)
# Status -> first component SVN of a platform that has it; below all rungs nothing is known.
RUNG_OF: Final = {status: svn for svn, _, status, _ in _RUNGS} | {"NotSupported": 3}
_CATEGORIES: Final = {0: "BIOS", 1: "OS/VMM"}
_DATES: Final = tuple(f"{year}-11-13T00:00:00Z" for year in range(2026, 2019, -1))


def components_at(first: int) -> tuple[int, ...]:
    """Return the 16 component SVNs of a platform on the rung of `first`."""
    return (first, 4, 2, 2, 4, 1, 0, 5, *(0,) * 8)


def tee_tcb_svn(*, module: int = MODULE_SVN, microcode: int = TDX_MICROCODE) -> bytes:
    """Return TEE_TCB_SVN: minor and major SVN of the module, microcode, zeros."""
    return bytes([module, MODULE_MAJOR, microcode]) + bytes(13)


def tcb_levels(*, tdx: bool) -> list[dict[str, Any]]:
    """Return `tcbLevels`."""
    return [
        {
            "tcb": _tcb(first, microcode if tdx else None),
            "tcbDate": date,
            "tcbStatus": status,
        }
        | ({"advisoryIDs": list(advisories)} if advisories else {})
        for (first, microcode, status, advisories), date in zip(_RUNGS, _DATES, strict=True)
    ]


def _tcb(first: int, microcode: int | None) -> dict[str, Any]:
    components = [_component(index, svn) for index, svn in enumerate(components_at(first))]
    tcb: dict[str, Any] = {"sgxtcbcomponents": components, "pcesvn": PCE_SVN}
    if microcode is not None:
        module = {"svn": 5, "category": "OS/VMM", "type": "TDX Module"}
        late = {"svn": microcode, "category": "OS/VMM", "type": "TDX Late Microcode Update"}
        tcb["tdxtcbcomponents"] = [module, module | {"svn": 0}, late, *({"svn": 0},) * 13]
    return tcb


def _component(index: int, svn: int) -> dict[str, Any]:
    return {"svn": svn} | ({"category": _CATEGORIES[index]} if index in _CATEGORIES else {})


def module_identities() -> list[dict[str, Any]]:
    """Return `tdxModuleIdentities`: two major versions of the module."""
    return [
        _module("TDX_03", (3, "UpToDate")),
        _module(
            f"TDX_{MODULE_MAJOR:02X}", (MODULE_SVN, "UpToDate"), (7, "OutOfDate"), (4, "Revoked")
        ),
    ]


def module() -> dict[str, Any]:
    """Return who signs every module, and which of its attributes may be set: none."""
    return {
        "mrsigner": "00" * 48,
        "attributes": "00" * 8,
        "attributesMask": "FF" * 8,
    }


def _module(name: str, *levels: tuple[int, str]) -> dict[str, Any]:
    return {"id": name} | module() | {"tcbLevels": _isv_levels(*levels, advisory="INTEL-SA-01036")}


def qe_levels() -> list[dict[str, Any]]:
    """Return the levels of a quoting enclave."""
    levels = ((QE_SVN, "UpToDate"), (6, "OutOfDate"), (4, "Revoked"))
    return _isv_levels(*levels, advisory="INTEL-SA-00477")


def _isv_levels(*levels: tuple[int, str], advisory: str) -> list[dict[str, Any]]:
    return [
        {"tcb": {"isvsvn": svn}, "tcbDate": date, "tcbStatus": status}
        | ({} if status == "UpToDate" else {"advisoryIDs": [advisory]})
        for (svn, status), date in zip(levels, _DATES, strict=False)
    ]
