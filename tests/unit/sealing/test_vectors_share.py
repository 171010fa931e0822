"""Every share vector: docs/specs/split-keys.md, sections 2 and 3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealing.envelope import ShareHeader
from sealing.errors import SealError
from sealing.holders.shamir import Share, combine, open_share

FOLDER = Path(__file__).parents[2] / "vectors" / "share"
CASES = sorted(FOLDER.glob("*/case.json"))


def run(folder: Path, case: dict[str, Any]) -> None:
    if case["stage"] == "open":
        header = ShareHeader.from_document(case["header"])
        share = open_share((folder / "share.bin").read_bytes(), header)
        assert share.to_bytes() == (folder / "share.bin").read_bytes()
        return
    files = sorted(folder.glob("share-*.bin"))
    shares = [Share.parse(path.read_bytes()) for path in files]
    options = combine(shares, threshold=case["threshold"])
    assert (options.symkey.hex(), options.nonce.hex()) == (case["symkey"], case["nonce"])
    assert options.digest == case["digest"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    if case["expect"] == "accepted":
        run(path.parent, case)
        return
    with pytest.raises(SealError) as caught:
        run(path.parent, case)
    assert caught.value.code == case["expect"]


def test_most_cases_are_refusals() -> None:
    assert len(CASES) >= 25
    assert sum("_refused" in path.parent.name for path in CASES) >= 0.6 * len(CASES)
