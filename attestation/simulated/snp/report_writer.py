"""Builds and signs the 1184 bytes that real firmware would return."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from attestation.verifiers.snp.report import ECDSA_P384_SHA384

_BODY: Final = struct.Struct("<IIQ16s16sII8sQII64s48s32s48s48s32s32s8s3s21x64s8s3sx3sx8sQQ152x")
_TABLE_ENTRY: Final = struct.Struct("<16sII")
_PART_BYTES: Final = 72
_TAIL_BYTES: Final = 368


@dataclass(frozen=True, slots=True)
class ReportFields:
    """What a report says; names as in the ABI. Defaults are those of a plain, strict guest."""

    version: int
    cpuid: tuple[int, int, int]
    tcb: bytes
    chip_id: bytes
    measurement: bytes
    report_data: bytes = field(repr=False)
    host_data: bytes = bytes(32)
    guest_svn: int = 0
    policy: int = 0x30000
    vmpl: int = 0
    key_info: int = 0
    platform_info: int = 0x25
    report_id: bytes = bytes(32)
    firmware: tuple[int, int, int] = (1, 55, 49)
    reported_tcb: bytes | None = None
    committed_tcb: bytes | None = None
    launch_tcb: bytes | None = None
    mitigations: int = 0


def encode_body(fields: ReportFields) -> bytes:
    """Return the 672 bytes that get signed."""
    major, minor, build = fields.firmware
    firmware = bytes([build, minor, major])
    mitigations = fields.mitigations if fields.version >= 5 else 0
    return _BODY.pack(
        fields.version,
        fields.guest_svn,
        fields.policy,
        bytes(16),
        bytes(16),
        fields.vmpl,
        ECDSA_P384_SHA384,
        fields.tcb,
        fields.platform_info,
        fields.key_info,
        0,
        fields.report_data,
        fields.measurement,
        fields.host_data,
        bytes(48),
        bytes(48),
        fields.report_id,
        b"\xff" * 32,
        fields.tcb if fields.reported_tcb is None else fields.reported_tcb,
        bytes(fields.cpuid) if fields.version >= 3 else bytes(3),
        fields.chip_id.ljust(64, b"\0"),
        fields.tcb if fields.committed_tcb is None else fields.committed_tcb,
        firmware,
        firmware,
        fields.tcb if fields.launch_tcb is None else fields.launch_tcb,
        mitigations,
        mitigations,
    )


def sign_report(body: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the whole report; R and S little-endian. Deterministic (RFC 6979)."""
    scheme = ec.ECDSA(hashes.SHA384(), deterministic_signing=True)
    r, s = decode_dss_signature(key.sign(body, scheme))
    return attach_signature(body, r, s)


def attach_signature(body: bytes, r: int, s: int) -> bytes:
    """Return the whole report with the given signature values."""
    parts = (value.to_bytes(_PART_BYTES, "little") for value in (r, s))
    return body + b"".join(parts) + bytes(_TAIL_BYTES)


def build_cert_table(blobs: Mapping[UUID, bytes]) -> bytes:
    """Return the certificate table of an extended report, blobs in the order given."""
    offset = _TABLE_ENTRY.size * (len(blobs) + 1)
    header = b""
    for guid, blob in blobs.items():
        header += _TABLE_ENTRY.pack(guid.bytes, offset, len(blob))
        offset += len(blob)
    return header + bytes(_TABLE_ENTRY.size) + b"".join(blobs.values())
