"""The tree against published roots and against its definition, all sizes to 40 and all pairs."""

from __future__ import annotations

import pytest

from keybroker.audit import merkle, tree
from keybroker.audit.limits import MAX_PROOF_HASHES, MAX_TREE_SIZE
from keybroker.audit.merkle import NodePlace, leaf_hash
from keybroker.audit.tree import Frontier
from keybroker.errors import BrokerCode, BrokerError
from tests.unit.keybroker.audit import trees

# Leaves and roots of the test suite of the Certificate Transparency reference implementation.
CT_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [f"leaf {number}".encode() for number in range(40)]
FRONTIERS, STORED = trees.grow(LEAVES)
PAIRS = [(old, new) for new in range(41) for old in range(new + 1)]
PLACES = [(index, size) for size in range(1, 41) for index in range(size)]


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size) -> None:
    frontiers, _ = trees.grow(CT_LEAVES[:size])
    assert frontiers[-1].root.hex() == CT_ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (
            0,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1,
            5,
            [
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ],
)
def test_published_paths(index, size, path) -> None:
    _, stored = trees.grow(CT_LEAVES)
    assert [value.hex() for value in tree.inclusion_proof(index, size, stored)] == path


def test_roots_are_those_of_the_definition() -> None:
    assert [f.root for f in FRONTIERS] == [trees.root(LEAVES[:size]) for size in range(41)]


def test_only_complete_nodes_are_stored_and_each_once() -> None:
    assert len(STORED) == sum(40 >> level for level in range(6))
    for place, value in STORED.items():
        start, end = place.position << place.level, (place.position + 1) << place.level
        assert value == trees.root(LEAVES[start:end])


def test_frontier_is_read_back_from_nodes() -> None:
    for size, frontier in enumerate(FRONTIERS):
        assert Frontier.of(size, STORED) == frontier


@pytest.mark.parametrize("size", range(1, 41))
def test_inclusion_proofs_are_those_of_the_definition_and_verify(size) -> None:
    for index in range(size):
        path = tree.inclusion_proof(index, size, STORED)
        assert list(path) == trees.path(index, LEAVES[:size])
        merkle.verify_inclusion(
            leaf_hash(LEAVES[index]), index=index, size=size, root=FRONTIERS[size].root, path=path
        )


@pytest.mark.parametrize("new", range(41))
def test_consistency_proofs_are_those_of_the_definition_and_verify(new) -> None:
    for old in range(new + 1):
        proof = tree.consistency_proof(old, new, STORED)
        if old:
            assert list(proof) == trees.subproof(old, LEAVES[:new], complete=True)
        merkle.verify_consistency(
            old=old,
            new=new,
            old_root=FRONTIERS[old].root,
            new_root=FRONTIERS[new].root,
            proof=proof,
        )


def test_named_places_are_exactly_those_needed() -> None:
    for index, size in PLACES:
        needed = {place: STORED[place] for place in tree.inclusion_places(index, size)}
        assert tree.inclusion_proof(index, size, needed) == tree.inclusion_proof(
            index, size, STORED
        )
    for old, new in PAIRS:
        needed = {place: STORED[place] for place in tree.consistency_places(old, new)}
        assert tree.consistency_proof(old, new, needed) == tree.consistency_proof(old, new, STORED)


def refused(verify, *arguments, **named) -> BrokerCode:
    with pytest.raises(BrokerError) as caught:
        verify(*arguments, **named)
    return caught.value.code


