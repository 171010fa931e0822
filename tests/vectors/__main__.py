"""`python -m tests.vectors`: write every vector again; `git diff` stays empty."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def generate_all(root: Path) -> list[str]:
    """Call `generate(root)` of every `generate_*.py` here; return their names."""
    names = sorted(path.stem for path in ROOT.glob("generate_*.py"))
    for name in names:
        importlib.import_module(f"tests.vectors.{name}").generate(root)
    return names


if __name__ == "__main__":
    sys.stdout.write("".join(f"{name}\n" for name in generate_all(ROOT)))
