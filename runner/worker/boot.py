"""First file of a worker process: makes sure our packages come from this very installation.

Run as a script (`python -I boot.py DESCRIPTOR PARENT ENTRY`), so that no search path decides whose
code a worker runs. Caches beside the code are used as they lie there: who can write them can write
the code as well, and only a measurement of the whole image tells.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

PACKAGES = frozenset({"attestation", "keybroker", "policies", "runner", "sealing", "sealwasm"})


class OurPackages:
    """Finds the packages of this distribution in one folder and nowhere else."""

    def __init__(self, root: str) -> None:
        self._root = [root]

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of one of our packages, or None to let the others look."""
        if name not in PACKAGES:
            return None
        spec = PathFinder.find_spec(name, self._root, target)
        if spec is None:
            raise ModuleNotFoundError(f"{name} is not part of this installation", name=name)
        return spec


def main(arguments: Sequence[str]) -> None:
    """Import the worker from this installation and hand over."""
    descriptor, parent, entry = arguments
    sys.meta_path.insert(0, OurPackages(str(Path(__file__).resolve().parents[2])))
    importlib.import_module(entry).main(int(descriptor), int(parent))


if __name__ == "__main__":
    main(sys.argv[1:])
