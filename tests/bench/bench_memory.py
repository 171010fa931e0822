"""Memory over 100,000 verifications of every kind in turn: it must stay where it was."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated.platforms import PLATFORMS
from attestation.trust import TrustAnchors
from attestation.verify import verify
from tests.fakes.silicon import MEASUREMENT, make_platform

RUNS = 100_000
# Caches fill and allocators settle in this time.
WARM_UP = 10_000
EVIDENCES = 16
# Nitro certificates are made by the clock and live for hours.
NOW = datetime.now(UTC)
# Half of the smallest object there is: allocators move pages about, a leak keeps an object each.
MAX_GROWTH_BYTES = 8


def resident_bytes() -> int:
    """Return the memory of this process that is in use."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def verifications(tee: str, folder: Path) -> list[Callable[[], object]]:
    """Return calls that each verify other evidence of one simulated platform."""
    if tee == "snp":
        machine: Any = make_platform(folder, now=NOW)
    else:
        machine = PLATFORMS[tee].create(folder, now=NOW)
    anchors = TrustAnchors.vendor().with_simulated(machine.roots_pem())
    endorsements, policy = machine.endorsements(), EvidencePolicy()

    def call(number: int) -> Callable[[], object]:
        data = bytes([number + 1]) * 64
        evidence = machine.launch(MEASUREMENT).attest(data)
        expected = ExpectedReportData(data)
        return lambda: verify(
            evidence,
            report_data=expected,
            endorsements=endorsements,
            policy=policy,
            anchors=anchors,
            now=NOW,
        )

    return [call(number) for number in range(EVIDENCES)]


def rows() -> list[dict[str, Any]]:
    """Return one row: bytes of growth per verification."""
    with tempfile.TemporaryDirectory() as folder:
        calls = [one for tee in PLATFORMS for one in verifications(tee, Path(folder) / tee)]
        for number in range(WARM_UP):
            calls[number % len(calls)]()
        before = resident_bytes()
        for number in range(RUNS):
            calls[number % len(calls)]()
        growth = (resident_bytes() - before) / RUNS
    return [
        {
            "name": f"memory over {RUNS:,} verifications of {len(PLATFORMS)} kinds",
            "value": round(growth, 3),
            "unit": "bytes each",
            "bare": None,
            "ratio": None,
            "goal": f"<= {MAX_GROWTH_BYTES}",
            "ok": growth <= MAX_GROWTH_BYTES,
        }
    ]
