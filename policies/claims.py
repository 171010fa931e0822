"""The claims a policy may name: type, who says it, and which TEE has it.

The list is closed: a claim with a typing error would be absent for ever, and `exists: false` on it
would hold for ever. Names are those of the verifiers (vendor manuals, kebab-case). One module of
`policies.claim_rows` per TEE; a name that several TEEs use has one kind, and the sizes and choices
of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from policies.claim import Claim, ClaimKind, ClaimSource, ClaimValue
from policies.claim_rows import (
    azure_snp,
    azure_tdx,
    cca,
    common,
    devices,
    nitro,
    sgx,
    snp,
    tdx,
    tpm,
)
from policies.claim_rows.common import TEES
from policies.claim_rows.snp import PRODUCTS, SIGNING_KEYS, TCB_LEVELS, TCB_PARTS

__all__ = [
    "CLAIMS",
    "CLAIMS_OF",
    "KEEPERS",
    "MEASUREMENTS",
    "PRODUCTS",
    "SIGNERS",
    "SIGNING_KEYS",
    "TCB_LEVELS",
    "TCB_PARTS",
    "TEES",
    "Claim",
    "ClaimKind",
    "ClaimSource",
    "ClaimValue",
]


class _Rows(Protocol):
    """What a module of `policies.claim_rows` has for its TEE."""

    @property
    def ROWS(self) -> tuple[Claim, ...]: ...  # noqa: N802 - a constant of a module
    @property
    def MEASUREMENTS(self) -> frozenset[str]: ...  # noqa: N802 - a constant of a module
    @property
    def SIGNERS(self) -> frozenset[str]: ...  # noqa: N802 - a constant of a module


_MODULES: Final[Mapping[str, _Rows]] = {
    "snp": snp,
    "tdx": tdx,
    "sgx": sgx,
    "nitro": nitro,
    "cca": cca,
    "tpm": tpm,
    "azure-snp": azure_snp,
    "azure-tdx": azure_tdx,
}


def _merged(rows: Iterable[Claim]) -> dict[str, Claim]:
    """Return one claim per name; kinds must agree, sizes and choices add up."""
    found: dict[str, Claim] = {}
    for row in rows:
        known = found.get(row.name, row)
        if known.kind is not row.kind:
            raise ValueError(f"claim {row.name} is of two kinds")
        found[row.name] = known._replace(
            sizes=tuple(sorted({*known.sizes, *row.sizes})),
            choices=tuple(dict.fromkeys((*known.choices, *row.choices))),
        )
    return found


def _device_rows(tee: str) -> tuple[Claim, ...]:
    return devices.ROWS if tee in devices.TEES else ()


CLAIMS_OF: Final[Mapping[str, Mapping[str, Claim]]] = MappingProxyType(
    {
        tee: MappingProxyType(_merged((*common.ROWS, *_device_rows(tee), *module.ROWS)))
        for tee, module in _MODULES.items()
    }
)
CLAIMS: Final[Mapping[str, Claim]] = MappingProxyType(
    _merged(
        (
            *common.ROWS,
            *devices.ROWS,
            *(row for module in _MODULES.values() for row in module.ROWS),
        )
    )
)

# What says *what was launched*. An environment without one of these would admit anything.
MEASUREMENTS: Final[Mapping[str, frozenset[str]]] = {
    tee: module.MEASUREMENTS for tee, module in _MODULES.items()
}
SIGNERS: Final[Mapping[str, frozenset[str]]] = {
    tee: module.SIGNERS for tee, module in _MODULES.items()
}
# What says *who holds the key of the virtual TPM*, where one measures the guest. Hardware vouches
# for any such key: without one of these, a TPM in software of anybody's own guest would do.
KEEPERS: Final[Mapping[str, frozenset[str]]] = {
    "azure-snp": frozenset({"measurement"}) | snp.SIGNERS,
    "azure-tdx": frozenset({"measurement"}),
}
