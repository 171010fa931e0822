"""Vectors of docs/specs/audit-log.md: leaves, checkpoints, proofs and consistency."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rfc8785

from keybroker.audit import tree
from keybroker.audit.checkpoint import Checkpoint, sign_checkpoint
from keybroker.audit.leaf import encode_leaf
from keybroker.audit.proof import format_proof
from tests.unit.keybroker.audit import leaves, trees
from tests.unit.keybroker.audit.signers import LOG, ORIGIN, OTHER_SIGNER, SIGNER
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case

MALFORMED_LEAF = "audit-leaf-malformed"
MALFORMED_NOTE = "audit-checkpoint-malformed"
MALFORMED_PROOF = "audit-proof-malformed"
MALFORMED_KEY = "audit-log-key-malformed"

LEAVES = [encode_leaf(leaf) for leaf in (*leaves.ALL[:5], *leaves.ALL[:2])]
FRONTIERS, NODES = trees.grow(LEAVES)
INDEX, SIZE = 4, len(LEAVES)
HEAD = Checkpoint(ORIGIN, SIZE, FRONTIERS[SIZE].root)
NOTE = sign_checkpoint(HEAD, SIGNER)
TEXT, _, SIGNATURES = NOTE.partition(b"\n\n")
PATH = tree.inclusion_proof(INDEX, SIZE, NODES)
PROOF = format_proof(INDEX, PATH, NOTE)
ROOT = base64.b64encode(HEAD.root)
WITNESS = b"\xe2\x80\x94 witness.example " + base64.b64encode(bytes(68)) + b"\n"


def signed(text: bytes) -> bytes:
    """Any text, honestly signed by the log's own key."""
    line = base64.b64encode(LOG.key_hash + SIGNER.sign(text))
    return text + b"\n\xe2\x80\x94 " + ORIGIN.encode() + b" " + line + b"\n"


def changed_leaf(**members: Any) -> bytes:
    return rfc8785.dumps({**json.loads(encode_leaf(leaves.RELEASE)), **members})


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def leaf_cases(write: Callable[..., None]) -> None:
    for leaf in leaves.ALL:
        write(f"leaf-{leaf.kind}", "1.5: each kind", ACCEPTED, leaf=encode_leaf(leaf))
    good = encode_leaf(leaves.RELEASE)
    for name, why, data in (
        ("spaced", "1.1: RFC 8785", good.replace(b",", b", ")),
        ("trailing", "1.1: RFC 8785", good + b"\n"),
        ("twice", "1.1: no member twice", good[:-1] + b',"version":7}'),
        ("array", "1.1: an object", b"[]"),
        ("too-large", "1.1: size", rfc8785.dumps({"v": 1, "kind": "x" * 65_536})),
        ("version-2", "1.2: v is 1", changed_leaf(v=2)),
        ("version-true", "1.2: v is 1", changed_leaf(v=True)),
        ("unknown-kind", "1.2: known kinds", changed_leaf(kind="key-rotated")),
        ("more", "1.3: exact members", changed_leaf(note="x")),
        ("less", "1.3: exact members", good.replace(b'"tee":"snp",', b"")),
        ("null", "1.3: null only where 1.5 says so", changed_leaf(owner=None)),
        ("id", "1.4: form of an id", changed_leaf(id="Decision_1")),
        ("key-id", "1.4: form of a key id", changed_leaf(owner="A" * 64)),
        ("digest", "1.4: form of a digest", changed_leaf(grant="6" * 64)),
        ("time", "1.4: form of a time", changed_leaf(at="2026-11-22T10:00:00+00:00")),
        ("module-version", "1.4: versions from 1", changed_leaf(version=0)),
        ("name", "1.4: no control characters", changed_leaf(module="a\nb")),
        ("list", "1.4: at most 64 entries", changed_leaf(guardrails=[leaves.digest("2")] * 65)),
        ("policy", "1.4: members of a policy", changed_leaf(policy={"name": "x"})),
    ):
        write(f"leaf-{name}", why, MALFORMED_LEAF, leaf=data)


