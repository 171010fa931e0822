"""Every target there is: the modules of `tests.fuzz.targets` are found, not listed."""

from __future__ import annotations

import importlib
import pkgutil

from tests.fuzz import targets
from tests.fuzz.target import Target


def all_targets() -> dict[str, Target]:
    """Return the targets by name; raise `ValueError` if a name is there twice."""
    found: dict[str, Target] = {}
    for module in pkgutil.iter_modules(targets.__path__):
        for target in importlib.import_module(f"{targets.__name__}.{module.name}").TARGETS:
            if target.name in found:
                raise ValueError(f"two fuzz targets are called {target.name}")
            found[target.name] = target
    return found
