"""Every vector of docs/specs/endorsements.md."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from attestation.bundle import BUNDLE_TYPE, parse_bundle
from attestation.errors import EvidenceError
from sealing.errors import SealError
from sealing.keys import VerifyingKey
from sealing.signatures import dsse
from tests.unit.sealing.makers import unb64
from tests.vectors import generate_endorsements

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "endorsements.md"
CASES = sorted((VECTORS / "endorsements").glob("*/case.json"))
# Steps about texts too large to keep, with the test that has them.
ELSEWHERE = {"B1": "tests/unit/attestation/test_bundle.py"}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_bytes())
    data = (path.parent / "bundle.json").read_bytes()
    stages: list[str] = []

    def run() -> None:
        payload = data
        if "keys" in case:
            stages.append("signature")
            keys = [VerifyingKey.from_spki(unb64(one)) for one in case["keys"]]
            payload = dsse.verify(data, payload_type=BUNDLE_TYPE, keys=keys)
        stages.append("parse")
        bundle = parse_bundle(payload)
        assert bundle.to_bytes() == payload
        stages.append("endorsements")
        bundle.to_endorsements()

    if case["expect"] == "accepted":
        run()
        return
    with pytest.raises((EvidenceError, SealError)) as caught:
        run()
    assert (caught.value.code, stages[-1]) == (case["expect"], case["stage"])


def test_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) >= 50
    assert 0.7 * len(CASES) <= refused < len(CASES)


def test_every_vector_cites_a_step_and_every_step_has_a_refusal() -> None:
    text = SPEC.read_text(encoding="utf-8").partition("## F.")[0]
    steps = set(re.findall(r"\*\*([A-Z]\d+)\*\*", text))
    cited = {path: json.loads(path.read_bytes())["why"].split(":", 1)[0] for path in CASES}
    assert set(cited.values()) <= steps
    refused = {step for path, step in cited.items() if path.parent.name.endswith("_refused")}
    assert refused | ELSEWHERE.keys() == steps


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_endorsements.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (path for path in (VECTORS / "endorsements").rglob("*") if path.is_file())
    assert made == {path.relative_to(VECTORS) for path in kept}
    assert all((VECTORS / file).read_bytes() == (tmp_path / file).read_bytes() for file in made)
