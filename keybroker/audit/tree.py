"""The audit tree as it grows and proves (RFC 9162 section 2.1), over stored nodes.

Hashes of complete subtrees only are stored: they never change, so a reader needs no lock.
Nothing here reads or writes; nodes come in as a mapping, such as the store's `tree_nodes` gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keybroker.audit.limits import MAX_TREE_SIZE
from keybroker.audit.merkle import EMPTY_ROOT, NodePlace, node_hash
from keybroker.errors import BrokerCode, BrokerError

Nodes = Mapping[NodePlace, bytes]


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree that can only grow: its size and the roots of its largest complete subtrees.

    One hash per set bit of `size`, the largest subtree first.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, size: int, nodes: Nodes) -> Frontier:
        """Return the frontier of a stored tree, or raise `NOT_CONSISTENT` if a node is missing."""
        return cls(size, tuple(_node(nodes, place) for place in frontier_places(size)))

    def append(self, digest: bytes) -> tuple[Frontier, tuple[tuple[NodePlace, bytes], ...]]:
        """Return the grown tree and the nodes the new leaf completes, the leaf's own first."""
        hashes = list(self.hashes)
        position = self.size
        complete = [(NodePlace(0, position), digest)]
        level = 0
        while position & 1:
            digest = node_hash(hashes.pop(), digest)
            position >>= 1
            level += 1
            complete.append((NodePlace(level, position), digest))
        return Frontier(self.size + 1, (*hashes, digest)), tuple(complete)

    @property
    def root(self) -> bytes:
        """The root hash of the tree."""
        return _fold(self.hashes)


def frontier_places(size: int) -> tuple[NodePlace, ...]:
    """Return the places of the largest complete subtrees of a tree, the largest first."""
    return _cover(0, size)


def inclusion_places(index: int, size: int) -> tuple[NodePlace, ...]:
    """Return every stored node an inclusion proof needs."""
    return tuple(place for run in _inclusion_runs(index, size) for place in run)


def consistency_places(old: int, new: int) -> tuple[NodePlace, ...]:
    """Return every stored node a consistency proof needs."""
    return tuple(place for run in _consistency_runs(old, new) for place in run)


def inclusion_proof(index: int, size: int, nodes: Nodes) -> tuple[bytes, ...]:
    """Return the audit path of leaf `index` in the tree of `size` (RFC 9162 section 2.1.3.1)."""
    return tuple(_join(run, nodes) for run in _inclusion_runs(index, size))


def consistency_proof(old: int, new: int, nodes: Nodes) -> tuple[bytes, ...]:
    """Return the proof that the tree of `old` is a prefix of `new` (RFC 9162 section 2.1.4.1)."""
    return tuple(_join(run, nodes) for run in _consistency_runs(old, new))


def _inclusion_runs(index: int, size: int) -> list[tuple[NodePlace, ...]]:
    """Return, for each hash of an inclusion proof, the complete nodes that it is made of."""
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise BrokerError(BrokerCode.NOT_INCLUDED, f"leaf {index} is outside a tree of {size}")
    runs: list[tuple[NodePlace, ...]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            runs.append(_cover(middle, end))
            end = middle
        else:
            runs.append(_cover(start, middle))
            start = middle
    return runs[::-1]


def _consistency_runs(old: int, new: int) -> list[tuple[NodePlace, ...]]:
    """Return, for each hash of a consistency proof, the complete nodes that it is made of."""
    if not 0 <= old <= new <= MAX_TREE_SIZE:
        raise BrokerError(BrokerCode.NOT_CONSISTENT, f"a tree of {new} cannot extend one of {old}")
    if old in {0, new}:
        return []
    runs: list[tuple[NodePlace, ...]] = []
    start, end = 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            runs.append(_cover(middle, end))
            end = middle
        else:
            runs.append(_cover(start, middle))
            start = middle
    if start:  # The old tree is no complete subtree by itself, so its last part must be shown.
        runs.append(_cover(start, end))
    return runs[::-1]


def _cover(start: int, end: int) -> tuple[NodePlace, ...]:
    """Return the complete nodes that make up leaves `start` to `end`, left to right.

    `start` is a multiple of the largest power of two not above the length, as in every RFC split.
    """
    places = []
    while start < end:
        level = (end - start).bit_length() - 1
        places.append(NodePlace(level, start >> level))
        start += 1 << level
    return tuple(places)


def _split(count: int) -> int:
    """Return the largest power of two smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _join(run: Sequence[NodePlace], nodes: Nodes) -> bytes:
    return _fold([_node(nodes, place) for place in run])


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees, given left to right."""
    if not hashes:
        return EMPTY_ROOT
    digest = hashes[-1]
    for left in reversed(hashes[:-1]):
        digest = node_hash(left, digest)
    return digest


def _node(nodes: Nodes, place: NodePlace) -> bytes:
    digest = nodes.get(place)
    if digest is None:
        detail = f"node {place.position} of level {place.level} is not stored"
        raise BrokerError(BrokerCode.NOT_CONSISTENT, detail)
    return digest
