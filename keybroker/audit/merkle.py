"""The Merkle tree hashes of RFC 9162 section 2.1 with SHA-256, and the two verifications.

Pure: a verifier needs this module and no store. `keybroker/audit/tree.py` appends and proves.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from keybroker.audit.limits import MAX_PROOF_HASHES, MAX_TREE_SIZE
from keybroker.errors import BrokerCode, BrokerError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


class NodePlace(NamedTuple):
    """Where a complete node sits in the audit tree: level 0 holds the leaf hashes."""

    level: int
    position: int


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def verify_inclusion(
    leaf: bytes, *, index: int, size: int, root: bytes, path: Sequence[bytes]
) -> None:
    """Check that the leaf hash `leaf` is at `index` under `root` (RFC 9162 section 2.1.3.2).

    Who vouches for `root` is not checked. Raises `NOT_INCLUDED`.
    """
    _require_hashes((leaf, root, *path), BrokerCode.NOT_INCLUDED)
    if not 0 <= index < size <= MAX_TREE_SIZE:
        raise BrokerError(BrokerCode.NOT_INCLUDED, f"leaf {index} is outside a tree of {size}")
    position, last, digest = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise BrokerError(BrokerCode.NOT_INCLUDED, "proof is longer than the tree is high")
        if position & 1 or position == last:
            digest = node_hash(sibling, digest)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            digest = node_hash(digest, sibling)
        position >>= 1
        last >>= 1
    if last or not hmac.compare_digest(digest, root):
        raise BrokerError(BrokerCode.NOT_INCLUDED, "proof does not lead to the root")


def verify_consistency(
    *, old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree `new` only appended to the tree `old` (RFC 9162 section 2.1.4.2).

    The empty tree is a prefix of every tree, with an empty proof. Raises `NOT_CONSISTENT`.
    """
    _require_hashes((old_root, new_root, *proof), BrokerCode.NOT_CONSISTENT)
    if not 0 <= old <= new <= MAX_TREE_SIZE:
        raise BrokerError(BrokerCode.NOT_CONSISTENT, f"a tree of {new} cannot extend one of {old}")
    if old in {0, new}:
        expected = new_root if old else EMPTY_ROOT
        if proof or not hmac.compare_digest(old_root, expected):
            raise BrokerError(BrokerCode.NOT_CONSISTENT, "trees of these sizes need no proof")
        return
    first, second = _replay_consistency(old, new, old_root, proof)
    if not (hmac.compare_digest(first, old_root) and hmac.compare_digest(second, new_root)):
        raise BrokerError(BrokerCode.NOT_CONSISTENT, "proof does not lead to both roots")


def _replay_consistency(
    old: int, new: int, old_root: bytes, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Return the two roots the proof leads to (RFC 9162 section 2.1.4.2 steps 2 to 6)."""
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    first = second = path[0] if path else b""
    for sibling in path[1:]:
        if last == 0:
            raise BrokerError(BrokerCode.NOT_CONSISTENT, "proof is longer than the tree is high")
        if position & 1 or position == last:
            first = node_hash(sibling, first)
            second = node_hash(sibling, second)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            second = node_hash(second, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise BrokerError(BrokerCode.NOT_CONSISTENT, "proof is shorter than the tree is high")
    return first, second


def _require_hashes(hashes: Iterable[bytes], code: BrokerCode) -> None:
    """Raise unless every value has the length of a hash and a proof of them is of sane length."""
    lengths = [len(value) for value in hashes]
    if len(lengths) > MAX_PROOF_HASHES + 2:
        raise BrokerError(code, f"proof has {len(lengths) - 2} hashes, limit {MAX_PROOF_HASHES}")
    if any(length != HASH_BYTES for length in lengths):
        raise BrokerError(code, f"a hash is not {HASH_BYTES} bytes")
