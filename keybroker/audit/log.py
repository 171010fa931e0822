"""The audit log as the broker serves it: checkpoints and proofs over what the store holds."""

from __future__ import annotations

from keybroker.audit import tree
from keybroker.audit.checkpoint import Checkpoint, LogKey, sign_checkpoint
from keybroker.audit.merkle import NodePlace, leaf_hash
from keybroker.audit.proof import format_proof
from keybroker.errors import BrokerCode, BrokerError
from keybroker.store.protocol import Store
from sealing.keys import SigningKey


class AuditLog:
    """Signs tree heads of one store under one origin. Safe to use from many threads.

    Nodes on disk never change, so any two checkpoints it signs are consistent.
    """

    def __init__(self, store: Store, *, origin: str, key: SigningKey) -> None:
        self._store = store
        self._origin = origin
        self._key = key
        self.log_key = LogKey(origin, key.public)

    def checkpoint(self) -> bytes:
        """Return the signed head of the tree as it is on disk now."""
        return self._sign(self._store.tree_size())

    def proof(self, decision_id: str) -> bytes | None:
        """Return the proof that a decision is in the log, or None if there is no such decision."""
        index = self._store.leaf_index(decision_id)
        return None if index is None else self.leaf_proof(index)

    def leaf_proof(self, index: int) -> bytes:
        """Return the proof for one leaf, or raise `NOT_INCLUDED` if the log is shorter."""
        size = self._store.tree_size()
        nodes = self._store.tree_nodes(tree.inclusion_places(index, size))
        return format_proof(index, tree.inclusion_proof(index, size, nodes), self._sign(size))

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the proof that the log of `new` leaves extends that of `old`."""
        nodes = self._store.tree_nodes(tree.consistency_places(old, new))
        return tree.consistency_proof(old, new, nodes)

    def _sign(self, size: int) -> bytes:
        nodes = self._store.tree_nodes(tree.frontier_places(size))
        root = tree.Frontier.of(size, nodes).root
        return sign_checkpoint(Checkpoint(self._origin, size, root), self._key)


def verify_log(store: Store) -> Checkpoint:
    """Recompute the whole tree from its leaves; return its unsigned head, with an empty origin.

    Raises `NOT_CONSISTENT`: a leaf is missing, or a stored node is not what the leaves give.
    """
    size = store.tree_size()
    grown = tree.Frontier()
    for index in range(size):
        leaf = store.leaf(index)
        if leaf is None:
            raise BrokerError(BrokerCode.NOT_CONSISTENT, f"leaf {index} is missing")
        grown, nodes = grown.append(leaf_hash(leaf))
        _require_stored(store, dict(nodes))
    return Checkpoint("", size, grown.root)


def _require_stored(store: Store, nodes: dict[NodePlace, bytes]) -> None:
    if store.tree_nodes(tuple(nodes)) != nodes:
        places = ", ".join(f"{place.level}/{place.position}" for place in nodes)
        raise BrokerError(BrokerCode.NOT_CONSISTENT, f"a node differs from its leaves: {places}")
