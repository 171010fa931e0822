"""No module of the house needs itself, not even by a detour or for its types alone."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp

from tools.house_rules import PACKAGES


def arrows(*packages: str) -> dict[str, set[str]]:
    graph = grimp.build_graph(*packages, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def test_there_is_no_circle() -> None:
    found = arrows(*PACKAGES)
    assert len(found) > 600, "the whole house was read"
    TopologicalSorter(found).prepare()
