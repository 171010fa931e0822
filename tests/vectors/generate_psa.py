"""Vectors of docs/specs/evidence-psa.md: by a simulated device, one folder per case."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.arm_cases import write
from tests.vectors.psa_cases import CASES


def generate(root: Path) -> None:
    """Write every case below `root`."""
    write(root, "psa", CASES)
