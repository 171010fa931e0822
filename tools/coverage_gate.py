"""Coverage that must hold per part of the house; run by `make test` after the tests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOAL_PERCENT = 95.0

# What decides who gets a key: these parts have a floor of their own.
PARTS: dict[str, tuple[str, ...]] = {
    "sealing": ("sealing/",),
    "attestation": ("attestation/",),
    "policies": ("policies/",),
    "release path": (
        "keybroker/release.py",
        "keybroker/answers.py",
        "keybroker/appraisal.py",
        "keybroker/owners/enrolment.py",
        "keybroker/modules.py",
        "keybroker/records.py",
        "keybroker/rulings.py",
        "keybroker/protocol/",
        "keybroker/challenges.py",
        "keybroker/keys.py",
        "keybroker/audit/",
        "keybroker/seals/",
        "keybroker/store/",
    ),
}


def branch_percent(files: dict[str, dict[str, dict[str, int]]], prefixes: tuple[str, ...]) -> float:
    """Percent of statements and branches run in the files under `prefixes`."""
    covered = total = 0
    for name, entry in files.items():
        if name.startswith(prefixes):
            summary = entry["summary"]
            covered += summary["covered_lines"] + summary["covered_branches"]
            total += summary["num_statements"] + summary["num_branches"]
    return 100.0 * covered / total if total else 0.0


def main() -> int:
    """Combine the data, print a line per part, 1 if one is below its goal."""
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "combine", "--quiet"], cwd=ROOT, check=False, capture_output=True)
    report = ROOT / "build" / "coverage.json"
    report.parent.mkdir(exist_ok=True)
    subprocess.run([*coverage, "json", "--quiet", "-o", str(report)], cwd=ROOT, check=True)
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    low = 0
    for part, prefixes in PARTS.items():
        percent = branch_percent(files, prefixes)
        low += percent < GOAL_PERCENT
        print(f"coverage with branches: {part:13} {percent:6.2f} %  (goal {GOAL_PERCENT} %)")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
