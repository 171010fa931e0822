"""From verified claims to an attestation result: how much to trust what was proved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from attestation import trust_vector as ar4si
from attestation.claims import ClaimValue, VerifiedClaims
from attestation.reference import ReferenceValues
from attestation.trust_vector import Tier, tier_of, worst

APPRAISAL_POLICY: Final = "urn:sealwasm:appraisal:v1"
# TEEs that encrypt the memory of what they run. An enclave of Nitro is isolated by its hypervisor,
# a TPM says what booted: neither is a statement about memory.
_ENCRYPTED: Final = frozenset({"snp", "tdx", "sgx", "azure-snp", "azure-tdx"})
# Their measurement is that of the cloud's paravisor, the same for every tenant: it approves nobody.
_OPAQUE_GUESTS: Final = frozenset({"azure-snp", "azure-tdx"})
_UP_TO_DATE: Final = "UpToDate"
_SECURED: Final = "secured"
# Without a statement on each of these there is no affirming result.
_NEEDED: Final = ("configuration", "executables", "hardware")


@dataclass(frozen=True, slots=True)
class Appraisal:
    """The result for one attester. `simulated` results never affirm."""

    status: Tier
    vector: Mapping[str, int]
    simulated: bool
    reference: str | None
    claims: Mapping[str, ClaimValue] = field(repr=False)
    policy_id: str = APPRAISAL_POLICY


@dataclass(frozen=True, slots=True)
class AttestationResult:
    """Appraisals by attester; an EAR carries one submodule for each."""

    submods: Mapping[str, Appraisal]

    @property
    def status(self) -> Tier:
        """The worst status of all."""
        return worst(appraisal.status for appraisal in self.submods.values())

    @property
    def simulated(self) -> bool:
        """Whether anything in it rests on simulated silicon."""
        return any(appraisal.simulated for appraisal in self.submods.values())


def appraise(claims: VerifiedClaims, references: ReferenceValues) -> AttestationResult:
    """Return a trust vector for `claims` and for each of its devices, and what follows from it.

    An unknown measurement gives a warning, no reference values for the TEE gives no statement, and
    simulated silicon is never genuine hardware. Decides nothing: a release policy does.
    """
    return AttestationResult(
        MappingProxyType(
            {name: _appraise_one(one, references) for name, one in attesters_of(claims).items()}
        )
    )


def attesters_of(claims: VerifiedClaims) -> Mapping[str, VerifiedClaims]:
    """Return who attested, by submodule: the processor under its TEE, devices as `gpu-0` and on."""
    return {claims.tee: claims} | {f"gpu-{n}": one for n, one in enumerate(claims.devices)}


def _appraise_one(claims: VerifiedClaims, references: ReferenceValues) -> Appraisal:
    name = references.name_of(claims.tee, claims.measurement)
    vector = dict.fromkeys(ar4si.VECTOR_NAMES, ar4si.NO_CLAIM)
    vector["hardware"] = _hardware(claims)
    if claims.tee in _ENCRYPTED and not claims.simulated:
        vector["runtime-opaque"] = ar4si.ENCRYPTED_RUNTIME
    vector["configuration"] = _configuration(claims.values)
    # A device's vendor publishes signed reference values; comparing with them counts as ours.
    if claims.tee in _OPAQUE_GUESTS:
        name = None
    elif name is not None or claims.values.get("gpu.rim-checked"):
        vector["executables"] = ar4si.APPROVED_EXECUTABLES
    elif references.has_any_for(claims.tee):
        vector["executables"] = ar4si.UNRECOGNIZED_EXECUTABLES
    return Appraisal(
        status=status_of(vector),
        vector=MappingProxyType(vector),
        simulated=claims.simulated,
        reference=name,
        claims=claims.values,
    )


def status_of(vector: Mapping[str, int]) -> Tier:
    """Return the worst tier of what is stated and of what has to be stated."""
    stated = [value for name, value in vector.items() if name in _NEEDED or value]
    return worst(tier_of(value) for value in stated)


def _hardware(claims: VerifiedClaims) -> int:
    # A policy may accept a platform with known weaknesses; the result still says that it has some.
    is_current = claims.values.get("tcb-status", _UP_TO_DATE) == _UP_TO_DATE
    if claims.simulated or not is_current:
        return ar4si.UNSAFE_HARDWARE
    return ar4si.GENUINE_HARDWARE


def _configuration(values: Mapping[str, ClaimValue]) -> int:
    # A policy may let these pass; the result still says what they are.
    if values.get("debug") or values.get("lifecycle", _SECURED) != _SECURED:
        return ar4si.UNSUPPORTABLE_CONFIGURATION
    service_td = str(values.get("mrservicetd", "")).strip("0")
    open_to_host = not values.get("sept-ve-disable", True)
    if values.get("migratable") or values.get("vmpl") or service_td or open_to_host:
        return ar4si.UNSAFE_CONFIGURATION
    return ar4si.APPROVED_CONFIGURATION
