"""Offline proof that a leaf is in the log: C2SP tlog-proof, with no trust in who hands it over.

Profile: no `extra` line (nothing authenticates it), and every signature on the checkpoint is one
the verifier knows, so that no byte of a proof can be changed. Format: docs/specs/audit-log.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from keybroker.audit.checkpoint import (
    Checkpoint,
    LogKey,
    parse_hash,
    parse_note,
    parse_number,
    verify_checkpoint,
)
from keybroker.audit.limits import MAX_PROOF_BYTES, MAX_PROOF_HASHES
from keybroker.audit.merkle import leaf_hash, verify_inclusion
from keybroker.errors import BrokerCode, BrokerError
from sealing import canonical

_HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = "index "


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """A proof, taken apart. Nothing in it is verified."""

    index: int
    path: tuple[bytes, ...] = field(repr=False)
    note: bytes = field(repr=False)


def format_proof(index: int, path: Sequence[bytes], note: bytes) -> bytes:
    """Return the text of a proof for leaf `index` under the checkpoint `note`."""
    hashes = [canonical.b64encode(value) for value in path]
    return "\n".join([_HEADER, f"{_INDEX}{index}", *hashes, "", ""]).encode("ascii") + note


def parse_proof(text: bytes) -> InclusionProof:
    """Return the parts of a proof in its one form, or raise `PROOF_MALFORMED`."""
    if len(text) > MAX_PROOF_BYTES:
        raise _malformed(f"proof is {len(text)} bytes, limit {MAX_PROOF_BYTES}")
    head, blank, note = text.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise _malformed("proof is not ASCII before its checkpoint") from error
    if not blank or len(lines) < 2 or lines[0] != _HEADER:
        raise _malformed(f"proof does not start with {_HEADER} or has no checkpoint")
    index = parse_number(lines[1].removeprefix(_INDEX))
    if not lines[1].startswith(_INDEX) or index is None:
        raise _malformed("the second line is not the index")
    if len(lines) > 2 + MAX_PROOF_HASHES:
        raise _malformed(f"proof has {len(lines) - 2} hashes, limit {MAX_PROOF_HASHES}")
    path = [parse_hash(line) for line in lines[2:]]
    known = tuple(value for value in path if value is not None)
    if len(known) != len(path):
        raise _malformed("a line is not a hash")
    return InclusionProof(index, known, note)


def verify_proof(text: bytes, *, leaf: bytes, log_key: LogKey | str) -> Checkpoint:
    """Return the tree head under which `leaf` was logged.

    What the leaf says and how old the checkpoint is, is not checked. Raises `PROOF_MALFORMED`,
    `PROOF_FOREIGN_SIGNATURE`, the codes of `verify_checkpoint`, or `NOT_INCLUDED`.
    """
    log = LogKey.parse(log_key) if isinstance(log_key, str) else log_key
    proof = parse_proof(text)
    checkpoint = verify_checkpoint(proof.note, log)
    if len(parse_note(proof.note).signatures) != 1:
        detail = "the checkpoint carries signatures that are not the log's"
        raise BrokerError(BrokerCode.PROOF_FOREIGN_SIGNATURE, detail)
    verify_inclusion(
        leaf_hash(leaf),
        index=proof.index,
        size=checkpoint.size,
        root=checkpoint.root,
        path=proof.path,
    )
    return checkpoint


def _malformed(detail: str) -> BrokerError:
    return BrokerError(BrokerCode.PROOF_MALFORMED, detail)
