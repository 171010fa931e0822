"""Every reference vector: docs/specs/oci-artifact.md, section 1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealing.errors import SealError
from sealing.oci.reference import Reference

FOLDER = Path(__file__).parents[3] / "vectors" / "oci_reference"
CASES = sorted(FOLDER.glob("*/case.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    if case["expect"] == "accepted":
        reference = Reference.parse(case["reference"])
        assert (reference.location, reference.target) == (case["location"], case["target"])
        assert str(reference) == case["reference"]
        return
    with pytest.raises(SealError) as caught:
        stage = "parse"
        reference = Reference.parse(case["reference"])
        stage = "target"
        _ = reference.target
    assert (caught.value.code, stage) == (case["expect"], case["stage"])


def test_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) >= 60
    assert refused >= 0.7 * len(CASES)
