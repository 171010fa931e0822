"""Writes one folder per case, the same bytes every time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ACCEPTED = "accepted"


def fresh_folder(root: Path, name: str) -> Path:
    """Return the empty folder of one format; cases that no generator makes any more are gone."""
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_case(
    folder: Path, name: str, case: Mapping[str, Any], files: Mapping[str, bytes] | None = None
) -> None:
    """Write `case.json` and its files; a refused case says so in its name."""
    if case["expect"] != ACCEPTED:
        name = f"{name}_refused"
    target = folder / name
    target.mkdir()
    text = json.dumps(case, indent=2, sort_keys=True, ensure_ascii=False)
    (target / "case.json").write_text(f"{text}\n", encoding="utf-8")
    for file_name, data in (files or {}).items():
        (target / file_name).write_bytes(data)
