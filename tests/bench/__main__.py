"""`make bench`: run every `bench_*.py` beside this file, print one table, write build/bench.json.

Each module offers `rows()`: a list of {"name", "value", "unit", "bare", "ratio", "goal", "ok"}.
`bare` is the bare sum of the same primitives measured in the same run, `ratio` is value / bare,
`goal` a text such as "ratio <= 1.3", `ok` whether it was met (None where a row has no goal).
Arguments name modules to run (`python -m tests.bench bench_snp`); none means all.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
REPORT = FOLDER.parent.parent / "build" / "bench.json"
FIELDS = ("name", "value", "unit", "bare", "ratio", "goal", "ok")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def print_table(rows: list[dict[str, Any]]) -> None:
    """Aligned columns, one row per figure."""
    table = [FIELDS, *[tuple(_cell(row[field]) for field in FIELDS) for row in rows]]
    widths = [max(len(line[column]) for line in table) for column in range(len(FIELDS))]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def main(arguments: list[str]) -> int:
    """Exit code 1 when a goal was missed, after everything has run and been written."""
    names = arguments or sorted(path.stem for path in FOLDER.glob("bench_*.py"))
    rows: list[dict[str, Any]] = []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows.extend(importlib.import_module(f"tests.bench.{name}").rows())
    for row in rows:
        if set(row) != set(FIELDS):
            print(f"row {row} has other fields than {FIELDS}", file=sys.stderr)
            return 2
    print_table(rows)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 1 if any(row["ok"] is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
