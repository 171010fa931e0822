"""ATTESTATION_REPORT: 1184 bytes, exact or refused. No cryptography here.

Layout: AMD SEV Secure Nested Paging Firmware ABI (document 56860), table "ATTESTATION_REPORT".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.policy import SNP_REPORT_VERSIONS

REPORT_BYTES: Final = 1184
SIGNED_BYTES: Final = 0x2A0
ECDSA_P384_SHA384: Final = 1
VMPL_HOST: Final = 0xFFFFFFFF
# SIGNING_KEY, bits 4:2 of the word at 0x048.
VCEK: Final = 0
VLEK: Final = 1
NO_KEY: Final = 7

_CPUID_SINCE: Final = 3
_MITIGATIONS_SINCE: Final = 5

_LAYOUT: Final = struct.Struct(
    "<IIQ"  # 0x000 VERSION, 0x004 GUEST_SVN, 0x008 POLICY
    "16s16s"  # 0x010 FAMILY_ID, 0x020 IMAGE_ID
    "II8sQ"  # 0x030 VMPL, 0x034 SIGNATURE_ALGO, 0x038 CURRENT_TCB, 0x040 PLATFORM_INFO
    "I4s"  # 0x048 AUTHOR_KEY_EN, MASK_CHIP_KEY, SIGNING_KEY; 0x04C reserved
    "64s48s32s"  # 0x050 REPORT_DATA, 0x090 MEASUREMENT, 0x0C0 HOST_DATA
    "48s48s"  # 0x0E0 ID_KEY_DIGEST, 0x110 AUTHOR_KEY_DIGEST
    "32s32s8s"  # 0x140 REPORT_ID, 0x160 REPORT_ID_MA, 0x180 REPORTED_TCB
    "3s21s64s"  # 0x188 CPUID family, model, stepping; 0x18B reserved; 0x1A0 CHIP_ID
    "8s3sB3sB8s"  # 0x1E0 COMMITTED_TCB, 0x1E8 current firmware, 0x1EC committed, 0x1F0 LAUNCH_TCB
    "QQ152s"  # 0x1F8 LAUNCH_MIT_VECTOR, 0x200 CURRENT_MIT_VECTOR, 0x208 reserved
    "48s24s48s24s"  # 0x2A0 R and S: little-endian, 48 bytes used of 72
    "368s"  # 0x330 reserved and not signed
)
# Compared as a whole: this runs for every report.
_ZERO_TAIL: Final = bytes(368)
_ZERO_HIGH: Final = bytes(2 * 24)
_ZERO_RESERVED: Final = bytes(4 + 21 + 152)


@dataclass(frozen=True, slots=True)
class SnpReport:
    """The fields of a report. Nothing has been verified; only the form is right."""

    version: int
    guest_svn: int
    policy: int
    family_id: bytes
    image_id: bytes
    vmpl: int
    current_tcb: bytes
    platform_info: int
    key_info: int
    report_data: bytes = field(repr=False)
    measurement: bytes
    host_data: bytes
    id_key_digest: bytes
    author_key_digest: bytes
    report_id: bytes
    report_id_ma: bytes
    reported_tcb: bytes
    cpuid: bytes
    chip_id: bytes
    committed_tcb: bytes
    current_version: bytes
    committed_version: bytes
    launch_tcb: bytes
    launch_mit_vector: int
    current_mit_vector: int
    signed: bytes = field(repr=False)
    r: int = field(repr=False)
    s: int = field(repr=False)

    @property
    def signing_key(self) -> int:
        """Which key signed, as the report says: `VCEK`, `VLEK` or `NO_KEY`."""
        return self.key_info >> 2 & 0b111

    @property
    def has_cpuid(self) -> bool:
        """Whether this version names the processor."""
        return self.version >= _CPUID_SINCE


def parse_report(data: bytes) -> SnpReport:
    """Return the fields of a report of version 2, 3 or 5.

    Every reserved byte must be zero, also those the signature does not cover. Not checked:
    signature, policy bits, whether values make sense. Raises `EvidenceError`: `malformed`,
    `trailing-data` or `alg-mismatch`.
    """
    if len(data) != REPORT_BYTES:
        code = Refusal.TRAILING_DATA if len(data) > REPORT_BYTES else Refusal.MALFORMED
        raise EvidenceError(code, f"report is {len(data)} bytes, expected {REPORT_BYTES}")
    # fmt: off
    (version, guest_svn, policy, family_id, image_id, vmpl, algorithm, current_tcb, platform_info,
     key_info, reserved_04c, report_data, measurement, host_data, id_key, author_key, report_id,
     report_id_ma, reported_tcb, cpuid, reserved_18b, chip_id, committed_tcb, current_version,
     reserved_1eb, committed_version, reserved_1ef, launch_tcb, launch_mit, current_mit,
     reserved_208, r, r_high, s, s_high, tail) = _LAYOUT.unpack(data)
    # fmt: on
    if algorithm != ECDSA_P384_SHA384:
        raise EvidenceError(Refusal.ALG_MISMATCH, f"SIGNATURE_ALGO is {algorithm}, expected 1")
    _check_version(version, cpuid, launch_mit | current_mit)
    if tail != _ZERO_TAIL:
        raise _malformed("bytes behind the signature are not zero")
    if r_high + s_high != _ZERO_HIGH:
        raise _malformed("R or S is longer than 48 bytes")
    reserved = reserved_04c + reserved_18b + reserved_208
    if reserved != _ZERO_RESERVED or reserved_1eb or reserved_1ef:
        raise _malformed("reserved bytes are not zero")
    if key_info >> 5 or (key_info >> 2) not in {VCEK, VLEK, NO_KEY}:
        raise _malformed(f"key information is {key_info:#x}")
    # fmt: off
    return SnpReport(
        version, guest_svn, policy, family_id, image_id, vmpl, current_tcb, platform_info, key_info,
        report_data, measurement, host_data, id_key, author_key, report_id, report_id_ma,
        reported_tcb, cpuid, chip_id, committed_tcb, current_version, committed_version,
        launch_tcb, launch_mit, current_mit, data[:SIGNED_BYTES],
        int.from_bytes(r, "little"), int.from_bytes(s, "little"),
    )
    # fmt: on


def _check_version(version: int, cpuid: bytes, mitigations: int) -> None:
    """Refuse an unknown version, and fields that the version does not have."""
    if version not in SNP_REPORT_VERSIONS:
        raise _malformed(f"version is {version}")
    if version < _CPUID_SINCE and any(cpuid):
        raise _malformed("processor is named in a version that has no such field")
    if version < _MITIGATIONS_SINCE and mitigations:
        raise _malformed("mitigation vectors in a version that has none")


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"report: {detail}")
