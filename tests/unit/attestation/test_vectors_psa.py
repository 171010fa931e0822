"""Every vector of docs/specs/evidence-psa.md."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from attestation.errors import EvidenceError
from attestation.simulated.psa.device import SimulatedPsaDevice
from tests.unit.attestation import arm_vectors
from tests.vectors import generate_psa

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "evidence-psa.md"
CASES = sorted((VECTORS / "psa").glob("*/case.json"))
STAGES = {
    "_authenticate": "token",
    "parse_message": "token",
    "layout_of": "profile",
    "read_device": "device",
    "verify_device": "signer",
    "parse_claims": "claims",
    "verify_psa": "freshness",
    "check_lifecycle": "lifecycle",
}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    arm_vectors.check("psa", path, STAGES)


def test_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) > 40
    assert 0.7 * len(CASES) <= refused < len(CASES)


def test_every_vector_cites_a_step_and_every_step_has_a_refusal() -> None:
    steps = set(re.findall(r"\*\*([A-Z]\d+)\*\*", SPEC.read_text(encoding="utf-8")))
    cited = {path: json.loads(path.read_bytes())["why"].split(":", 1)[0] for path in CASES}
    assert set(cited.values()) <= steps
    refused = {step for path, step in cited.items() if path.parent.name.endswith("_refused")}
    assert refused == steps


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_psa.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (VECTORS / "psa").rglob("*")
    assert made == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    assert all((VECTORS / file).read_bytes() == (tmp_path / file).read_bytes() for file in made)


def test_any_flipped_bit_is_refused(tmp_path: Path) -> None:
    folder = VECTORS / "psa" / "good"
    case = json.loads((folder / "case.json").read_bytes()) | {"root": str(folder / "root.pem")}
    data = bytearray((folder / "token.cbor").read_bytes())
    for at in range(len(data)):
        data[at] ^= 1 << at % 8
        (tmp_path / "token.cbor").write_bytes(data)
        with pytest.raises(EvidenceError):
            arm_vectors.run("psa", tmp_path / "case.json", case)
        data[at] ^= 1 << at % 8


def test_measurement_changes_with_what_was_launched() -> None:
    path = VECTORS / "psa" / "good" / "case.json"
    case = json.loads(path.read_bytes())
    shown = arm_vectors.run("psa", path, case).measurement
    assert len(shown) == 32
    assert (
        len(
            {
                shown,
                *(
                    arm_vectors.run("psa", other, json.loads(other.read_bytes())).measurement
                    for other in CASES
                    if other.parent.name in {"profile-1", "profile-tfm"}
                ),
            }
        )
        == 1
    )


def test_a_simulated_device_answers_for_itself() -> None:
    device = SimulatedPsaDevice.of(bytes(48), bytes(48))
    assert device.tee == device.attest(bytes(range(64))).tee == "psa"
    assert device.of_profile_1().attest(bytes(range(64))) != device.attest(bytes(range(64)))
    with pytest.raises(ValueError, match="expected 48"):
        SimulatedPsaDevice.of(bytes(48), bytes(32))
