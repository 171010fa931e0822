"""Reports of NVIDIA devices, field by field (DMTF DSP0274; NVIDIA's opaque data)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attestation.describe.field import Described, described
from attestation.verifiers.nvidia.fields import read_fields
from attestation.verifiers.nvidia.report import parse_report

_MEANINGS: Final = {
    "nonce": "what the report is bound to",
    "response_nonce": "random, by the device",
    "slot": "which of the device's chains",
    "driver_version": "driver of the host or guest",
    "vbios_version": "firmware of the board",
    "board_id": "which board",
    "chip_sku": "which chip",
    "chip_info": "which chip, in words",
    "project": "which board design",
    "project_sku": "which variant of it",
    "fwid": "digest of the firmware that holds the key",
    "nvdec0_enabled": "first decoder is on",
    "protected_pcie": "protected PCIe is on",
    "unknown": "signed fields without a name here",
}


def describe_nvidia(parts: Mapping[str, bytes]) -> list[Described]:
    """Return the fields of a report and its measurements."""
    report = parse_report(parts.get("report", b""))
    hidden = ("blocks", "record", "opaque", "signed", "r", "s")
    found = described("report", report, _MEANINGS, without=hidden)
    found += described("report", read_fields(report.opaque), _MEANINGS)
    found += [
        Described("report", f"measurement {index}", value.hex(), "compared with signed RIMs")
        for index, value in sorted(report.blocks.items())
    ]
    return found
