"""Every vector of docs/specs/evidence-tdx.md."""

from __future__ import annotations

from pathlib import Path

import pytest
import rfc8785

from tests.unit.attestation import intel_driver as driver
from tests.vectors import generate_tdx

CASES = driver.cases_of("tdx")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = driver.read_case(path)
    assert driver.outcome("tdx", path) == (case["expect"], case["stage"])
    if case["expect"] == "accepted":
        claims = driver.run("tdx", path, case)
        assert claims.simulated
        assert claims.values | case.get("claims", {}) == claims.values
        assert rfc8785.dumps(dict(claims.values))


def test_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) > 300
    assert 0.7 * len(CASES) <= refused < len(CASES)


def test_every_step_has_a_vector_that_passes_and_one_that_is_refused() -> None:
    steps = driver.steps_of("tdx")
    assert driver.steps_cited(CASES, refused=True) == steps
    assert driver.steps_cited(CASES, refused=False) == steps


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_tdx.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (driver.VECTORS / "tdx").rglob("*")
    assert made == {path.relative_to(driver.VECTORS) for path in kept if path.is_file()}
    for file in made:
        assert (driver.VECTORS / file).read_bytes() == (tmp_path / file).read_bytes()
