"""The devices that can be simulated: names, firmware and measurements as real ones have them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from attestation.verifiers.nvidia.report import DIGEST_BYTES

# Which blocks a driver's RIM and a VBIOS's RIM speak of, counted from 1 as a report does.
DRIVER_BLOCKS: Final = (23, 24, 33, 34, 35, 36, 37, 38, 39)
VBIOS_BLOCKS: Final = (2, 3, 4, 5, 6, 7, 10)
# Video decoder 0 is off, so its block is zero although the RIM has a value.
NVDEC0_BLOCK: Final = 36


@dataclass(frozen=True, slots=True)
class Model:
    """One kind of device. `tcb_info` says that its leaf has a DiceTcbInfo, as from Blackwell on."""

    name: str
    chip: str
    stepping: str
    rim_product: str
    blocks: int
    driver_version: str
    vbios_version: str
    project: str
    project_sku: str
    chip_sku: str
    is_switch: bool = False
    tcb_info: bool = False

    def golden(self, kind: str) -> Mapping[int, bytes]:
        """Return the right digests of the "driver" or the "vbios", by block."""
        version = self.driver_version if kind == "driver" else self.vbios_version
        listed = DRIVER_BLOCKS if kind == "driver" else VBIOS_BLOCKS
        return MappingProxyType(
            {
                block: hashlib.sha384(f"{self.chip} {kind} {version} {block}".encode()).digest()
                for block in listed
            }
        )

    def measurements(self) -> dict[int, bytes]:
        """Return what a device with this firmware reports."""
        found = dict.fromkeys(range(1, self.blocks + 1), bytes(DIGEST_BYTES))
        found |= self.golden("vbios")
        if not self.is_switch:
            found |= self.golden("driver")
            found[NVDEC0_BLOCK] = bytes(DIGEST_BYTES)
        return found


MODELS: Final[Mapping[str, Model]] = MappingProxyType(
    {
        "hopper": Model(
            name="hopper",
            chip="GH100",
            stepping="A01 GSP",
            rim_product="GH100",
            blocks=64,
            driver_version="570.86.10",
            vbios_version="96.00.AF.00.01",
            project="1010",
            project_sku="0200",
            chip_sku="882",
        ),
        "blackwell": Model(
            name="blackwell",
            chip="GB100",
            stepping="A01 GSP",
            rim_product="GB100",
            blocks=64,
            driver_version="575.32",
            vbios_version="97.00.88.00.0F",
            project="G525",
            project_sku="0220",
            chip_sku="886",
            tcb_info=True,
        ),
        "ls10": Model(
            name="ls10",
            chip="LS_10",
            stepping="A01 FSP",
            rim_product="LS10",
            blocks=31,
            driver_version="",
            vbios_version="96.10.55.00.01",
            project="",
            project_sku="",
            chip_sku="",
            is_switch=True,
        ),
    }
)
