"""TCB info version 3: the levels of one platform family, and the TDX modules it may run.

Intel PCS API version 4, "Get SGX TCB info" and "Get TDX TCB info". Structure only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

from attestation.intel import signed_json as read
from attestation.intel.levels import SvnLevel, parse_svn_levels
from attestation.intel.pck import COMPONENTS
from attestation.limits import MAX_ADVISORIES, MAX_TCB_LEVELS, MAX_TDX_MODULES

SGX: Final = "SGX"
TDX: Final = "TDX"

_MEMBERS: Final = read.names(
    "id version issueDate nextUpdate fmspc pceId tcbType tcbEvaluationDataNumber tcbLevels"
)
_TDX_REQUIRED: Final = _MEMBERS | {"tdxModule"}
_TDX_OPTIONAL: Final = frozenset({"tdxModuleIdentities"})
_MODULE: Final = frozenset({"mrsigner", "attributes", "attributesMask"})
_IDENTITY: Final = _MODULE | {"id", "tcbLevels"}
_LEVEL: Final = frozenset({"tcb", "tcbDate", "tcbStatus"})
_LEVEL_OPTIONAL: Final = frozenset({"advisoryIDs"})
_SGX_TCB: Final = frozenset({"sgxtcbcomponents", "pcesvn"})
_TDX_TCB: Final = _SGX_TCB | {"tdxtcbcomponents"}
_COMPONENT: Final = frozenset({"svn", "category", "type"})
_VERSION: Final = 3
STATUSES: Final = read.names(
    "UpToDate SWHardeningNeeded ConfigurationNeeded ConfigurationAndSWHardeningNeeded OutOfDate"
    " OutOfDateConfigurationNeeded Revoked"
)


@dataclass(frozen=True, slots=True)
class TcbLevel:
    """A platform that reaches all of these SVNs has this status. `tdx` is empty for SGX."""

    sgx: bytes
    tdx: bytes
    pcesvn: int
    status: str
    date: str
    advisories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Module:
    """A TDX module as its measurements name it; `levels` are highest first, or none."""

    mrsigner: bytes
    attributes: bytes
    attributes_mask: bytes
    levels: tuple[SvnLevel, ...] = ()


@dataclass(frozen=True, slots=True)
class TcbInfo:
    """What Intel signed about one platform family. Levels are highest first."""

    id: str
    issued: datetime
    next_update: datetime
    fmspc: bytes
    pceid: bytes
    evaluation_number: int
    levels: tuple[TcbLevel, ...]
    module: Module | None
    modules: Mapping[str, Module]


def parse_tcb_info(value: Any) -> TcbInfo:
    """Return the TCB info in decoded JSON; raise `EvidenceError` `malformed` (step K5)."""
    tdx = isinstance(value, tuple) and ("id", TDX) in value
    given = read.members(value, _TDX_REQUIRED, _TDX_OPTIONAL) if tdx else _sgx_members(value)
    if given["version"] != _VERSION or type(given["version"]) is not int:
        raise read.malformed("TCB info is not of version 3")
    # Type 0 is the only one whose components are compared one by one.
    read.integer(given["tcbType"], 0)
    levels = [_level(one, tdx=tdx) for one in read.items(given["tcbLevels"], MAX_TCB_LEVELS)]
    listed = given.get("tdxModuleIdentities")
    return TcbInfo(
        id=given["id"],
        issued=read.moment(given["issueDate"]),
        next_update=read.moment(given["nextUpdate"]),
        fmspc=read.hex_bytes(given["fmspc"], 6),
        pceid=read.hex_bytes(given["pceId"], 2),
        evaluation_number=read.integer(given["tcbEvaluationDataNumber"], 0x7FFFFFFF),
        levels=tuple(sorted(levels, key=_rank, reverse=True)),
        module=_module(read.members(given["tdxModule"], _MODULE)) if tdx else None,
        modules=MappingProxyType({} if listed is None else _modules(listed)),
    )


def _sgx_members(value: Any) -> read.Members:
    given = read.members(value, _MEMBERS)
    read.choice(given["id"], frozenset({SGX}))
    return given


def _rank(level: TcbLevel) -> tuple[bytes, bytes, int]:
    # The order of Intel's library (TcbLevel::operator>), which is that of Intel's documents.
    return level.sgx, level.tdx, level.pcesvn


def _level(value: Any, *, tdx: bool) -> TcbLevel:
    level = read.members(value, _LEVEL, _LEVEL_OPTIONAL)
    tcb = read.members(level["tcb"], _TDX_TCB if tdx else _SGX_TCB)
    read.moment(level["tcbDate"])
    return TcbLevel(
        sgx=_components(tcb["sgxtcbcomponents"]),
        tdx=_components(tcb["tdxtcbcomponents"]) if tdx else b"",
        pcesvn=read.integer(tcb["pcesvn"], 0xFFFF),
        status=read.choice(level["tcbStatus"], STATUSES),
        date=level["tcbDate"],
        advisories=read.advisories(level.get("advisoryIDs", []), MAX_ADVISORIES),
    )


def _components(value: Any) -> bytes:
    """Return the 16 SVNs; `category` and `type` are for people, and must be text."""
    listed = read.items(value, COMPONENTS)
    # All at once: these are most of what a document holds.
    if len(listed) != COMPONENTS or set(map(type, listed)) != {tuple}:
        raise read.malformed(f"TCB level has {len(listed)} components, expected {COMPONENTS}")
    found: list[dict[str, Any]] = list(map(dict, listed))
    members = list(chain.from_iterable(listed))
    if sum(map(len, found)) != len(members) or not _COMPONENT.issuperset(chain(*found)):
        raise read.malformed("TCB component has a member twice, or one that is unknown")
    svns: list[Any] = [one.get("svn") for one in found]
    if set(map(type, svns)) != {int}:
        raise read.malformed("TCB component has no SVN")
    if [type(value) for _, value in members].count(str) != len(members) - COMPONENTS:
        raise read.malformed("TCB component has a category or type that is not text")
    try:
        return bytes(svns)
    except ValueError as error:
        raise read.malformed("TCB component has an SVN of more than 8 bits") from error


def _module(given: read.Members, levels: tuple[SvnLevel, ...] = ()) -> Module:
    return Module(
        mrsigner=read.hex_bytes(given["mrsigner"], 48),
        attributes=read.hex_bytes(given["attributes"], 8),
        attributes_mask=read.hex_bytes(given["attributesMask"], 8),
        levels=levels,
    )


def _modules(value: Any) -> dict[str, Module]:
    found: dict[str, Module] = {}
    for one in read.items(value, MAX_TDX_MODULES):
        given = read.members(one, _IDENTITY)
        name = given["id"]
        if not isinstance(name, str) or name in found:
            raise read.malformed("TDX module has no name, or one that is there twice")
        found[name] = _module(given, parse_svn_levels(given["tcbLevels"]))
    return found