def checkpoint_cases(write: Callable[..., None]) -> None:
    write("checkpoint", "3: three lines and a signature", ACCEPTED, note=NOTE)
    write("checkpoint-witnessed", "3.7: others are ignored", ACCEPTED, note=NOTE + WITNESS)
    origin = ORIGIN.encode()
    for name, why, note in (
        ("not-utf8", "3.1: UTF-8", NOTE.replace(b"example", b"ex\xffmple")),
        ("carriage-returns", "3.1: control characters", NOTE.replace(b"\n", b"\r\n")),
        ("no-signature", "3.1: 1 to 16 signature lines", TEXT + b"\n\n"),
        ("17-signatures", "3.1: 1 to 16 signature lines", NOTE + WITNESS * 16),
        ("cut", "3.1: a line feed at the end", NOTE[:-1]),
        ("too-large", "3.1: size", NOTE + WITNESS[:-1] + b"A" * 131_072 + b"\n"),
        ("hyphen", "3.2: an em dash", NOTE.replace("—".encode(), b"-")),
        ("empty-signature", "3.2: at least one byte", NOTE + "— w AAAAAA==\n".encode()),
        ("loose-base64", "3.2: canonical base64", NOTE + "— w AAAAAAB=\n".encode()),
        ("signed-twice", "3.2: no key signs twice", NOTE + SIGNATURES),
        ("two-lines", "3.3: three lines", signed(origin + b"\n7\n")),
        ("extension", "3.3: no extension lines", signed(TEXT + b"\nmore\n")),
        ("leading-zero", "3.3: no leading zero", signed(origin + b"\n07\n" + ROOT + b"\n")),
        ("huge", "3.3: at most 2^62", signed(origin + b"\n9000000000000000000\n" + ROOT + b"\n")),
        ("short-root", "3.3: 32 bytes", signed(origin + b"\n7\n" + ROOT[:-4] + b"\n")),
        ("origin", "3.3: printable ASCII", signed(b"a b\n7\n" + ROOT + b"\n")),
    ):
        write(f"checkpoint-{name}", why, MALFORMED_NOTE, note=note)
    other = sign_checkpoint(Checkpoint("other.example/log", SIZE, HEAD.root), SIGNER)
    write("checkpoint-other", "3.6: the origin", "audit-checkpoint-other-log", note=other)
    stranger = sign_checkpoint(HEAD, OTHER_SIGNER)
    write("checkpoint-stranger", "3.7: by its key", "audit-checkpoint-unsigned", note=stranger)
    for name, note in (
        ("size", NOTE.replace(b"\n7\n", b"\n8\n")),
        ("root", TEXT.replace(ROOT, base64.b64encode(bytes(32))) + b"\n\n" + SIGNATURES),
    ):
        write(
            f"checkpoint-{name}", "3.8: over the text", "audit-checkpoint-bad-signature", note=note
        )


def key_cases(write: Callable[..., None]) -> None:
    name, key_hash, key = LOG.vkey.split("+", 2)
    for case, why, vkey in (
        ("key-no-parts", "3.5: origin, hash, key", "broker.example"),
        ("key-hash", "3.5: the hash is its own", f"{name}+00000000+{key}"),
        ("key-upper-case", "3.5: lower-case hex", f"{name}+{key_hash.upper()}+{key}"),
        ("key-type", "3.5: type 0x01", f"{name}+{key_hash}+BA{key[2:]}"),
        ("key-cut", "3.5: an Ed25519 key", f"{name}+{key_hash}+{key[:-4]}"),
    ):
        write(case, why, MALFORMED_KEY, note=NOTE, log_key=vkey)


