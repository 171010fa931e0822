"""What the simulated processors are like: plausible, recent firmware per product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from attestation.verifiers.snp.products import GENOA, MILAN, TURIN, Product


@dataclass(frozen=True, slots=True)
class Model:
    """One processor model with its firmware."""

    product: Product
    cpuid: tuple[int, int, int]
    report_version: int
    firmware: tuple[int, int, int]
    tcb: bytes
    old_tcb: bytes


def _tcb(product: Product, **parts: int) -> bytes:
    tcb = bytearray(8)
    for name, value in parts.items():
        tcb[product.tcb[name]] = value
    return bytes(tcb)


MODELS: Final[Mapping[str, Model]] = MappingProxyType(
    {
        "milan": Model(
            MILAN,
            (0x19, 0x01, 0x01),
            3,
            (1, 55, 29),
            _tcb(MILAN, bootloader=4, tee=0, snp=24, microcode=219),
            _tcb(MILAN, bootloader=3, tee=0, snp=8, microcode=115),
        ),
        "genoa": Model(
            GENOA,
            (0x19, 0x11, 0x01),
            5,
            (1, 55, 49),
            _tcb(GENOA, bootloader=10, tee=0, snp=27, microcode=84),
            _tcb(GENOA, bootloader=9, tee=0, snp=21, microcode=72),
        ),
        "turin": Model(
            TURIN,
            (0x1A, 0x02, 0x01),
            5,
            (1, 58, 2),
            _tcb(TURIN, fmc=1, bootloader=2, tee=1, snp=5, microcode=77),
            _tcb(TURIN, fmc=1, bootloader=1, tee=0, snp=3, microcode=30),
        ),
    }
)
