"""A command that crashes leaves no core file: owners' and brokers' commands hold keys."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

DUMPS = """
import os, resource, signal
from sealwasm import cli

hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

def crash(*given):
    print(resource.getrlimit(resource.RLIMIT_CORE)[0], flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)

cli.run_command = crash
cli.main()
"""


def test_no_command_leaves_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DUMPS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == -signal.SIGSEGV, done.stderr
    assert done.stdout == b"0\n"
    assert not list(tmp_path.iterdir())
