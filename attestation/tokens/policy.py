"""What a relying party expects of a service's token. The defaults are the strict ones.

Issuer, audience and nonce are texts as the issuer writes them. Where no default is given, the
caller has to say what is expected, or write `Unsafe.NOT_CHECKED`; an empty one cannot be meant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from attestation.ear import Unsafe

Expected = str | Unsafe

GCS_ISSUER: Final = "https://confidentialcomputing.googleapis.com"
NRAS_ISSUER: Final = "https://nras.attestation.nvidia.com"
# Confidential Computing on Google's machines; the list leaves out shielded, unencrypted ones.
GCS_MODELS: Final = frozenset({"GCP_AMD_SEV", "GCP_AMD_SEV_ES", "GCP_AMD_SEV_SNP", "GCP_INTEL_TDX"})


@dataclass(frozen=True, slots=True)
class MaaPolicy:
    """Microsoft Azure Attestation. The issuer is the provider's own address.

    `nonce` is looked for in `nonce`, `x-ms-runtime.nonce` and `x-ms-runtime.client-payload.nonce`
    (which Azure's client writes in base64). Azure's tokens have no audience.
    """

    issuer: Expected
    nonce: Expected = field(repr=False)
    allow_debug: bool = False
    allow_migration: bool = False
    require_compliant: bool = True

    def __post_init__(self) -> None:
        _refuse_empty(self.issuer, self.nonce)


@dataclass(frozen=True, slots=True)
class GcsPolicy:
    """Google Cloud Confidential Space. `support_attributes` must all be there."""

    audience: Expected
    nonce: Expected = field(repr=False)
    issuer: Expected = GCS_ISSUER
    hwmodels: frozenset[str] = GCS_MODELS
    support_attributes: frozenset[str] = frozenset({"STABLE"})
    allow_debug: bool = False

    def __post_init__(self) -> None:
        _refuse_empty(self.audience, self.nonce, self.issuer, self.hwmodels)


@dataclass(frozen=True, slots=True)
class ItaPolicy:
    """Intel Trust Authority. `policies` are ids of appraisal policies that must have matched.

    `nonce` is looked for in `attester_held_data`, `verifier_nonce.val` and
    `attester_runtime_data.nonce`. Intel's tokens have no audience.
    """

    issuer: Expected
    nonce: Expected = field(repr=False)
    tcb_statuses: frozenset[str] = frozenset({"UpToDate"})
    policies: frozenset[str] = frozenset()
    allow_debug: bool = False

    def __post_init__(self) -> None:
        _refuse_empty(self.issuer, self.nonce, self.tcb_statuses)


@dataclass(frozen=True, slots=True)
class NrasPolicy:
    """NVIDIA Remote Attestation Service. `hwmodels` are whole names, or their first words.

    NVIDIA's tokens have no audience.
    """

    nonce: Expected = field(repr=False)
    hwmodels: frozenset[str] | Unsafe
    issuer: Expected = NRAS_ISSUER
    allow_debug: bool = False

    def __post_init__(self) -> None:
        _refuse_empty(self.nonce, self.hwmodels, self.issuer)


def _refuse_empty(*expected: object) -> None:
    if not all(expected):
        raise ValueError("an expected issuer, audience, nonce or list is empty")
