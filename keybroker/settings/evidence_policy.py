"""`evidence.policy` of broker.yaml: which machines are accepted, per TEE.

What is not named keeps the strict default of `attestation.policy`. What loosens it in a way that
lets a host look into a guest is called unsafe.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from attestation.policy import CrlPolicy, EvidencePolicy
from keybroker.settings.sections import Count, Section

Product = Literal["milan", "genoa", "turin"]
TcbPart = Literal["bootloader", "tee", "snp", "microcode", "fmc"]
Level = Annotated[int, Field(ge=0, le=255)]
Number = Annotated[int, Field(ge=0, le=2**31)]
Pcr = Annotated[int, Field(ge=0, le=23)]
# A certificate digest of an SGX signer (MRSIGNER).
Signer = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Advisory = Annotated[str, Field(pattern=r"^INTEL-SA-[0-9]{5}$")]
_UNSAFE: Final = "unsafe_"


class SnpSection(Section):
    """Of AMD SEV-SNP: `attestation.policy.SnpPolicy`."""

    products: tuple[Product, ...] = ()
    signing_keys: tuple[Literal["vcek", "vlek"], ...] = ()
    minimum_tcb: dict[Product, dict[TcbPart, Level]] = Field(default_factory=dict)
    minimum_report_version: Literal[2, 3, 5] = 2
    minimum_abi: tuple[Level, Level] = (0, 0)
    max_vmpl: Annotated[int, Field(ge=0, le=3)] = 0
    allow_masked_chip_id: bool = False
    allow_smt: bool = True
    require_single_socket: bool = False
    require_alias_check: bool = False
    require_ciphertext_hiding: bool = False
    require_platform_smt_off: bool = False
    unsafe_allow_debug: bool = False
    unsafe_allow_migration: bool = False


class IntelSection(Section):
    """Of Intel SGX and TDX, what both share: `attestation.policy.IntelPolicy`."""

    accepted_statuses: tuple[str, ...] = ()
    denied_advisories: tuple[Advisory, ...] = ()
    minimum_tcb_evaluation_number: Number = 0


class TdxSection(Section):
    """Of Intel TDX: `attestation.policy.TdxPolicy`."""

    allow_service_td: bool = False
    require_sept_ve_disable: bool = True
    unsafe_allow_debug: bool = False
    unsafe_allow_migration: bool = False


class SgxSection(Section):
    """Of Intel SGX: `attestation.policy.SgxPolicy`."""

    minimum_isv_svn: Annotated[int, Field(ge=0, le=65535)] = 0
    signers: tuple[Signer, ...] = ()
    unsafe_allow_debug: bool = False


class NitroSection(Section):
    """Of AWS Nitro enclaves: `attestation.policy.NitroPolicy`."""

    max_age_seconds: Count = 300
    unsafe_allow_debug: bool = False


class CcaSection(Section):
    """Of Arm CCA: `attestation.policy.CcaPolicy`."""

    unsafe_allow_debug: bool = False


class TpmSection(Section):
    """Of TPM quotes: `attestation.policy.TpmPolicy`."""

    measurement_pcr: Pcr = 12
    event_log_pcrs: tuple[Pcr, ...] = ()
    require_event_log: bool = False


class NvidiaSection(Section):
    """Of NVIDIA devices: `attestation.policy.NvidiaPolicy`."""

    architectures: tuple[str, ...] = ()
    require_rim: bool = False
    require_ocsp: bool = False


class PolicySection(Section):
    """One mapping per TEE; what is missing is strict."""

    snp: SnpSection = SnpSection()
    intel: IntelSection = IntelSection()
    tdx: TdxSection = TdxSection()
    sgx: SgxSection = SgxSection()
    nitro: NitroSection = NitroSection()
    cca: CcaSection = CcaSection()
    tpm: TpmSection = TpmSection()
    nvidia: NvidiaSection = NvidiaSection()

    def to_policy(self, crl: CrlPolicy) -> EvidencePolicy:
        """Return the policy. Raises `ValueError` that names the TEE for what cannot be meant."""
        strict = EvidencePolicy(crl=crl)
        members: dict[str, Any] = {}
        for tee in type(self).model_fields:
            kind = type(getattr(strict, tee))
            try:
                members[tee] = kind(**_arguments(getattr(self, tee)))
            except ValueError as error:
                raise ValueError(f"evidence.policy.{tee}: {error}") from error
        return EvidencePolicy(crl=crl, **members)


def _arguments(section: Section) -> dict[str, Any]:
    """Return what was written, in the types of the policy: lists of names are sets there."""
    written = section.model_dump(exclude_unset=True)
    return {name.removeprefix(_UNSAFE): _typed(name, value) for name, value in written.items()}


def _typed(name: str, value: Any) -> Any:
    if name == "signers":
        return frozenset(map(bytes.fromhex, value))
    if isinstance(value, tuple) and name != "minimum_abi":
        return frozenset(value)
    return value
