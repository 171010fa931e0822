"""What goes into a run and what comes out of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from runner.ending import Ending
from runner.wasi.denials import Denial

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class RunInputs:
    """What the runner gives to one run. Each part must be granted, and what is granted must come.

    `files` maps the guest path of each mount with source `host` to its files, by relative path.
    """

    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    stdin: bytes = field(default=b"", repr=False)
    files: Mapping[str, Files] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where time and randomness come from, if the grant is for real ones."""

    realtime_ns: Callable[[], int] = time.time_ns
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    entropy: Callable[[int], bytes] = os.urandom


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended and what it left. What the guest said is kept out of `repr`.

    `exit_code` is the guest's own and only there if it chose one. `trap` is a class name. `frames`
    and the details of `denials` may quote the module, so they belong to its owner.
    """

    ending: Ending
    exit_code: int | None
    trap: str
    fuel_used: int
    wall_ns: int
    peak_memory_bytes: int
    host_calls: Mapping[str, int]
    denials: tuple[Denial, ...]
    stdout_bytes: int
    stderr_bytes: int
    reproducible: bool
    stdout: bytes = field(default=b"", repr=False)
    stderr: bytes = field(default=b"", repr=False)
    frames: tuple[str, ...] = field(default=(), repr=False)
    written: Mapping[str, Files] = field(default_factory=dict, repr=False)

    def usage(self) -> dict[str, int]:
        """The figures of a receipt."""
        return {
            "fuel": self.fuel_used,
            "wall-clock-ns": self.wall_ns,
            "peak-memory-bytes": self.peak_memory_bytes,
            "host-calls": sum(self.host_calls.values()),
            "stdout-bytes": self.stdout_bytes,
            "stderr-bytes": self.stderr_bytes,
        }
