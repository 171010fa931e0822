"""Which SEV-SNP guests are accepted. The defaults are the strict ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

SNP_PRODUCTS: Final = ("milan", "genoa", "turin")
SNP_REPORT_VERSIONS: Final = (2, 3, 5)
SNP_SIGNING_KEYS: Final = ("vcek", "vlek")
TCB_PARTS: Final = ("bootloader", "tee", "snp", "microcode", "fmc")
MAX_VMPL: Final = 3


@dataclass(frozen=True, slots=True)
class SnpPolicy:
    """Which SEV-SNP guests and platforms are accepted.

    `minimum_tcb` maps a product to the least value of each TCB part, for the reported and the
    launch TCB; a product that is not named has no minimum, because AMD publishes no status list.
    Raises `ValueError` for values that cannot be meant.
    """

    allow_debug: bool = False
    allow_migration: bool = False
    max_vmpl: int = 0
    minimum_report_version: int = 2
    products: frozenset[str] = frozenset(SNP_PRODUCTS)
    signing_keys: frozenset[str] = frozenset(SNP_SIGNING_KEYS)
    allow_masked_chip_id: bool = False
    minimum_tcb: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    minimum_abi: tuple[int, int] = (0, 0)
    allow_smt: bool = True
    require_single_socket: bool = False
    require_alias_check: bool = False
    require_ciphertext_hiding: bool = False
    require_platform_smt_off: bool = False

    def __post_init__(self) -> None:
        _check_choices(self)
        frozen = {name: MappingProxyType(dict(part)) for name, part in self.minimum_tcb.items()}
        object.__setattr__(self, "minimum_tcb", MappingProxyType(frozen))
        for product, parts in frozen.items():
            if product not in SNP_PRODUCTS:
                raise ValueError(f"minimum TCB names an unknown product: {product}")
            if any(name not in TCB_PARTS or not 0 <= least <= 255 for name, least in parts.items()):
                raise ValueError(f"minimum TCB of {product} has an unknown part or value")


def _check_choices(policy: SnpPolicy) -> None:
    if not 0 <= policy.max_vmpl <= MAX_VMPL:
        raise ValueError(f"max_vmpl is {policy.max_vmpl}, expected 0 to {MAX_VMPL}")
    if policy.minimum_report_version not in SNP_REPORT_VERSIONS:
        raise ValueError("minimum_report_version is not a report version")
    if not policy.products or not policy.products <= set(SNP_PRODUCTS):
        raise ValueError("products is empty or names an unknown product")
    if not policy.signing_keys or not policy.signing_keys <= set(SNP_SIGNING_KEYS):
        raise ValueError("signing_keys is empty or names an unknown key")
