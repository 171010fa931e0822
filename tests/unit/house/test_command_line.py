"""The command line as a whole: fast help, true help lines, one shape of error."""

import importlib
import json
import subprocess
import sys

import click
import pytest

from sealwasm.cli import COMMANDS, run_command
from sealwasm.session import Session

HEAVY = ("cryptography", "fastapi", "httpx", "pydantic", "rich", "wasmtime", "yaml")


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from sealwasm.cli import run_command; from sealwasm.session import Session;"
        "code = run_command(['--help'], Session());"
        "print(code, [name for name in sys.argv[1:] if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *HEAVY], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_line_is_the_commands_own(name):
    target, line = COMMANDS[name]
    module, _, attribute = target.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.help.splitlines()[0] == line


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    assert run_command([name, "--help"], Session()) == 0
    assert "Usage: sealwasm " + name in capsys.readouterr().out


def test_unknown_command_is_one_clear_error(capsys):
    assert run_command(["pubish"], Session()) == 2
    assert "Did you mean 'publish'?" in capsys.readouterr().err


def test_error_as_json(capsys):
    assert run_command(["key", "show", "-o", "json", "no-such-file"], Session()) == 5
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["code"] == "file-not-found"
    assert error["exit_code"] == 5
    assert error["next"]
