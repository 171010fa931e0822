"""Writes `policies/schema/*.json` from the models: `python tools/generate_schemas.py`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from policies.schema import schema_files  # noqa: E402  after the path is set


def main() -> None:
    """Write every schema; a test compares the committed files with what this would write."""
    folder = ROOT / "policies" / "schema"
    for name, text in schema_files().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"wrote {folder.relative_to(ROOT)}/{name}")


if __name__ == "__main__":
    main()
