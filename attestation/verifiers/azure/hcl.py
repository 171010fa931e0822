"""HCL report: what Azure's paravisor stores in the virtual TPM (NV index 0x01400001).

Microsoft Learn, "Confidential VM guest attestation design detail", section "Attestation report
format". Little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_HCL_BYTES

HARDWARE_BYTES: Final = 1184
REPORT_SNP: Final = 2
REPORT_TDX: Final = 4
HASHES: Final = {1: "sha256", 2: "sha384", 3: "sha512"}
_SIGNATURE: Final = b"HCLA"
# Version, and the version of the runtime data.
_VERSIONS: Final = frozenset({1, 2})
_DATA_VERSION: Final = 1
_REQUEST_ATTESTATION: Final = 2
_HEAD: Final = struct.Struct("<4sIIII12s")
_DATA_HEAD: Final = struct.Struct("<IIIII")
_VARIABLE_AT: Final = _HEAD.size + HARDWARE_BYTES + _DATA_HEAD.size


@dataclass(frozen=True, slots=True)
class HclReport:
    """The parts of an HCL report. Nothing has been verified; only the form is right.

    `hardware` is the area for the hardware's report with zeros behind a shorter one; `runtime` the
    exact text whose digest the hardware signed.
    """

    version: int
    report_type: int
    hash_name: str
    hardware: bytes = field(repr=False)
    runtime: bytes = field(repr=False)


def parse_hcl_report(data: bytes) -> HclReport:
    """Return the parts of an HCL report; zeros may follow, as the NV index is longer.

    The header is signed by nobody, so every field of it must be one that is known. Raises
    `EvidenceError` `malformed` or `trailing-data`.
    """
    if not _VARIABLE_AT < len(data) <= MAX_HCL_BYTES:
        raise _malformed(f"{len(data)} bytes")
    signature, version, size, request, status, reserved = _HEAD.unpack_from(data)
    if signature != _SIGNATURE or version not in _VERSIONS:
        raise _malformed("unknown signature or version")
    if request != _REQUEST_ATTESTATION or status or any(reserved):
        raise _malformed("header is not that of a report that was made")
    hardware = data[_HEAD.size : _HEAD.size + HARDWARE_BYTES]
    data_size, data_version, report_type, hash_type, length = _DATA_HEAD.unpack_from(
        data, _HEAD.size + HARDWARE_BYTES
    )
    end = _VARIABLE_AT + length
    if end > len(data) or data_size != _DATA_HEAD.size + length or size != end:
        raise _malformed("the lengths in it disagree")
    if data_version != _DATA_VERSION or hash_type not in HASHES:
        raise _malformed("unknown version or hash of the runtime data")
    if report_type not in {REPORT_SNP, REPORT_TDX}:
        raise _malformed(f"report type is {report_type}")
    if data.count(0, end) != len(data) - end:
        raise EvidenceError(Refusal.TRAILING_DATA, "HCL report: bytes behind the runtime data")
    runtime = data[_VARIABLE_AT:end]
    return HclReport(version, report_type, HASHES[hash_type], hardware, runtime)


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"HCL report: {detail}")
