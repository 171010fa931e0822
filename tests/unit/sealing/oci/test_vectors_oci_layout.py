"""Every image-layout vector: docs/specs/oci-artifact.md, section 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealing.errors import SealError
from sealing.oci.descriptor import parse_manifest
from sealing.oci.layout import OciLayout

FOLDER = Path(__file__).parents[3] / "vectors" / "oci_layout"
CASES = sorted(FOLDER.glob("*/case.json"))


def read_everything(folder: Path, case: dict[str, Any], reached: list[str]) -> int:
    """Read as a puller does, noting each stage; return how many referrers were found."""
    reached.append("open")
    layout = OciLayout.open(folder)
    reached.append("manifest")
    data = layout.get_manifest(case["target"])
    reached.append("facts")
    facts = parse_manifest(data)
    reached.append("blobs")
    for blob in facts.blobs:
        layout.get_blob(blob.digest, blob.size)
    reached.append("referrers")
    found = layout.referrers(facts.descriptor.digest, artifact_type=case["artifact_type"])
    return len(found)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    reached: list[str] = []
    if case["expect"] == "accepted":
        assert read_everything(path.parent / "layout", case, reached) == case["referrers"]
        return
    with pytest.raises(SealError) as caught:
        read_everything(path.parent / "layout", case, reached)
    assert (caught.value.code, reached[-1]) == (case["expect"], case["stage"])


def test_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) >= 60
    assert refused >= 0.7 * len(CASES)
