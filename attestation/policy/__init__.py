"""What a verifier accepts beyond authenticity. The defaults are the strict ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from attestation.policy.cca import CcaPolicy
from attestation.policy.intel import IntelPolicy, SgxPolicy, TdxPolicy
from attestation.policy.nitro import NitroPolicy
from attestation.policy.nvidia import NvidiaPolicy
from attestation.policy.snp import SNP_PRODUCTS, SNP_REPORT_VERSIONS, SnpPolicy
from attestation.policy.tpm import TpmPolicy

__all__ = [
    "SNP_PRODUCTS",
    "SNP_REPORT_VERSIONS",
    "CcaPolicy",
    "CrlPolicy",
    "EvidencePolicy",
    "IntelPolicy",
    "NitroPolicy",
    "NvidiaPolicy",
    "SgxPolicy",
    "SnpPolicy",
    "TdxPolicy",
    "TpmPolicy",
]


class CrlPolicy(StrEnum):
    """Whether a revocation list must be there. One that was given is always checked."""

    REQUIRED = "required"
    UNSAFE_NOT_REQUIRED = "unsafe-not-required"


@dataclass(frozen=True, slots=True)
class EvidencePolicy:
    """One policy for all TEEs: what they share, and one member per TEE."""

    crl: CrlPolicy = CrlPolicy.REQUIRED
    snp: SnpPolicy = field(default_factory=SnpPolicy)
    intel: IntelPolicy = field(default_factory=IntelPolicy)
    tdx: TdxPolicy = field(default_factory=TdxPolicy)
    sgx: SgxPolicy = field(default_factory=SgxPolicy)
    nitro: NitroPolicy = field(default_factory=NitroPolicy)
    cca: CcaPolicy = field(default_factory=CcaPolicy)
    tpm: TpmPolicy = field(default_factory=TpmPolicy)
    nvidia: NvidiaPolicy = field(default_factory=NvidiaPolicy)
