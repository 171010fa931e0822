"""The audit log under any input: ours or refused, and no single bit of a proof can change."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keybroker.audit import merkle, tree
from keybroker.audit.checkpoint import Checkpoint, LogKey, sign_checkpoint, verify_checkpoint
from keybroker.audit.leaf import encode_leaf, parse_leaf
from keybroker.audit.merkle import leaf_hash
from keybroker.audit.proof import format_proof, verify_proof
from keybroker.challenges import ChallengeKey, Challenges
from keybroker.errors import BrokerError
from tests.unit.keybroker.audit import leaves, trees
from tests.unit.keybroker.audit.signers import LOG, ORIGIN, SIGNER

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LEAVES = [f"leaf {number}".encode() for number in range(300)]
FRONTIERS, STORED = trees.grow(LEAVES)

sizes = st.integers(1, 300)
anything = st.binary(max_size=300) | st.text(max_size=100).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


@given(sizes, sizes)
def test_every_prefix_is_consistent(one, other) -> None:
    old, new = sorted((one, other))
    merkle.verify_consistency(
        old=old,
        new=new,
        old_root=FRONTIERS[old].root,
        new_root=FRONTIERS[new].root,
        proof=tree.consistency_proof(old, new, STORED),
    )


@given(sizes, sizes, st.integers(0, 10**6))
def test_single_bit_of_a_consistency_proof_fails(one, other, bit) -> None:
    old, new = sorted((one, other))
    hashes = [FRONTIERS[old].root, FRONTIERS[new].root, *tree.consistency_proof(old, new, STORED)]
    joined = flip(b"".join(hashes), bit)
    changed = [joined[start : start + 32] for start in range(0, len(joined), 32)]
    with pytest.raises(BrokerError):
        merkle.verify_consistency(
            old=old, new=new, old_root=changed[0], new_root=changed[1], proof=changed[2:]
        )


@given(sizes, st.data(), st.integers(0, 10**6))
def test_single_bit_of_an_inclusion_proof_fails(size, data, bit) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = tree.inclusion_proof(index, size, STORED)
    leaf, root = leaf_hash(LEAVES[index]), FRONTIERS[size].root
    merkle.verify_inclusion(leaf, index=index, size=size, root=root, path=path)
    joined = flip(b"".join([leaf, root, *path]), bit)
    leaf, root, *path = (joined[start : start + 32] for start in range(0, len(joined), 32))
    with pytest.raises(BrokerError):
        merkle.verify_inclusion(leaf, index=index, size=size, root=root, path=path)


@given(sizes, st.data(), st.integers(0, 10**6))
def test_single_bit_of_a_proof_text_fails(size, data, bit) -> None:
    index = data.draw(st.integers(0, size - 1))
    note = sign_checkpoint(Checkpoint(ORIGIN, size, FRONTIERS[size].root), SIGNER)
    text = format_proof(index, tree.inclusion_proof(index, size, STORED), note)
    assert verify_proof(text, leaf=LEAVES[index], log_key=LOG).size == size
    with pytest.raises(BrokerError):
        verify_proof(flip(text, bit), leaf=LEAVES[index], log_key=LOG)


@pytest.mark.parametrize("leaf", leaves.ALL, ids=lambda leaf: leaf.kind)
def test_changed_leaf_is_another_or_refused(leaf) -> None:
    data = encode_leaf(leaf)
    for bit in range(len(data) * 8):
        try:
            other = parse_leaf(flip(data, bit))
        except BrokerError:
            continue
        assert other != leaf


@given(anything)
def test_any_bytes_are_ours_or_refused(data) -> None:
    text = data.decode("utf-8", "replace")
    challenges = Challenges([ChallengeKey(bytes(32))])
    for read in (
        lambda: parse_leaf(data),
        lambda: verify_checkpoint(data, LOG),
        lambda: verify_proof(data, leaf=b"", log_key=LOG),
        lambda: verify_proof(b"c2sp.org/tlog-proof@v1\nindex 0\n" + data, leaf=b"", log_key=LOG),
        lambda: LogKey.parse(text),
        lambda: LogKey.parse(f"a+00000000+{base64.b64encode(data).decode()}"),
        lambda: challenges.open(text, now=NOW),
        lambda: challenges.open(base64.urlsafe_b64encode(data[:72]).decode(), now=NOW),
    ):
        with pytest.raises(BrokerError):
            read()
