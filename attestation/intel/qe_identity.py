"""The QE identity: which enclaves may quote, and how current each version is.

Intel PCS API version 4, "Get SGX QE identity" and "Get TDX QE identity"; appraisal: Intel DCAP
quote verification library, EnclaveReportVerifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from attestation.errors import EvidenceError, Refusal
from attestation.intel import signed_json as read
from attestation.intel.levels import SvnLevel, level_of, parse_svn_levels
from attestation.intel.reports import SgxReport

_MEMBERS: Final = read.names(
    "id version issueDate nextUpdate tcbEvaluationDataNumber miscselect miscselectMask attributes"
    " attributesMask mrsigner isvprodid tcbLevels"
)
_VERSION: Final = 2
_IDS: Final = frozenset({"QE", "TD_QE"})


@dataclass(frozen=True, slots=True)
class QeIdentity:
    """What Intel signed about its quoting enclaves. Levels are highest first."""

    id: str
    issued: datetime
    next_update: datetime
    evaluation_number: int
    misc_select: int
    misc_select_mask: int
    attributes: int
    attributes_mask: int
    mrsigner: bytes
    isv_prod_id: int
    levels: tuple[SvnLevel, ...]


def parse_qe_identity(value: Any) -> QeIdentity:
    """Return the identity in decoded JSON; raise `EvidenceError` `malformed` (step K5)."""
    given = read.members(value, _MEMBERS)
    if given["version"] != _VERSION or type(given["version"]) is not int:
        raise read.malformed("QE identity is not of version 2")
    return QeIdentity(
        id=read.choice(given["id"], _IDS),
        issued=read.moment(given["issueDate"]),
        next_update=read.moment(given["nextUpdate"]),
        evaluation_number=read.integer(given["tcbEvaluationDataNumber"], 0x7FFFFFFF),
        misc_select=_little_endian(given["miscselect"], 4),
        misc_select_mask=_little_endian(given["miscselectMask"], 4),
        attributes=_little_endian(given["attributes"], 16),
        attributes_mask=_little_endian(given["attributesMask"], 16),
        mrsigner=read.hex_bytes(given["mrsigner"], 32),
        isv_prod_id=read.integer(given["isvprodid"], 0xFFFF),
        levels=parse_svn_levels(given["tcbLevels"]),
    )


def _little_endian(value: Any, length: int) -> int:
    # The hex is of the bytes as they stand in a report.
    return int.from_bytes(read.hex_bytes(value, length), "little")


def appraise_qe(report: SgxReport, identity: QeIdentity) -> SvnLevel:
    """Return the level of the quoting enclave (steps E1 and E2).

    Raises `EvidenceError` `qe-mismatch` if it is not the enclave the identity describes.
    """
    attributes = report.attributes | report.xfrm << 64
    if (
        report.misc_select & identity.misc_select_mask != identity.misc_select
        or attributes & identity.attributes_mask != identity.attributes
        or report.mrsigner != identity.mrsigner
        or report.isv_prod_id != identity.isv_prod_id
    ):
        raise EvidenceError(
            Refusal.QE_MISMATCH,
            f"quoting enclave is product {report.isv_prod_id} of {report.mrsigner.hex()} with"
            f" attributes {attributes:#x}, not the one in the identity",
        )
    return level_of(identity.levels, report.isv_svn)
