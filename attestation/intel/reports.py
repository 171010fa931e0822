"""What quotes are about: SGX enclave reports and TD reports. Exact or refused, no cryptography.

Layouts: Intel SGX ECDSA Quote Library Reference (enclave report body), Intel TDX DCAP Quoting
Library API (TD quote body 1.0 and 1.5).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from attestation.errors import EvidenceError, Refusal

SGX_REPORT_BYTES: Final = 384
TD_REPORT_10_BYTES: Final = 584
TD_REPORT_15_BYTES: Final = 648

_SGX: Final = struct.Struct(
    "<16sI12s16s"  # 0 CPUSVN, 16 MISCSELECT, 20 reserved, 32 ISVEXTPRODID
    "QQ32s32s32s32s64s"  # 48 ATTRIBUTES, XFRM; MRENCLAVE; reserved; MRSIGNER; reserved; CONFIGID
    "HHH42s16s64s"  # 256 ISVPRODID, ISVSVN, CONFIGSVN; reserved; ISVFAMILYID; REPORT_DATA
)
_TD: Final = struct.Struct(
    "<16s48s48s8sQ8s"  # 0 TEE_TCB_SVN, MRSEAM, MRSIGNERSEAM, SEAMATTRIBUTES, TDATTRIBUTES, XFAM
    "48s48s48s48s48s48s48s48s64s"  # 136 MRTD, MRCONFIGID, MROWNER, MROWNERCONFIG; RTMRs; data
)
_TD_15: Final = struct.Struct("<16s48s")  # 584 TEE_TCB_SVN2, 600 MRSERVICETD
_SGX_RESERVED: Final = bytes(12 + 32 + 32 + 42)


@dataclass(frozen=True, slots=True)
class SgxReport:
    """An enclave's report. Nothing has been verified; only the form is right."""

    cpusvn: bytes
    misc_select: int
    isv_ext_prod_id: bytes
    attributes: int
    xfrm: int
    mrenclave: bytes
    mrsigner: bytes
    config_id: bytes
    isv_prod_id: int
    isv_svn: int
    config_svn: int
    isv_family_id: bytes
    report_data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TdReport:
    """A TD's report. Nothing has been verified. `*_svn2` and `mrservicetd` are of TD 1.5 only."""

    tee_tcb_svn: bytes
    mrseam: bytes
    mrsignerseam: bytes
    seam_attributes: bytes
    td_attributes: int
    xfam: bytes
    mrtd: bytes
    mrconfigid: bytes
    mrowner: bytes
    mrownerconfig: bytes
    rtmr0: bytes
    rtmr1: bytes
    rtmr2: bytes
    rtmr3: bytes
    report_data: bytes = field(repr=False)
    tee_tcb_svn2: bytes | None = None
    mrservicetd: bytes | None = None

    @property
    def rated(self) -> bytes:
        """Everything in it that decides about the platform's TCB, as bytes of fixed places."""
        fields = self.tee_tcb_svn + self.mrsignerseam + self.seam_attributes
        return fields + self.tee_tcb_svn2 if self.tee_tcb_svn2 is not None else fields


def parse_sgx_report(data: bytes) -> SgxReport:
    """Return the fields of a 384-byte report; raise `EvidenceError` `malformed` (Q7)."""
    if len(data) != SGX_REPORT_BYTES:
        raise _malformed(f"SGX report is {len(data)} bytes, expected {SGX_REPORT_BYTES}")
    # fmt: off
    (cpusvn, misc, reserved_20, ext_prod_id, attributes, xfrm, mrenclave, reserved_96, mrsigner,
     reserved_160, config_id, prod_id, svn, config_svn, reserved_262, family_id, report_data,
     ) = _SGX.unpack(data)
    # fmt: on
    if reserved_20 + reserved_96 + reserved_160 + reserved_262 != _SGX_RESERVED:
        raise _malformed("SGX report: reserved bytes are not zero")
    # fmt: off
    return SgxReport(
        cpusvn, misc, ext_prod_id, attributes, xfrm, mrenclave, mrsigner, config_id, prod_id, svn,
        config_svn, family_id, report_data,
    )
    # fmt: on


def parse_td_report(data: bytes) -> TdReport:
    """Return the fields of a report of 584 (1.0) or 648 bytes (1.5); raise `EvidenceError`."""
    if len(data) == TD_REPORT_10_BYTES:
        return TdReport(*_TD.unpack(data))
    if len(data) == TD_REPORT_15_BYTES:
        return TdReport(*_TD.unpack_from(data), *_TD_15.unpack_from(data, TD_REPORT_10_BYTES))
    raise _malformed(f"TD report is {len(data)} bytes, expected 584 or 648")


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, detail)