def proof_cases(write: Callable[..., None]) -> None:
    leaf = LEAVES[INDEX]
    for index in range(SIZE):
        proof = format_proof(index, tree.inclusion_proof(index, SIZE, NODES), NOTE)
        write(f"proof-{index}", "4: every leaf", ACCEPTED, leaf=LEAVES[index], proof=proof)
    first = sign_checkpoint(Checkpoint(ORIGIN, 1, FRONTIERS[1].root), SIGNER)
    write("proof-alone", "4.4", ACCEPTED, leaf=LEAVES[0], proof=format_proof(0, (), first))
    index = b"index 4\n"
    for name, why, proof in (
        ("other-format", "4.1: first line", PROOF.replace(b"@v1", b"@v2")),
        ("no-index", "4.1: index line", PROOF.replace(index, b"")),
        ("leading-zero", "4.1: no leading zero", PROOF.replace(index, b"index 04\n")),
        ("extra", "4.1: no extra line", PROOF.replace(index, b"extra AAAA\n" + index)),
        ("short-hash", "4.1: hashes", PROOF.replace(index, index + b"AAAA\n")),
        ("65-hashes", "4.1: at most 64", PROOF.replace(index, index + (ROOT + b"\n") * 62)),
        ("no-checkpoint", "4.1: a checkpoint", PROOF.partition(b"\n\n")[0] + b"\n"),
    ):
        write(f"proof-{name}", why, MALFORMED_PROOF, leaf=leaf, proof=proof)
    foreign = "audit-proof-foreign-signature"
    write("proof-witnessed", "4.3: no other", foreign, leaf=leaf, proof=PROOF + WITNESS)
    cut = "audit-checkpoint-malformed"
    write("proof-cut", "4.2: section 3", cut, leaf=leaf, proof=PROOF[:-1])
    swapped = (PATH[1], PATH[0], *PATH[2:])
    for name, why, data, at, path in (
        ("other-leaf", "4.5: the leaf one holds", LEAVES[3], INDEX, PATH),
        ("leaf-bit", "4.5: the leaf one holds", flipped(leaf, 20), INDEX, PATH),
        ("other-index", "4.4: the index", leaf, INDEX + 1, PATH),
        ("index-beyond", "4.4: below the size", leaf, SIZE, PATH),
        ("hash-missing", "4.4: none missing", leaf, INDEX, PATH[:-1]),
        ("hash-left-over", "4.4: none left over", leaf, INDEX, (*PATH, bytes(32))),
        ("hash-bit", "4.4: leads to the root", leaf, INDEX, (flipped(PATH[0], 0), *PATH[1:])),
        ("order", "4.4: from the leaf up", leaf, INDEX, swapped),
        ("node-as-leaf", "2.1: leaves and nodes differ", PATH[0] + PATH[1], INDEX, PATH),
    ):
        proof = format_proof(at, path, NOTE)
        write(f"proof-{name}", why, "audit-not-included", leaf=data, proof=proof)


def consistency_cases(write: Callable[..., None]) -> None:
    def case(old: int, new: int, **changes: Any) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "old": old,
            "new": new,
            "old_root": FRONTIERS[old].root,
            "new_root": FRONTIERS[new].root,
            "hashes": tree.consistency_proof(old, new, NODES),
            **changes,
        }
        fields["hashes"] = [value.hex() for value in fields["hashes"]]
        return {
            name: value.hex() if isinstance(value, bytes) else value
            for name, value in fields.items()
        }

    for old, new in ((0, 5), (1, 7), (3, 7), (4, 6), (6, 7), (7, 7)):
        write(f"grown-{old}-{new}", "5.1", ACCEPTED, consistency=case(old, new))
    proof = tree.consistency_proof(3, 7, NODES)
    root = FRONTIERS[7].root
    for name, why, consistency in (
        ("shrunk", "5.1: only grows", case(3, 7) | {"old": 7, "new": 3}),
        ("rewritten", "5.1: both roots", case(3, 7, old_root=FRONTIERS[2].root)),
        ("other-new-root", "5.1: both roots", case(3, 7, new_root=FRONTIERS[6].root)),
        ("hash-missing", "5.1: both roots", case(3, 7, hashes=proof[:-1])),
        ("hash-left-over", "5.1: both roots", case(3, 7, hashes=(*proof, bytes(32)))),
        ("hash-bit", "5.1: both roots", case(3, 7, hashes=(flipped(proof[0], 0), *proof[1:]))),
        ("forked", "5.2: equal sizes, equal roots", case(7, 7, old_root=bytes(32))),
        ("equal-with-proof", "5.2: an empty proof", case(7, 7, hashes=(root,))),
        ("empty-with-proof", "5.2: an empty proof", case(0, 7, hashes=(root,))),
        ("empty-root", "5.2: the empty tree's root", case(0, 7, old_root=bytes(32))),
    ):
        write(f"grown-{name}", why, "audit-not-consistent", consistency=consistency)


def generate(root: Path) -> None:
    """Write `root/audit`, the same bytes every time."""
    folder = fresh_folder(root, "audit")

    def write(
        name: str,
        why: str,
        expect: str,
        *,
        log_key: str = LOG.vkey,
        consistency: dict[str, Any] | None = None,
        **files: bytes,
    ) -> None:
        stage = "consistency" if consistency else "proof" if "proof" in files else next(iter(files))
        case = {
            "why": f"docs/specs/audit-log.md {why}",
            "stage": {"note": "checkpoint"}.get(stage, stage),
            "expect": expect,
            "log_key": log_key,
        }
        if consistency:
            case["consistency"] = consistency
        write_case(folder, name, case, files)

    for cases in (leaf_cases, checkpoint_cases, key_cases, proof_cases, consistency_cases):
        cases(write)
