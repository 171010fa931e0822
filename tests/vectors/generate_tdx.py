"""Vectors of docs/specs/evidence-tdx.md: by simulated silicon, one folder per case."""

from __future__ import annotations

from pathlib import Path

from tests.vectors.intel_chain_cases import chains
from tests.vectors.intel_collateral_cases import collateral
from tests.vectors.intel_quote_cases import quotes, signatures
from tests.vectors.intel_status_cases import statuses
from tests.vectors.intel_world import TDX
from tests.vectors.intel_writer import write_cases
from tests.vectors.tdx_cases import own_cases
from tests.vectors.tdx_log_cases import log_cases


def generate(root: Path) -> None:
    """Write every case below `root`."""
    parts = (quotes, signatures, chains, collateral, statuses)
    write_cases(
        root, TDX, [*(case for part in parts for case in part(TDX)), *own_cases(), *log_cases()]
    )
