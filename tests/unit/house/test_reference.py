"""The generated pages of docs/reference are what the code says now."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "docs" / "reference"


def load_generator():
    location = ROOT / "tools" / "generate_reference.py"
    spec = importlib.util.spec_from_file_location("generate_reference", location)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()
FILES = GENERATOR.reference_files()


@pytest.mark.parametrize("name", FILES)
def test_page_is_current(name):
    committed = (REFERENCE / name).read_text(encoding="utf-8")
    assert committed == FILES[name], "run: python tools/generate_reference.py"


@pytest.mark.parametrize("columns", ["40", "300"])
def test_help_does_not_depend_on_the_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    text = GENERATOR.commands()
    assert text == FILES["commands.md"]
    assert max(map(len, text.splitlines())) <= GENERATOR.WIDTH


def test_every_code_and_number_has_a_line():
    codes, numbers = FILES["codes.md"], FILES["exit-codes.md"]
    for enum, _, _ in GENERATOR.ENUMS:
        for code in enum:
            assert codes.count(f"| `{code}` | `{code.name}` |") == 1, code
    for table in (GENERATOR.sealwasm.exit_codes.MEANING, GENERATOR.runner.exit_codes.MEANING):
        for number, meaning in table.items():
            assert numbers.count(f"| {int(number)} | {meaning} |") == 1, number


def test_commands_of_every_depth_are_there():
    commands = FILES["commands.md"]
    for path in ("sealwasm", "sealwasm policy check", "sealwasm run", "sealwasm receipt verify"):
        assert f"## `{path}`\n" in commands
