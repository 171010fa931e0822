"""Attesters are named, never guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from attestation.errors import EvidenceError, Refusal
from attestation.simulated import SimulatedPlatform
from runner.attest import pick_attester, take_evidence
from runner.errors import RunnerCode, RunnerError
from runner.measure import runner_measurement

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def platform(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("silicon") / "platform"
    SimulatedPlatform.create(folder, now=NOW)
    return folder


def test_silicon_in_a_named_folder_measures_this_runner(platform: Path) -> None:
    measurement = runner_measurement()
    evidence = take_evidence(pick_attester(platform, measurement), b"\x07" * 64)
    assert evidence.tee == "snp"
    report = evidence.parts["report"]
    assert measurement.digest in report
    assert b"\x07" * 64 in report


@pytest.mark.parametrize("name", [None, "nowhere", "empty"])
def test_no_platform(tmp_path: Path, name: str | None) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunnerError) as caught:
        pick_attester(tmp_path / name if name else None, runner_measurement())
    assert caught.value.code is RunnerCode.ATTESTER_MISSING
    assert "simulate platform" in caught.value.remedy


class BrokenTee:
    tee = "snp"

    def attest(self, report_data: bytes) -> None:
        raise EvidenceError(Refusal.MALFORMED, "device is gone")


def test_a_tee_that_gives_no_evidence() -> None:
    with pytest.raises(RunnerError) as caught:
        take_evidence(BrokenTee(), bytes(64))
    assert caught.value.code is RunnerCode.ATTESTER_MISSING
