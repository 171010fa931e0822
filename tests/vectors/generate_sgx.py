"""Vectors of docs/specs/evidence-sgx.md: by simulated silicon, one folder per case."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.intel_chain_cases import chains
from tests.vectors.intel_collateral_cases import collateral
from tests.vectors.intel_quote_cases import quotes, signatures
from tests.vectors.intel_status_cases import statuses
from tests.vectors.intel_world import SGX
from tests.vectors.intel_writer import write_cases
from tests.vectors.sgx_cases import own_cases


def generate(root: Path) -> None:
    """Write every case below `root`."""
    parts = (quotes, signatures, chains, collateral, statuses)
    write_cases(root, SGX, [*(case for part in parts for case in part(SGX)), *own_cases()])
