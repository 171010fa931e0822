"""Which simulated platforms there are, by TEE, and which one a folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from attestation.encoding import parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_STATE_BYTES
from attestation.simulated.cca.platform import SimulatedCcaPlatform
from attestation.simulated.machine import SimulatedMachine
from attestation.simulated.nitro.platform import SimulatedNitroPlatform
from attestation.simulated.sgx.platform import SimulatedSgxPlatform
from attestation.simulated.snp.platform import SimulatedPlatform
from attestation.simulated.tdx.platform import SimulatedTdxPlatform

STATE_FILE: Final = "state.json"

PLATFORMS: Final[Mapping[str, type[SimulatedMachine]]] = MappingProxyType(
    {
        "snp": SimulatedPlatform,
        "nitro": SimulatedNitroPlatform,
        "cca": SimulatedCcaPlatform,
        "tdx": SimulatedTdxPlatform,
        "sgx": SimulatedSgxPlatform,
    }
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
