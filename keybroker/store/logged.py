"""The leaf that every act leaves in the audit log."""

from __future__ import annotations

from keybroker.errors import BrokerCode, BrokerError
from keybroker.store.protocol import Recorded
from keybroker.store.transaction import Transaction


def log_leaf(transaction: Transaction, leaf: bytes) -> Recorded:
    """Add `leaf`, or raise `NOT_INITIALISED`: the first one is the broker's birth."""
    if not transaction.tree.size:
        raise BrokerError(BrokerCode.NOT_INITIALISED, "the audit log has no first leaf")
    return Recorded(transaction.append_leaf(leaf))
