"""The demo as people run it: every step as said, and a broken step is said and ends it."""

from __future__ import annotations

import json

import pytest

from sealwasm.cli import run_command
from sealwasm.demo import play as demo_play
from sealwasm.demo.stage import StepFailedError
from sealwasm.demo.story import STEPS, Step
from sealwasm.session import Session

# All on one worker of the test runner: they share a world, and guides use the default port.
pytestmark = pytest.mark.xdist_group("command-line")


def test_every_step_goes_as_said(capsys):
    code = run_command(["demo", "-o", "json"], Session())
    report = json.loads(capsys.readouterr().out)
    assert report["ok"], report
    assert report["simulated"] is True
    assert [step["title"] for step in report["steps"]] == [step.title for step in STEPS]
    assert code == 0


def test_a_step_that_fails_ends_the_demo_with_an_exit_code(monkeypatch, capsys):
    def broken(_stage):
        raise StepFailedError("not as said")

    steps = (Step("good", lambda _stage: "fine"), Step("broken", broken), STEPS[0])
    monkeypatch.setattr(demo_play, "STEPS", steps)
    code = run_command(["demo", "-o", "json"], Session())
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert [step["ok"] for step in report["steps"]] == [True, False]
    assert not report["ok"]
    assert code == 1
    assert "not as said" in printed.err
