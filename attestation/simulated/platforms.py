"""Which simulated platforms there are, by TEE, and which one a folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from attestation.encoding import parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_STATE_BYTES
from attestation.simulated.azure import faults as azure_faults
from attestation.simulated.azure.platform import (
    SimulatedAzureSnpPlatform,
    SimulatedAzureTdxPlatform,
)
from attestation.simulated.cca import faults as cca_faults
from attestation.simulated.cca.platform import SimulatedCcaPlatform
from attestation.simulated.machine import SimulatedMachine
from attestation.simulated.nitro import faults as nitro_faults
from attestation.simulated.nitro.platform import SimulatedNitroPlatform
from attestation.simulated.sgx import faults as sgx_faults
from attestation.simulated.sgx.platform import SimulatedSgxPlatform
from attestation.simulated.snp import faults as snp_faults
from attestation.simulated.snp.platform import SimulatedPlatform
from attestation.simulated.tdx import faults as tdx_faults
from attestation.simulated.tdx.platform import SimulatedTdxPlatform
from attestation.simulated.tpm import faults as tpm_faults
from attestation.simulated.tpm.platform import SimulatedTpmPlatform

_FAULTS_OF: Final[Mapping[str, type[StrEnum]]] = {
    "snp": snp_faults.Fault,
    "nitro": nitro_faults.Fault,
    "cca": cca_faults.Fault,
    "tdx": tdx_faults.Fault,
    "sgx": sgx_faults.Fault,
    "tpm": tpm_faults.Fault,
    "azure-snp": azure_faults.Fault,
    "azure-tdx": azure_faults.Fault,
}
STATE_FILE: Final = "state.json"

PLATFORMS: Final[Mapping[str, type[SimulatedMachine]]] = MappingProxyType(
    {
        "snp": SimulatedPlatform,
        "nitro": SimulatedNitroPlatform,
        "cca": SimulatedCcaPlatform,
        "tdx": SimulatedTdxPlatform,
        "sgx": SimulatedSgxPlatform,
        "tpm": SimulatedTpmPlatform,
        "azure-snp": SimulatedAzureSnpPlatform,
        "azure-tdx": SimulatedAzureTdxPlatform,
    }
)

# TEE -> the names of what can be wrong with its simulated platform.
FAULTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {tee: frozenset(fault.value for fault in faults) for tee, faults in _FAULTS_OF.items()}
)


def load_platform(folder: Path) -> SimulatedMachine:
    """Return the platform in `folder`, whichever TEE it simulates.

    Raises `EvidenceError` if the folder holds none, `OSError` if it cannot be read.
    """
    return PLATFORMS[tee_of(folder)].load(folder)


def tee_of(folder: Path) -> str:
    """Return which TEE the platform in `folder` simulates; raise `EvidenceError` if none."""
    try:
        state = (folder / STATE_FILE).read_bytes()
    except FileNotFoundError as error:
        raise EvidenceError(Refusal.MALFORMED, "folder holds no simulated platform") from error
    document = parse_json(state, limit_bytes=MAX_STATE_BYTES, what=STATE_FILE)
    tee = document.get("tee") if isinstance(document, dict) else None
    if not isinstance(tee, str) or tee not in PLATFORMS:
        raise EvidenceError(Refusal.UNSUPPORTED, "folder simulates a TEE this build does not know")
    return tee
