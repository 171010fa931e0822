"""What differs between processor generations: CPUID, TCB layout, certificate names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from attestation.trust import SIMULATED_PREFIX


@dataclass(frozen=True, slots=True)
class Product:
    """One generation: how its certificates call it, and where its TCB parts lie."""

    name: str
    title: str
    tcb: Mapping[str, int]
    # Where the VEK's reserved SPLs (extensions .3.4 to .3.7) lie in a TCB_VERSION.
    tcb_reserved: Mapping[int, int]
    chip_id_bytes: int


_ZEN_3_4_TCB: Final = MappingProxyType({"bootloader": 0, "tee": 1, "snp": 6, "microcode": 7})
_ZEN_3_4_RESERVED: Final = MappingProxyType({4: 2, 5: 3, 6: 4, 7: 5})
_ZEN_5_TCB: Final = MappingProxyType(
    {"fmc": 0, "bootloader": 1, "tee": 2, "snp": 3, "microcode": 7}
)
_ZEN_5_RESERVED: Final = MappingProxyType({5: 4, 6: 5, 7: 6})

MILAN: Final = Product("milan", "Milan", _ZEN_3_4_TCB, _ZEN_3_4_RESERVED, 64)
GENOA: Final = Product("genoa", "Genoa", _ZEN_3_4_TCB, _ZEN_3_4_RESERVED, 64)
TURIN: Final = Product("turin", "Turin", _ZEN_5_TCB, _ZEN_5_RESERVED, 8)
PRODUCTS: Final[Mapping[str, Product]] = MappingProxyType(
    {product.name: product for product in (MILAN, GENOA, TURIN)}
)

# (combined CPUID family, first model, last model, product). Bergamo and Siena use Genoa's keys.
_BY_CPUID: Final = (
    (0x19, 0x00, 0x0F, MILAN),
    (0x19, 0x10, 0x1F, GENOA),
    (0x19, 0xA0, 0xAF, GENOA),
    (0x1A, 0x00, 0x11, TURIN),
)


def product_of_cpuid(family: int, model: int) -> Product | None:
    """Return the product whose keys a processor uses, or None for one we do not know."""
    for known_family, first, last, product in _BY_CPUID:
        if family == known_family and first <= model <= last:
            return product
    return None


def name_prefix(*, simulated: bool) -> str:
    """Return what the common names of a hierarchy start with."""
    return SIMULATED_PREFIX if simulated else ""


def intermediate_name(product: Product, signing_key: str, prefix: str) -> str:
    """Return the common name of the CA that signs this kind of VEK."""
    middle = "SEV-VLEK" if signing_key == "vlek" else "SEV"
    return f"{prefix}{middle}-{product.title}"


def vek_name(signing_key: str, prefix: str) -> str:
    """Return the common name of a VEK."""
    return f"{prefix}SEV-{signing_key.upper()}"
