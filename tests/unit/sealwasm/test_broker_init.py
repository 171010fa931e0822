"""`sealwasm broker init --trust-simulated`: whatever the platform's TEE publishes is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestation.simulated.platforms import PLATFORMS
from keybroker.settings.config import load_config
from keybroker.settings.models import load_settings
from sealwasm.cli import run_command
from sealwasm.session import Session
from tests.fakes.silicon import MEASUREMENT, NOW, make_platform
from tests.fakes.world import references


@pytest.mark.parametrize("tee", PLATFORMS)
def test_any_simulated_platform_can_be_trusted(tmp_path: Path, tee: str) -> None:
    platform = tmp_path / "tee"
    if tee == "snp":
        make_platform(platform)
    else:
        PLATFORMS[tee].create(platform, now=NOW)
    (tmp_path / "references.json").write_bytes(references(MEASUREMENT))
    line = ["broker", "init", str(tmp_path / "broker"), "--trust-simulated", str(platform)]
    line += ["--references", str(tmp_path / "references.json")]
    assert run_command(line, Session()) == 0
    trust = load_settings(tmp_path / "broker", load_config(tmp_path / "broker")).trust
    assert trust.simulated
    published = (platform / "endorsements.json").exists()
    assert (trust.files is not None) is published
