"""The demo as people run it: every step as said, and a broken step is said and ends it."""

from __future__ import annotations

import json

from click.testing import CliRunner

from sealwasm.cli import cli
from sealwasm.demo import play as demo_play
from sealwasm.demo.stage import StepFailedError
from sealwasm.demo.story import STEPS, Step
from sealwasm.session import Session


def run(*arguments: str):
    return CliRunner().invoke(cli, ["demo", "-o", "json", *arguments], obj=Session())


def test_every_step_goes_as_said():
    done = run()
    report = json.loads(done.stdout)
    assert report["ok"], report
    assert report["simulated"] is True
    assert [step["title"] for step in report["steps"]] == [step.title for step in STEPS]
    assert done.return_value == 0


def test_a_step_that_fails_ends_the_demo_with_an_exit_code(monkeypatch):
    def broken(_stage):
        raise StepFailedError("not as said")

    steps = (Step("good", lambda _stage: "fine"), Step("broken", broken), STEPS[0])
    monkeypatch.setattr(demo_play, "STEPS", steps)
    done = run()
    report = json.loads(done.stdout)
    assert [step["ok"] for step in report["steps"]] == [True, False]
    assert not report["ok"]
    assert done.return_value == 1
    assert "not as said" in done.stderr
