"""NVIDIA's opaque data: the fields that a report's owner signs besides the measurements.

Numbers and forms as in NVIDIA's own verifier (nvtrust, `OpaqueDataParser`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from attestation.verifiers.nvidia.report import DIGEST_BYTES
from attestation.x509.der import malformed

DRIVER_VERSION: Final = 3
GPU_INFO: Final = 4
VBIOS_VERSION: Final = 6
NVDEC0_STATUS: Final = 11
MEASUREMENT_COUNTS: Final = 12
COMPUTE_PROTECTED_REGION: Final = 13
BOARD_ID: Final = 14
CHIP_SKU: Final = 15
CHIP_SKU_MOD: Final = 16
PROJECT: Final = 17
PROJECT_SKU: Final = 18
PROJECT_SKU_MOD: Final = 19
FWID: Final = 20
PROTECTED_PCIE_STATUS: Final = 21
# Of a GPU: of the switches it is connected to; of a switch: its own.
DEVICE_IDENTIFIERS: Final = 22
DISABLED_PORTS: Final = 23
POSITION: Final = 24
LOCK_STATUS: Final = 25
SWITCH_GPUS: Final = 26
SYSTEM_ENABLE_STATUS: Final = 33
OPAQUE_DATA_VERSION: Final = 34
CHIP_INFO: Final = 35
FEATURE_FLAG: Final = 36

KNOWN: Final = frozenset(
    {
        DRIVER_VERSION,
        GPU_INFO,
        VBIOS_VERSION,
        NVDEC0_STATUS,
        MEASUREMENT_COUNTS,
        COMPUTE_PROTECTED_REGION,
        BOARD_ID,
        CHIP_SKU,
        CHIP_SKU_MOD,
        PROJECT,
        PROJECT_SKU,
        PROJECT_SKU_MOD,
        FWID,
        PROTECTED_PCIE_STATUS,
        DEVICE_IDENTIFIERS,
        DISABLED_PORTS,
        POSITION,
        LOCK_STATUS,
        SWITCH_GPUS,
        SYSTEM_ENABLE_STATUS,
        OPAQUE_DATA_VERSION,
        CHIP_INFO,
        FEATURE_FLAG,
    }
)

_TEXT: Final = re.compile(rb"[\x20-\x7e]*\0*")
_SWITCH_BIOS: Final = re.compile(rb"[0-9A-Fa-f]{2}(?:\.[0-9A-Fa-f]{2}){4}\0*")
_VBIOS_BYTES: Final = 8
_STATUS: Final = {b"\xaa": True, b"\x55": False}


@dataclass(frozen=True, slots=True)
class DeviceFields:
    """What the opaque data says. An empty string or None: the report does not say."""

    driver_version: str
    vbios_version: str
    board_id: str
    chip_sku: str
    chip_info: str
    project: str
    project_sku: str
    fwid: bytes | None
    nvdec0_enabled: bool | None
    protected_pcie: bool | None
    # Types this build has no name for: signed, so they are said and not dropped.
    unknown: tuple[int, ...]


def read_fields(opaque: Mapping[int, bytes]) -> DeviceFields:
    """Return the fields by name; raise `EvidenceError` `malformed` for one of another form."""
    fwid = opaque.get(FWID)
    if fwid is not None and len(fwid) != DIGEST_BYTES:
        raise malformed(f"FWID is {len(fwid)} bytes, expected {DIGEST_BYTES}")
    return DeviceFields(
        driver_version=_text(opaque, DRIVER_VERSION),
        vbios_version=_vbios(opaque.get(VBIOS_VERSION, b"")),
        board_id=opaque.get(BOARD_ID, b"")[::-1].hex(),
        chip_sku=_text(opaque, CHIP_SKU),
        chip_info=_text(opaque, CHIP_INFO),
        project=_text(opaque, PROJECT),
        project_sku=_text(opaque, PROJECT_SKU),
        fwid=fwid,
        nvdec0_enabled=_status(opaque, NVDEC0_STATUS),
        protected_pcie=_status(opaque, PROTECTED_PCIE_STATUS),
        unknown=tuple(sorted(opaque.keys() - KNOWN)),
    )


def _text(opaque: Mapping[int, bytes], kind: int) -> str:
    value = opaque.get(kind, b"")
    if _TEXT.fullmatch(value) is None:
        raise malformed(f"opaque field {kind} is not text")
    return value.rstrip(b"\0").decode("ascii")


def _vbios(value: bytes) -> str:
    """Return the version as NVIDIA prints it: `96.00.A5.00.01`.

    A GPU gives it as two little-endian words, the second with the last octet; a switch as text.
    """
    if len(value) == _VBIOS_BYTES and not any(value[5:]):
        octets = (*reversed(value[:4]), value[4])
        return ".".join(f"{octet:02X}" for octet in octets)
    if value and _SWITCH_BIOS.fullmatch(value) is None:
        raise malformed("VBIOS version is in no known form")
    return value.rstrip(b"\0").decode("ascii").upper()


def _status(opaque: Mapping[int, bytes], kind: int) -> bool | None:
    if kind not in opaque:
        return None
    if opaque[kind] not in _STATUS:
        raise malformed(f"opaque field {kind} is neither on (0xaa) nor off (0x55)")
    return _STATUS[opaque[kind]]
