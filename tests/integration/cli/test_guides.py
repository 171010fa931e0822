"""The commands of every guide run as they stand, in order, in an empty folder."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from keybroker.config import API, OPERATIONS

# All on one worker of the test runner where it can: they share a world.
pytestmark = pytest.mark.xdist_group("command-line")

ROOT = Path(__file__).resolve().parents[3]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 120


def wait_for_default_ports() -> None:
    """Guides use the broker's default ports, as readers do: let whoever had them let go first."""
    for listen in (API, OPERATIONS):
        for _ in range(300):
            try:
                socket.create_server((listen.host, listen.port)).close()
                break
            except OSError:
                time.sleep(0.1)


def run_blocks(blocks: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the blocks in one shell, with our command and nothing else of ours on the path."""
    tools = folder / ".bin"
    tools.mkdir()
    launcher = tools / "sealwasm"
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); import sealwasm.cli as c; c.main()"
    launcher.write_text(f"#!/bin/sh\nexec {sys.executable} -I -c '{program}' {ROOT} \"$@\"\n")
    launcher.chmod(0o755)
    # A broker that the guide leaves running ends with the shell's own trap.
    script = "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n" + "\n".join(blocks)
    # One at a time, whichever worker of the test runner it is on: all use the default ports.
    with (Path(tempfile.gettempdir()) / "sealwasm-guides.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        wait_for_default_ports()
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env={"PATH": f"{tools}:{os.defpath}", "HOME": str(folder), "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


def test_there_is_a_guide_per_reader():
    assert {path.stem for path in GUIDES} >= {"module-owner", "operator", "compliance"}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_guide(guide, tmp_path):
    blocks = BLOCK.findall(guide.read_text(encoding="utf-8"))
    assert blocks, "a guide has commands"
    done = run_blocks(blocks, tmp_path)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_readme_tour(tmp_path):
    """The tour of the README: the files it takes for granted come from the demo."""
    tour = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))[1]
    assert "sealwasm seal app.wasm" in tour
    lines = [line for line in tour.splitlines() if not line.startswith(". .venv")]
    prepare = """
sealwasm demo --files given && mv given/solver.wasm app.wasm
sed 's/, source: host,/, source: empty,/' given/solver.yaml > grant.yaml
measured=$(sealwasm reference measure -o json | sed -n 's/^  "measurement": "\\(.*\\)",$/\\1/p')
cat > release.yaml <<END
apiVersion: sealwasm/v1
kind: ReleasePolicy
metadata: {name: acme/prod, version: 1}
spec:
  simulated-tee: allow
  lease: 15m
  any-of: [{name: here, tee: snp, measurement: {in: ["$measured"]}}]
END
"""
    text = "\n".join(lines).replace(
        "sealwasm broker serve broker &",
        "sealwasm broker serve broker > ready 2> log &\n"
        "until grep -q identity ready; do\n"
        "kill -0 $! || { cat log >&2; exit 9; }; sleep 0.1; done\n#",
    )
    text = text.replace("--receipt run.json", "--receipt run.json -- --help > /dev/null")
    done = run_blocks([prepare, text], tmp_path)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_readme_quote(tmp_path):
    """The README's quote to try the verifier on; its Python is run in test_base_install."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    (collect,) = [block for block in blocks if "evidence collect" in block]
    done = run_blocks([collect], tmp_path)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert '"tdx"' in (tmp_path / "quote.json").read_text()
