"""The main job, end to end, in real processes, on every kind of simulated TEE."""

from __future__ import annotations

import pytest

from sealwasm.commands.simulate import TEES
from sealwasm.demo import story
from sealwasm.demo.stage import open_stage
from sealwasm.guard import require_own_packages

pytestmark = [pytest.mark.xdist_group("command-line"), pytest.mark.slow]

STEPS = (
    story.make_platforms,
    story.start_broker,
    story.enrol_owner,
    story.seal_and_publish,
    story.refused_changed_runner,
    story.refused_stranger,
    story.granted_and_solved,
    story.receipt_verified,
    story.audit_verified,
)


@pytest.mark.parametrize("tee", TEES)
def test_sealed_module_runs_on_every_kind_of_tee(tee: str, tmp_path) -> None:
    """Each step checks what it did: refusals by code, answers by arithmetic, receipts offline."""
    with open_stage(tmp_path / tee, require_own_packages(), keep=True, tee=tee) as stage:
        stage.folder.mkdir(exist_ok=True)
        shown = [step(stage) for step in STEPS]
    assert all(shown)
    assert shown[4] == "release denied: rule `measurement` of policy acme/prod"
    assert "x = 7" in shown[6]


def test_the_command_line_offers_what_there_is() -> None:
    from attestation.simulated.platforms import FAULTS, PLATFORMS

    assert set(TEES) == set(PLATFORMS) == set(FAULTS)
