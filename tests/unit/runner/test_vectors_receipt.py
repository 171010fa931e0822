"""Every receipt vector: docs/specs/receipt.md, sections 1 to 4.4."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.errors import RunnerCode, RunnerError
from runner.receipt import read_receipt

FOLDER = Path(__file__).parents[2] / "vectors" / "receipt"
CASES = sorted(FOLDER.glob("*/case.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    receipt = (path.parent / "receipt.json").read_bytes()
    assert case["stage"] == "read"
    if case["expect"] == "accepted":
        assert read_receipt(receipt).subject[0].name == "example/solver"
        return
    with pytest.raises(RunnerError) as caught:
        read_receipt(receipt)
    assert caught.value.code == case["expect"]


def test_most_cases_are_refusals_and_every_code_has_one() -> None:
    expected = [json.loads(path.read_text(encoding="utf-8"))["expect"] for path in CASES]
    refused = [code for code in expected if code != "accepted"]
    assert len(CASES) >= 50
    assert len(refused) >= 0.7 * len(CASES)
    assert set(refused) == {code.value for code in RunnerCode if code.name.startswith("RECEIPT_")}
