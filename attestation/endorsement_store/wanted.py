"""What can be asked for. Values come from unverified evidence, so each is bounded and plain.

A wanted document is named by what it is (`names`), and a store files it under these names only if
it turns out to be exactly that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.verifiers.snp.products import PRODUCTS, Product

_FMSPC: Final = re.compile(r"[0-9a-f]{12}")
_RIM_ID: Final = re.compile(r"NV_[A-Z0-9_.]{1,120}")
_TCB_BYTES: Final = 8
INTEL_TEES: Final = ("sgx", "tdx")
INTEL_CAS: Final = ("platform", "processor")
SIGNING_KEYS: Final = ("vcek", "vlek")


@dataclass(frozen=True, slots=True)
class SnpCertificates:
    """The CA certificates above the VCEKs ("vcek") or VLEKs ("vlek") of one product."""

    product: str
    signing_key: str = "vcek"

    def __post_init__(self) -> None:
        _one_of(self.product, PRODUCTS)
        _one_of(self.signing_key, SIGNING_KEYS)

    @property
    def names(self) -> tuple[str, ...]:
        """What a store calls them."""
        return snp_name(self.product, _ca(self.signing_key)), snp_name(self.product, "ark")


@dataclass(frozen=True, slots=True)
class SnpRevocations:
    """The revocation list of one product's root."""

    product: str
    signing_key: str = "vcek"

    def __post_init__(self) -> None:
        _one_of(self.product, PRODUCTS)
        _one_of(self.signing_key, SIGNING_KEYS)

    @property
    def names(self) -> tuple[str, ...]:
        """What a store calls it."""
        return (snp_name(self.product, "crl"),)


@dataclass(frozen=True, slots=True)
class SnpChipKey:
    """The VCEK certificate of one chip at one firmware level."""

    product: str
    chip_id: bytes
    tcb: bytes

    def __post_init__(self) -> None:
        _one_of(self.product, PRODUCTS)
        size = self.kind.chip_id_bytes
        if len(self.chip_id) != size or not any(self.chip_id) or len(self.tcb) != _TCB_BYTES:
            raise _malformed(f"chip id is not {size} bytes, or zero, or the TCB is not 8 bytes")

    @property
    def kind(self) -> Product:
        """The product."""
        return PRODUCTS[self.product]

    @property
    def names(self) -> tuple[str, ...]:
        """What a store calls it."""
        return (vcek_name(self.product, self.chip_id, self.tcb),)


@dataclass(frozen=True, slots=True)
class IntelCollateral:
    """TCB info, QE identity, chains and lists for one family of processors, SGX or TDX."""

    tee: str
    fmspc: str
    ca: str

    def __post_init__(self) -> None:
        _one_of(self.tee, INTEL_TEES)
        _one_of(self.ca, INTEL_CAS)
        if not _FMSPC.fullmatch(self.fmspc):
            raise _malformed("FMSPC is not 12 lower-case hex digits")

    @property
    def names(self) -> tuple[str, ...]:
        """What a store calls it."""
        return (intel_name(self.tee, self.fmspc, self.ca),)


@dataclass(frozen=True, slots=True)
class NvidiaStatus:
    """What NVIDIA's OCSP service says about one certificate; both are DER."""

    certificate: bytes = field(repr=False)
    issuer: bytes = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """What a store calls it."""
        digest = hashlib.sha256(self.certificate + hashlib.sha256(self.issuer).digest())
        return (f"nvidia-ocsp-{_short(digest.digest())}",)


@dataclass(frozen=True, slots=True)
class NvidiaManifest:
    """One reference integrity manifest, such as `NV_GPU_DRIVER_GH100_550.90.07`."""

    identifier: str

    def __post_init__(self) -> None:
        if not _RIM_ID.fullmatch(self.identifier) or ".." in self.identifier:
            raise _malformed("RIM id is not one of NVIDIA's")

    @property
    def names(self) -> tuple[str, ...]:
        """What a store calls it."""
        return (f"nvidia-rim-{self.identifier.lower()}",)


Wanted = (
    SnpCertificates | SnpRevocations | SnpChipKey | IntelCollateral | NvidiaStatus | NvidiaManifest
)


def snp_name(product: str, what: str) -> str:
    """Return the name of a product's certificate or list: "ark", "ask", "asvk" or "crl"."""
    return f"snp-{product}-{what}"


def vcek_name(product: str, chip_id: bytes, tcb: bytes) -> str:
    """Return the name of one chip's VCEK; a digest, because a chip id has 128 digits."""
    return snp_name(product, f"vcek-{_short(chip_id + tcb)}")


def intel_name(tee: str, fmspc: str, ca: str) -> str:
    """Return the name of one piece of Intel collateral."""
    return f"intel-{tee}-{fmspc}-{ca}"


def _ca(signing_key: str) -> str:
    return "asvk" if signing_key == "vlek" else "ask"


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:40]


def _one_of(value: str, known: Container[str]) -> None:
    if value not in known:
        raise _malformed("product, TEE, key or CA is not a known one")


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"wanted endorsement: {detail}")
