"""The definitions of RFC 9162 section 2.1 word by word, to hold ours against."""

from __future__ import annotations

from keybroker.audit.merkle import EMPTY_ROOT, NodePlace, leaf_hash, node_hash
from keybroker.audit.tree import Frontier


def split(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = split(len(leaves))
    return node_hash(root(leaves[:k]), root(leaves[k:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*path(index, leaves[:k]), root(leaves[k:])]
    return [*path(index - k, leaves[k:]), root(leaves[:k])]


def subproof(old: int, leaves: list[bytes], *, complete: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if complete else [root(leaves)]
    k = split(len(leaves))
    if old <= k:
        return [*subproof(old, leaves[:k], complete=complete), root(leaves[k:])]
    return [*subproof(old - k, leaves[k:], complete=False), root(leaves[:k])]


def grow(leaves: list[bytes]) -> tuple[list[Frontier], dict[NodePlace, bytes]]:
    """Every frontier from the empty tree on, and all stored nodes."""
    frontiers, stored = [Frontier()], {}
    for leaf in leaves:
        frontier, nodes = frontiers[-1].append(leaf_hash(leaf))
        frontiers.append(frontier)
        stored.update(nodes)
    return frontiers, stored
