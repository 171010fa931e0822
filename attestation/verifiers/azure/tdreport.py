"""TDREPORT: what the TDX module gave the paravisor, from which a quoting enclave made the quote.

Intel TDX Module Base Architecture Specification, "TDREPORT_STRUCT". Its MAC can be checked on that
machine only, so it counts only as far as an authentic quote says the same.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.intel.reports import TdReport

TDREPORT_BYTES: Final = 1024
_TYPE_TDX: Final = b"\x81\0\0"
_TCB_INFO_BYTES: Final = 239
_REPORT: Final = struct.Struct(
    "<4s12s16s48s48s64s32s32s"  # type, reserved, CPUSVN, two hashes, REPORT_DATA, reserved, MAC
    f"{_TCB_INFO_BYTES}s17s512s"  # TEE_TCB_INFO, reserved, TDINFO
)
_TCB_INFO: Final = struct.Struct("<8s16s48s48s8s16s95s")
_TD_INFO: Final = struct.Struct("<Q8s48s48s48s48s48s48s48s48s48s64s")


def require_same_td(area: bytes, quoted: TdReport) -> None:
    """Refuse unless the TDREPORT in `area` (zeros behind it) says what the quote says.

    Not compared, because a quote does not have it: CPUSVN and MAC. Raises `EvidenceError`:
    `malformed`, or `binding` for a report of another TD, time or module.
    """
    data, padding = area[:TDREPORT_BYTES], area[TDREPORT_BYTES:]
    if len(data) != TDREPORT_BYTES or any(padding):
        raise _malformed("too short, or bytes behind it are not zero")
    # fmt: off
    (kind, reserved_4, _, tcb_hash, td_hash, report_data, reserved_192, _, tcb_info, reserved_495,
     td_info) = _REPORT.unpack(data)
    # fmt: on
    # REPORTTYPE: type, subtype, version (1 where a service TD is bound), reserved.
    if kind[:2] + kind[3:] != _TYPE_TDX or kind[2] > 1:
        raise _malformed("another type of report")
    if any(reserved_4 + reserved_192 + reserved_495):
        raise _malformed("reserved bytes are not zero")
    if (tcb_hash, td_hash) != (_sha384(tcb_info), _sha384(td_info)):
        raise _malformed("its parts are not what it has digests of")
    if report_data != quoted.report_data:
        raise EvidenceError(Refusal.BINDING, "quote is for other report data than the TDREPORT")
    _require_module(tcb_info, quoted)
    _require_td(td_info, quoted)


def _require_module(tcb_info: bytes, quoted: TdReport) -> None:
    _, svn, mrseam, mrsignerseam, attributes, svn2, reserved = _TCB_INFO.unpack(tcb_info)
    if any(reserved):
        raise _malformed("reserved bytes of the module are not zero")
    expected = (quoted.tee_tcb_svn, quoted.mrseam, quoted.mrsignerseam, quoted.seam_attributes)
    same = (svn, mrseam, mrsignerseam, attributes) == expected
    if not same or (quoted.tee_tcb_svn2 or svn2) != svn2:
        raise EvidenceError(Refusal.BINDING, "quote names another TDX module than the TDREPORT")


def _require_td(td_info: bytes, quoted: TdReport) -> None:
    *fields, service_td, reserved = _TD_INFO.unpack(td_info)
    if any(reserved):
        raise _malformed("reserved bytes of the TD are not zero")
    expected = [
        quoted.td_attributes,
        quoted.xfam,
        quoted.mrtd,
        quoted.mrconfigid,
        quoted.mrowner,
        quoted.mrownerconfig,
        quoted.rtmr0,
        quoted.rtmr1,
        quoted.rtmr2,
        quoted.rtmr3,
    ]
    if fields != expected or (quoted.mrservicetd or service_td) != service_td:
        raise EvidenceError(Refusal.BINDING, "quote is of another TD than the TDREPORT")


def _sha384(data: bytes) -> bytes:
    return hashlib.sha384(data).digest()


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"TDREPORT: {detail}")
