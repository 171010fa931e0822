"""The commands of every guide run as they stand, line by line, in an empty folder."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from keybroker.settings.config import API, OPERATIONS

# All on one worker of the test runner where it can: they share a world.
pytestmark = pytest.mark.xdist_group("command-line")

ROOT = Path(__file__).resolve().parents[3]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
OWNERS = ROOT / "docs" / "guides" / "module-owner.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 300


def wait_for_default_ports() -> None:
    """Guides use the broker's default ports, as readers do: let whoever had them let go first."""
    for listen in (API, OPERATIONS):
        for _ in range(300):
            try:
                socket.create_server((listen.host, listen.port)).close()
                break
            except OSError:
                time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page, with all its lines: continuations, loops, here-documents."""

    line: int
    text: str


def commands_of(page: str) -> list[Command]:
    """Return what the `sh` blocks of a page have a shell do, command by command."""
    found = []
    for block in BLOCK.finditer(page):
        start, gathered = page.count("\n", 0, block.start(1)) + 1, ""
        for number, line in enumerate(block[1].splitlines(), start):
            start = start if gathered else number
            gathered += line + "\n"
            if is_whole(gathered):
                if not re.fullmatch(r"\s*(?:#.*)?\s*", gathered):
                    found.append(Command(start, gathered))
                gathered = ""
        assert not gathered, f"line {start}: no whole command"
    return found


def is_whole(text: str) -> bool:
    """Tell whether a shell would run this and not wait for more lines."""
    checked = subprocess.run(
        ["bash", "-n"], input=text, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    # Of an open here-document bash only warns.
    return not checked.returncode and not checked.stderr and not text.endswith("\\\n")


@dataclass(frozen=True, slots=True)
class Done:
    """How a page ended, and the commands that were begun, in order."""

    code: int
    begun: list[Command]
    output: str

    def explain(self) -> str:
        last = self.begun[-1]
        return f"line {last.line}: exit code {self.code} of:\n{last.text}\n{self.output}"


def run_commands(commands: list[Command], folder: Path) -> Done:
    """Run commands in one shell, up to the first that fails, with nothing of ours on the path."""
    tools = folder / ".bin"
    tools.mkdir()
    launcher = tools / "sealwasm"
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); import sealwasm.cli as c; c.main()"
    launcher.write_text(f"#!/bin/sh\nexec {sys.executable} -I -c '{program}' {ROOT} \"$@\"\n")
    launcher.chmod(0o755)
    begun = tools / "begun"
    begun.write_text("")
    # A broker that the guide leaves running ends with the shell's own trap.
    script = "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n"
    for number, command in enumerate(commands):
        script += f"echo {number} >> {begun}\n{command.text}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": f"{tools}:{os.defpath}", "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    numbers = [int(line) for line in begun.read_text().split()]
    output = f"{done.stdout}\n{done.stderr}"
    return Done(done.returncode, [commands[number] for number in numbers], output)


def run_page(commands: list[Command], folder: Path) -> None:
    """Run commands that have to do what they say, all of them."""
    # One at a time, whichever worker of the test runner it is on: all use the default ports.
    with (Path(tempfile.gettempdir()) / "sealwasm-guides.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        wait_for_default_ports()
        done = run_commands(commands, folder)
    assert done.code == 0, done.explain()
    assert done.begun == commands


def test_there_is_a_guide_per_reader():
    assert {path.stem for path in GUIDES} >= {"module-owner", "operator", "compliance"}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_guide(guide, tmp_path):
    commands = commands_of(guide.read_text(encoding="utf-8"))
    assert commands, "a guide has commands"
    run_page(commands, tmp_path)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_no_line_is_spared(guide):
    """A shell that stops at the first failure passes over commands behind a `!`."""
    for command in commands_of(guide.read_text(encoding="utf-8")):
        assert not command.text.startswith("! "), f"line {command.line}"


def test_the_ten_minutes_go_through_an_owners_life():
    text = "".join(command.text for command in commands_of(OWNERS.read_text(encoding="utf-8")))
    steps = ["init", "publish", "list", "inspect", "verify", "run oci:", "receipt verify", "diff"]
    for step in [*steps, "rotate", "revoke", "export", "import"]:
        assert f"sealwasm {step}" in text
    # A command that may fail says how: `|| test $? = 10`.
    assert "|| true" not in text


def test_whichever_line_of_the_ten_minutes_fails_is_named(tmp_path):
    commands = commands_of(OWNERS.read_text(encoding="utf-8"))
    for place, broken in enumerate(commands):
        folder = tmp_path / str(place)
        folder.mkdir()
        tried = [replace(one, text="true\n") for one in commands]
        tried[place] = replace(broken, text="(exit 5)\n")
        done = run_commands(tried, folder)
        assert done.code == 5
        assert done.explain().startswith(f"line {broken.line}: exit code 5")
        assert done.begun == tried[: place + 1]


@pytest.mark.parametrize(
    ("block", "line"),
    [
        ("true\nsealwasm no-such-command\ntrue", 3),
        ("true\nsealwasm key show \\\n  missing.key", 3),
        ("true\nfalse | cat\n", 3),
        ("cat > f <<END\nfalse\nEND\ncat f\ntest -f g", 6),
        ("until true; do\n  false\ndone\nfalse || test $? = 10", 5),
        ("x=$(false)\ntrue", 2),
    ],
)
def test_a_broken_line_is_noticed(block, line, tmp_path):
    done = run_commands(commands_of(f"```sh\n{block}\n```\n"), tmp_path)
    assert done.code != 0
    assert done.explain().startswith(f"line {line}: ")


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_what_is_not_run_looks_like_it(guide):
    """Blocks to look at are `text` or `yaml`: any other kind would be taken for tried."""
    fences = re.findall(r"^```(.*)$", guide.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(fences[::2]) <= {"sh", "text", "yaml", "json"}
    assert set(fences[1::2]) == {""}


def test_readme_tour(tmp_path):
    """The module owner's way in the README, as it stands."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (tour,) = [block for block in BLOCK.findall(page) if "sealwasm init" in block]
    run_page(commands_of(f"```sh\n{tour}```\n"), tmp_path)


def test_readme_quote(tmp_path):
    """The README's quote to try the verifier on; its Python is run in test_base_install."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    (collect,) = [block for block in blocks if "evidence collect" in block]
    run_page(commands_of(f"```sh\n{collect}```\n"), tmp_path)
    assert '"tdx"' in (tmp_path / "quote.json").read_text()