@pytest.mark.parametrize(("index", "size"), [(0, 1), (3, 8), (6, 7), (12, 23)])
def test_inclusion_refuses_every_single_change(index, size) -> None:
    path = list(tree.inclusion_proof(index, size, STORED))
    root, leaf = FRONTIERS[size].root, leaf_hash(LEAVES[index])
    good = {"index": index, "size": size, "root": root, "path": path}
    bad = [{**good, "index": other} for other in range(-1, size + 1) if other != index]
    bad += [{**good, "size": other} for other in (-1, 0, index, MAX_TREE_SIZE + 1)]
    bad += [{**good, "root": bytes(32)}, {**good, "root": root[:-1]}, {**good, "root": b""}]
    bad += [{**good, "path": path[:-1]}] if path else []
    bad += [{**good, "path": [*path, bytes(32)]}, {**good, "path": [bytes(32), *path]}]
    bad += [{**good, "path": [*path[:i], bytes(32), *path[i + 1 :]]} for i in range(len(path))]
    bad += [{**good, "path": [bytes(32)] * (MAX_PROOF_HASHES + 1)}]
    for named in bad:
        assert refused(merkle.verify_inclusion, leaf, **named) == BrokerCode.NOT_INCLUDED
    for other in (bytes(32), leaf[:-1], leaf + b"\0"):
        assert refused(merkle.verify_inclusion, other, **good) == BrokerCode.NOT_INCLUDED


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 4), (4, 7), (6, 7), (8, 32), (13, 29)])
def test_consistency_refuses_every_single_change(old, new) -> None:
    proof = list(tree.consistency_proof(old, new, STORED))
    good = {
        "old": old,
        "new": new,
        "old_root": FRONTIERS[old].root,
        "new_root": FRONTIERS[new].root,
        "proof": proof,
    }
    bad = [{**good, "old": other} for other in range(-1, new + 2) if other != old]
    bad += [{**good, "new": other} for other in (-1, 0, old - 1, old, MAX_TREE_SIZE + 1)]
    bad += [{**good, name: bytes(32)} for name in ("old_root", "new_root")]
    bad += [{**good, name: good[name][:-1]} for name in ("old_root", "new_root")]
    bad += [{**good, "proof": other} for other in (proof[:-1], [*proof, bytes(32)], [])]
    bad += [{**good, "proof": [*proof[:i], bytes(32), *proof[i + 1 :]]} for i in range(len(proof))]
    bad += [{**good, "proof": [bytes(32)] * (MAX_PROOF_HASHES + 1)}]
    for named in bad:
        assert refused(merkle.verify_consistency, **named) == BrokerCode.NOT_CONSISTENT


@pytest.mark.parametrize("size", [0, 1, 7])
def test_equal_trees_need_an_empty_proof(size) -> None:
    root = FRONTIERS[size].root
    named = {"old": size, "new": size, "old_root": root, "new_root": root}
    merkle.verify_consistency(**named, proof=[])
    assert refused(merkle.verify_consistency, **named, proof=[root]) == BrokerCode.NOT_CONSISTENT


def test_empty_tree_has_one_root() -> None:
    named = {"old": 0, "new": 5, "new_root": FRONTIERS[5].root, "proof": []}
    merkle.verify_consistency(**named, old_root=merkle.EMPTY_ROOT)
    code = refused(merkle.verify_consistency, **named, old_root=FRONTIERS[5].root)
    assert code == BrokerCode.NOT_CONSISTENT


@pytest.mark.parametrize(("index", "size"), [(-1, 1), (0, 0), (1, 1), (0, MAX_TREE_SIZE + 1)])
def test_there_is_no_proof_outside_the_tree(index, size) -> None:
    assert refused(tree.inclusion_proof, index, size, STORED) == BrokerCode.NOT_INCLUDED


@pytest.mark.parametrize(("old", "new"), [(-1, 1), (2, 1), (0, MAX_TREE_SIZE + 1)])
def test_there_is_no_proof_of_shrinking(old, new) -> None:
    assert refused(tree.consistency_proof, old, new, STORED) == BrokerCode.NOT_CONSISTENT


def test_missing_node_is_named() -> None:
    with pytest.raises(BrokerError, match="node 0 of level 3"):
        Frontier.of(8, {NodePlace(0, 0): bytes(32)})
