"""Options that contradict each other are refused: none is left out silently."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealwasm.cli import run_command
from sealwasm.session import Session

ANY = "--unsafe-any-report-data"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["{file}", "--report", "{file}", ANY], "usage"),
        (["{file}", "--vek", "{file}", ANY], "usage"),
        (["{file}", ANY, "--report-data", "11" * 64], "usage"),
        (["{file}", "--report-data", "00" * 64], "report-data"),
        (["{file}", "--report-data", "11" * 63], "report-data"),
        (["{twice}", ANY], "evidence-file"),
        (["{deep}", ANY], "evidence-file"),
        ([ANY], "evidence-missing"),
    ],
)
def test_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: str
) -> None:
    texts = {"file": "{}", "twice": '{"tee":"a","tee":"snp"}', "deep": "[" * 100_000}
    names = {name: str(tmp_path / f"{name}.json") for name in texts}
    for name, text in texts.items():
        Path(names[name]).write_text(text)
    given = [option.format(**names) for option in options]
    assert run_command(["evidence", "verify", "-o", "json", *given], Session()) == 2
    assert json.loads(capsys.readouterr().err)["error"]["code"] == code
