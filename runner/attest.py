"""Which TEE vouches for this runner: the one somebody named, never one that is guessed."""

from __future__ import annotations

from pathlib import Path

from attestation.attesters import Attester
from attestation.detect import Places, first_usable, look
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.simulated.platforms import load_platform
from runner.errors import RunnerCode, RunnerError
from runner.measure import Measurement

REMEDY = (
    "sealwasm doctor; without a TEE: sealwasm simulate platform FOLDER, "
    "then sealwasm run --simulated-platform FOLDER ..."
)


def simulated_attester(platform: Path, measurement: Measurement) -> Attester:
    """Return a guest of the simulated silicon in `platform` that was launched with `measurement`.

    It proves nothing about this machine, and every result that rests on it says so. Raises
    `RunnerError` if the folder holds no platform.
    """
    try:
        return load_platform(platform).launch(measurement.digest)
    except (EvidenceError, OSError) as error:
        detail = f"{platform} holds no simulated platform"
        raise RunnerError(RunnerCode.ATTESTER_MISSING, detail, REMEDY) from error


def pick_attester(
    simulated_platform: Path | None, measurement: Measurement, places: Places | None = None
) -> Attester:
    """Return the attester to use. Raises `RunnerError` where no TEE can be asked.

    Devices are looked for in a fixed order (`attestation.detect`); silicon in software is used only
    when a folder is named.
    """
    if simulated_platform is not None:
        return simulated_attester(simulated_platform, measurement)
    findings = look(places)
    attester = first_usable(findings)
    if attester is None:
        seen = "; ".join(f"{one.where}: {one.why}" for one in findings)
        detail = f"no TEE of this machine can be asked for evidence ({seen})"
        raise RunnerError(RunnerCode.ATTESTER_MISSING, detail, REMEDY)
    return attester


def take_evidence(attester: Attester, report_data: bytes) -> UnverifiedEvidence:
    """Return fresh evidence over `report_data`. Raises `RunnerError` if the TEE gives none."""
    try:
        return attester.attest(report_data)
    except (EvidenceError, OSError) as error:
        detail = f"{attester.tee} gave no evidence"
        raise RunnerError(RunnerCode.ATTESTER_MISSING, detail) from error
