"""Vectors of docs/specs/evidence-cca.md: by simulated silicon, one folder per case."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.arm_cases import write
from tests.vectors.cca_cases import KEYS, TOKENS
from tests.vectors.cca_claim_cases import PLATFORMS, REALMS, USES

CASES = (*TOKENS, *KEYS, *PLATFORMS, *REALMS, *USES)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    write(root, "cca", CASES)
