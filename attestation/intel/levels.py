"""Levels of one security version number: of quoting enclaves and of TDX modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from attestation.intel import signed_json as read
from attestation.limits import MAX_ADVISORIES, MAX_TCB_LEVELS

UP_TO_DATE: Final = "UpToDate"
OUT_OF_DATE: Final = "OutOfDate"
REVOKED: Final = "Revoked"
NOT_SUPPORTED: Final = "NotSupported"

_MEMBERS: Final = frozenset({"tcb", "tcbDate", "tcbStatus"})
_ADVISORIES: Final = frozenset({"advisoryIDs"})
_TCB: Final = frozenset({"isvsvn"})
_STATUSES: Final = frozenset({UP_TO_DATE, OUT_OF_DATE, REVOKED})
_MAX_SVN: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class SvnLevel:
    """From this SVN on, up to the next level's, this is the status."""

    isv_svn: int
    status: str
    advisories: tuple[str, ...] = ()


_NO_LEVEL: Final = SvnLevel(0, NOT_SUPPORTED)


def parse_svn_levels(value: Any) -> tuple[SvnLevel, ...]:
    """Return the levels, highest first, however they came; raise `EvidenceError` `malformed`."""
    found = [_level(one) for one in read.items(value, MAX_TCB_LEVELS)]
    if len({one.isv_svn for one in found}) != len(found):
        raise read.malformed("signed JSON has two levels of one SVN")
    return tuple(sorted(found, key=lambda one: one.isv_svn, reverse=True))


def _level(value: Any) -> SvnLevel:
    level = read.members(value, _MEMBERS, _ADVISORIES)
    read.moment(level["tcbDate"])
    return SvnLevel(
        isv_svn=read.integer(read.members(level["tcb"], _TCB)["isvsvn"], _MAX_SVN),
        status=read.choice(level["tcbStatus"], _STATUSES),
        advisories=read.advisories(level.get("advisoryIDs", []), MAX_ADVISORIES),
    )


def level_of(levels: Sequence[SvnLevel], svn: int) -> SvnLevel:
    """Return the highest level that `svn` reaches; where there is none, one of `NotSupported`."""
    return next((one for one in levels if one.isv_svn <= svn), _NO_LEVEL)
