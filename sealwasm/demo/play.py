"""Plays the story: one line per step while it runs, a table of steps and times at the end."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import click

from sealwasm.demo.stage import Stage, StepFailedError, StepNotPlayed, open_stage
from sealwasm.demo.story import STEPS, Step
from sealwasm.guard import require_own_packages
from sealwasm.session import table


class Played(NamedTuple):
    """One step as it went."""

    title: str
    ok: bool
    seconds: float
    shown: str
    played: bool = True

    @property
    def state(self) -> str:
        """One word for the table."""
        return ("ok" if self.ok else "FAILED") if self.played else "skipped"


def play(*, keep: bool, tee: str) -> list[Played]:
    """Play every step in order and stop at the first that fails."""
    packages = require_own_packages()
    folder = Path(tempfile.mkdtemp(prefix="sealwasm-demo-"))
    played: list[Played] = []
    with open_stage(folder, packages, keep=keep, tee=tee) as stage:
        for number, step in enumerate(STEPS, start=1):
            click.echo(f"[{number:2}/{len(STEPS)}] {step.title} ... ", nl=False, err=True)
            played.append(_play_one(step, stage))
            click.echo(played[-1].shown if played[-1].ok else "FAILED", err=True)
            if not played[-1].ok:
                break
    if keep:
        click.echo(f"kept: {folder}", err=True)
    return played


def _play_one(step: Step, stage: Stage) -> Played:
    start = time.monotonic()
    try:
        shown, ok = step.play(stage), True
    except StepNotPlayed as reason:
        return Played(step.title, ok=True, seconds=0.0, shown=f"skipped: {reason}", played=False)
    except (StepFailedError, OSError, subprocess.SubprocessError, KeyError, LookupError) as error:
        shown, ok = f"{type(error).__name__}: {error}", False
    return Played(step.title, ok, time.monotonic() - start, shown)


def as_text(played: list[Played]) -> str:
    """The table at the end."""
    rows: list[tuple[object, ...]] = [
        (number, one.state, f"{one.seconds:6.2f}", one.title)
        for number, one in enumerate(played, start=1)
    ]
    rows += [("", "", f"{sum(one.seconds for one in played):6.2f}", "all (simulated TEE)")]
    return table(rows, header=("step", "", "seconds", "what"))


def as_document(played: list[Played]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "ok": len(played) == len(STEPS) and all(one.ok for one in played),
        "simulated": True,
        "seconds": round(sum(one.seconds for one in played), 3),
        "python": sys.version.split()[0],
        "steps": [one._asdict() for one in played],
    }
