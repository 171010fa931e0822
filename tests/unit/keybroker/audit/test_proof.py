"""Offline proofs: one text, one leaf, one log; nothing in it can be changed."""

from __future__ import annotations

import base64

import pytest

from keybroker.audit import tree
from keybroker.audit.checkpoint import Checkpoint, sign_checkpoint
from keybroker.audit.limits import MAX_PROOF_BYTES, MAX_PROOF_HASHES
from keybroker.audit.proof import format_proof, parse_proof, verify_proof
from keybroker.errors import BrokerCode, BrokerError
from tests.unit.keybroker.audit import trees
from tests.unit.keybroker.audit.signers import LOG, ORIGIN, OTHER_SIGNER, SIGNER

LEAVES = [f"leaf {number}".encode() for number in range(7)]
FRONTIERS, STORED = trees.grow(LEAVES)
HEAD = Checkpoint(ORIGIN, 7, FRONTIERS[7].root)
NOTE = sign_checkpoint(HEAD, SIGNER)
PROOF = format_proof(4, tree.inclusion_proof(4, 7, STORED), NOTE)


def refusal(text: bytes, leaf: bytes = LEAVES[4]) -> BrokerCode:
    with pytest.raises(BrokerError) as caught:
        verify_proof(text, leaf=leaf, log_key=LOG)
    return caught.value.code


@pytest.mark.parametrize("index", range(7))
def test_every_leaf_is_proved(index) -> None:
    text = format_proof(index, tree.inclusion_proof(index, 7, STORED), NOTE)
    assert verify_proof(text, leaf=LEAVES[index], log_key=LOG) == HEAD
    assert parse_proof(text).index == index


def test_log_key_may_be_a_string() -> None:
    assert verify_proof(PROOF, leaf=LEAVES[4], log_key=LOG.vkey) == HEAD


def test_tree_of_one_leaf_has_an_empty_path() -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, 1, FRONTIERS[1].root), SIGNER)
    text = format_proof(0, (), note)
    assert text.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\nbroker.example/log\n1\n")
    assert verify_proof(text, leaf=LEAVES[0], log_key=LOG).size == 1


def test_every_flipped_bit_is_refused() -> None:
    for bit in range(len(PROOF) * 8):
        flipped = bytearray(PROOF)
        flipped[bit // 8] ^= 1 << bit % 8
        refusal(bytes(flipped))


def test_other_leaves_are_not_included() -> None:
    for leaf in (b"", LEAVES[3], LEAVES[4] + b"\n"):
        assert refusal(PROOF, leaf) == BrokerCode.NOT_INCLUDED


def test_signatures_we_cannot_check_are_refused() -> None:
    """A checkpoint may carry them; in a proof they would be bytes that anybody can change."""
    extra = f"— witness.example {base64.b64encode(bytes(68)).decode()}\n".encode()
    assert refusal(PROOF + extra) == BrokerCode.PROOF_FOREIGN_SIGNATURE


def test_stranger_proves_nothing() -> None:
    text = format_proof(4, tree.inclusion_proof(4, 7, STORED), sign_checkpoint(HEAD, OTHER_SIGNER))
    assert refusal(text) == BrokerCode.CHECKPOINT_UNSIGNED


HASH = base64.b64encode(bytes(32))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"",
        lambda text: text.replace(b"@v1", b"@v2"),
        lambda text: text.replace(b"index 4\n", b""),
        lambda text: text.replace(b"index 4\n", b"index 04\n"),
        lambda text: text.replace(b"index 4\n", b"index  4\n"),
        lambda text: text.replace(b"index 4\n", b"4\n"),
        lambda text: text.replace(b"index 4\n", b"extra AAAA\nindex 4\n"),
        lambda text: text.replace(b"index 4\n", b"index 4\n" + HASH[:-1] + b"\n"),
        lambda text: text.replace(b"index 4\n", b"index 4\n\xff\n"),
        lambda text: text.replace(b"index 4\n", b"index 4\n" + (HASH + b"\n") * MAX_PROOF_HASHES),
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.partition(b"\n\n")[0],
        lambda text: text + b" " * MAX_PROOF_BYTES,
    ],
)
def test_other_forms_are_malformed(change) -> None:
    assert refusal(change(PROOF)) == BrokerCode.PROOF_MALFORMED


def test_hash_more_or_less_is_not_included() -> None:
    path = tree.inclusion_proof(4, 7, STORED)
    for other in (path[:-1], (*path, bytes(32)), path[::-1], ()):
        assert refusal(format_proof(4, other, NOTE)) == BrokerCode.NOT_INCLUDED
