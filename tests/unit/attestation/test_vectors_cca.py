"""Every vector of docs/specs/evidence-cca.md."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from attestation.errors import EvidenceError
from policies.claim_rows import cca as rows
from policies.claim_rows import common, devices
from tests.unit.attestation import arm_vectors
from tests.vectors import generate_cca

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "evidence-cca.md"
CASES = sorted((VECTORS / "cca").glob("*/case.json"))
STAGES = {
    "load_arm_keys": "anchors",
    "parse_token": "token",
    "authenticate_platform": "platform",
    "read_device": "device",
    "verify_device": "signer",
    "parse_platform": "platform",
    "read_key": "realm-key",
    "_authenticate_realm": "binding",
    "parse_realm": "realm",
    "verify_cca": "freshness",
    "check_lifecycle": "lifecycle",
}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    arm_vectors.check("cca", path, STAGES)


def test_folder_is_not_empty_and_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) > 80
    assert 0.7 * len(CASES) <= refused < len(CASES)


def test_every_vector_cites_a_step_and_every_step_has_a_refusal() -> None:
    steps = set(re.findall(r"\*\*([A-Z]\d+)\*\*", SPEC.read_text(encoding="utf-8")))
    cited = {path: json.loads(path.read_bytes())["why"].split(":", 1)[0] for path in CASES}
    assert set(cited.values()) <= steps
    refused = {step for path, step in cited.items() if path.parent.name.endswith("_refused")}
    assert refused == steps


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_cca.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (VECTORS / "cca").rglob("*")
    assert made == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    assert all((VECTORS / file).read_bytes() == (tmp_path / file).read_bytes() for file in made)


def test_every_claim_has_a_row_that_policies_know() -> None:
    known = {row.name: row for row in (*common.ROWS, *devices.ROWS, *rows.ROWS)}
    for path in CASES:
        if path.parent.name.endswith("_refused"):
            continue
        values = arm_vectors.run("cca", path, json.loads(path.read_bytes())).values
        assert values.keys() <= known.keys()
        for name, value in values.items():
            row = known.get(name)
            if row is not None and row.sizes:
                assert len(bytes.fromhex(str(value))) in row.sizes
            if row is not None and row.choices:
                assert value in row.choices


def test_any_flipped_bit_is_refused(tmp_path: Path) -> None:
    folder = VECTORS / "cca" / "good"
    case = json.loads((folder / "case.json").read_bytes()) | {"root": str(folder / "root.pem")}
    data = bytearray((folder / "token.cbor").read_bytes())
    path = tmp_path / "case.json"
    for at in range(len(data)):
        data[at] ^= 1 << at % 8
        (tmp_path / "token.cbor").write_bytes(data)
        with pytest.raises(EvidenceError):
            arm_vectors.run("cca", path, case)
        data[at] ^= 1 << at % 8
