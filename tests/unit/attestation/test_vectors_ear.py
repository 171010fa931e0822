"""Every vector of docs/specs/ear.md: tokens, keys, reference values."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from attestation.ear import EarClaims, EarPolicy, verify_ear
from attestation.ear_keys import load_ear_keys
from attestation.errors import EvidenceError
from attestation.reference import ReferenceValues
from tests.vectors import generate_ear

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "ear.md"
EAR = sorted((VECTORS / "ear").glob("*/case.json"))
REFERENCES = sorted((VECTORS / "reference-values").glob("*/case.json"))


def run(path: Path, case: dict[str, Any], stages: list[str]) -> EarClaims:
    policy = case["policy"] | {"nonce": bytes.fromhex(case["policy"]["nonce"])}
    key_file = (path.parent / "keys.bin").read_bytes()
    stages.append("key")
    keys = load_ear_keys(key_file) if key_file else ()
    stages.append("verify")
    return verify_ear(
        (path.parent / "token.jwt").read_text(encoding="utf-8"),
        keys=keys,
        policy=EarPolicy(**policy),
        now=datetime.fromtimestamp(case["now"], UTC),
    )


@pytest.mark.parametrize("path", EAR, ids=lambda path: path.parent.name)
def test_token(path: Path) -> None:
    case = json.loads(path.read_bytes())
    stages: list[str] = []
    if case["expect"] == "accepted":
        assert run(path, case, stages).status == case["status"]
        return
    with pytest.raises(EvidenceError) as caught:
        run(path, case, stages)
    assert (caught.value.code, stages[-1]) == (case["expect"], case["stage"])


@pytest.mark.parametrize("path", REFERENCES, ids=lambda path: path.parent.name)
def test_reference_values(path: Path) -> None:
    case = json.loads(path.read_bytes())
    data = (path.parent / "values.json").read_bytes()
    if case["expect"] == "accepted":
        parsed = ReferenceValues.parse(data)
        assert ReferenceValues.parse(parsed.to_bytes()) == parsed
        return
    with pytest.raises(EvidenceError) as caught:
        ReferenceValues.parse(data)
    assert caught.value.code == case["expect"]


@pytest.mark.parametrize(("cases", "least"), [(EAR, 70), (REFERENCES, 14)])
def test_folder_is_not_empty_and_most_cases_are_refusals(cases: list[Path], least: int) -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in cases)
    assert len(cases) >= least
    assert 0.7 * len(cases) <= refused < len(cases)


def test_every_vector_cites_a_step_and_every_step_has_a_refusal() -> None:
    steps = set(re.findall(r"\*\*([A-Z]\d+)\*\*", SPEC.read_text(encoding="utf-8")))
    cited = {p: json.loads(p.read_bytes())["why"].split(":", 1)[0] for p in (*EAR, *REFERENCES)}
    assert set(cited.values()) <= steps
    assert {step for p, step in cited.items() if p.parent.name.endswith("_refused")} == steps


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_ear.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (*(VECTORS / "ear").rglob("*"), *(VECTORS / "reference-values").rglob("*"))
    assert made == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    assert all((VECTORS / file).read_bytes() == (tmp_path / file).read_bytes() for file in made)
