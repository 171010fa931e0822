"""Peak memory of one `sealwasm` command: run as a script it is that command, and notes its peak.

The figures of a process that was waited for start from those of whoever started it; what a process
reads about itself does not.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.unit.sealing.wasm_maker import HEADER, WASI, leb, name, section, vector

_ROOT = Path(__file__).resolve().parents[2]
_PIECE = bytes(range(256)) * 4096


def peak_bytes(
    arguments: Sequence[str], *, folder: Path, environment: dict[str, str], expect: int = 0
) -> int:
    """Return the most memory that the command with these arguments had in use at any time."""
    note = folder / "peak"
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), str(note), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
    )
    if done.returncode != expect:
        raise RuntimeError(f"{arguments} ended with {done.returncode}: {done.stderr.decode()}")
    return int(note.read_text(encoding="ascii"))


def write_module(path: Path, size: int) -> None:
    """Write a module that ends with 7 at once, and has about `size` bytes of other sections."""
    types = section(1, vector(b"\x60\x01\x7f\x00", b"\x60\x00\x00"))
    head = (
        HEADER
        + types
        + section(2, vector(name(WASI) + name("proc_exit") + b"\x00" + leb(0)))
        + section(3, vector(leb(1)))
        + section(5, vector(b"\x00" + leb(1)))
        + section(7, vector(name("_start") + b"\x00" + leb(1), name("memory") + b"\x02" + leb(0)))
        + section(10, vector(vector(*([bytes([one]) for one in b"\x00\x41\x07\x10\x00\x0b"]))))
    )
    pieces = max(1, size // len(_PIECE))
    title = name("filler")
    with path.open("wb") as file:
        file.write(head + b"\x00" + leb(len(title) + pieces * len(_PIECE)) + title)
        for _ in range(pieces):
            file.write(_PIECE)


def _note(path: str) -> None:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            Path(path).write_text(str(int(line.split()[1]) * 1024), encoding="ascii")


def _main() -> None:
    place = os.path.abspath(sys.argv.pop(1))
    pid = os.getpid()
    # A worker that is forked off would note its own.
    atexit.register(lambda: _note(place) if os.getpid() == pid else None)
    sys.path.insert(0, str(_ROOT))
    from sealwasm.entry import main

    main()


if __name__ == "__main__":
    _main()
