"""Vectors of docs/specs/split-keys.md, sections 2 and 3: shares that open, and that combine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sealing.holders.shamir import SHARE_BYTES, Share, split
from sealing.ocicrypt import PrivateOptions
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case

SYMKEY, NONCE = bytes(range(32)), bytes(range(32, 48))
DIGEST = "sha256:" + hashlib.sha256(b"a module").hexdigest()
OPTIONS = PrivateOptions(SYMKEY, DIGEST, NONCE)
LABEL = 18


def _stream(seed: str) -> Callable[[int], bytes]:
    taken: list[int] = []

    def take(size: int) -> bytes:
        taken.append(size)
        return hashlib.shake_256(f"{seed} {len(taken)}".encode()).digest(size)

    return take


def shares(threshold: int, of: int, seed: str = "first") -> tuple[Share, ...]:
    """Return the same split every time."""
    return split(OPTIONS, threshold=threshold, of=of, entropy=_stream(seed))


TWO = shares(2, 3)
OTHER = shares(2, 3, "second")
BIG = shares(16, 16)


def _header(share: Share, **changes: Any) -> dict[str, Any]:
    whole = {"set": share.set, "index": share.index, "threshold": 2, "of": 3}
    return whole | {"commitment": share.commitment} | changes


def _at(position: int, value: int) -> bytes:
    data = bytearray(TWO[0].to_bytes())
    data[position] = value
    return bytes(data)


GOOD = TWO[0].to_bytes()
INDEX = LABEL + 16

OPENED: list[tuple[str, str, str, bytes, dict[str, Any]]] = [
    ("first-of-three", "2.4", ACCEPTED, GOOD, _header(TWO[0])),
    ("last-of-sixteen", "2.4", ACCEPTED, BIG[15].to_bytes(), _header(BIG[15], threshold=16, of=16)),
    ("empty", "2.1", "seal-malformed", b"", _header(TWO[0])),
    ("one-byte-short", "2.1", "seal-malformed", GOOD[:-1], _header(TWO[0])),
    ("one-byte-long", "2.1", "seal-malformed", GOOD + b"\0", _header(TWO[0])),
    ("other-version", "2.1", "seal-malformed", _at(LABEL - 2, ord("2")), _header(TWO[0])),
    ("no-zero-byte", "2.1", "seal-malformed", _at(LABEL - 1, 1), _header(TWO[0])),
    ("private-options", "2.1", "seal-malformed", OPTIONS.to_json(), _header(TWO[0])),
    ("index-zero", "2.2", "seal-malformed", _at(INDEX, 0), _header(TWO[0])),
    ("index-seventeen", "2.2", "seal-malformed", _at(INDEX, 17), _header(TWO[0])),
    ("of-another-split", "2.3", "seal-share-set", OTHER[0].to_bytes(), _header(TWO[0])),
    ("of-another-index", "2.3", "seal-share-set", TWO[1].to_bytes(), _header(TWO[0])),
    ("first-byte-changed", "2.4", "seal-share-commitment", _at(INDEX + 1, 1), _header(TWO[0])),
    ("last-bit-changed", "2.4", "seal-share-commitment",
     _at(SHARE_BYTES - 1, GOOD[-1] ^ 1), _header(TWO[0])),
    ("renamed-to-this-split", "2.4", "seal-share-commitment",
     replace(OTHER[0], set=TWO[0].set).to_bytes(), _header(TWO[0])),
    ("commitment-of-another", "2.4", "seal-share-commitment", GOOD,
     _header(TWO[0], commitment=TWO[1].commitment)),
]  # fmt: skip

BENT = replace(TWO[2], value=bytes(80))

COMBINED: list[tuple[str, str, str, int, tuple[Share, ...]]] = [
    ("two-of-three", "3.3", ACCEPTED, 2, TWO[:2]),
    ("two-of-three-in-another-order", "3.3", ACCEPTED, 2, (TWO[2], TWO[0])),
    ("three-of-three", "3.3", ACCEPTED, 3, shares(3, 3)),
    ("sixteen-of-sixteen", "3.3", ACCEPTED, 16, BIG),
    ("one-more-than-needed", "3.4", ACCEPTED, 2, TWO),
    ("none", "3.1", "seal-share-threshold", 2, ()),
    ("too-few", "3.1", "seal-share-threshold", 3, shares(3, 5)[:2]),
    ("threshold-of-one", "3.1", "seal-share-threshold", 1, TWO[:2]),
    ("of-two-splits", "3.2", "seal-share-set", 2, (TWO[0], OTHER[1])),
    ("one-twice", "3.2", "seal-share-set", 2, (TWO[0], TWO[0])),
    ("one-index-twice", "3.2", "seal-share-set", 2, (TWO[0], replace(TWO[1], index=1))),
    ("one-too-many-that-differs", "3.4", "seal-share-set", 2, (*TWO[:2], BENT)),
]  # fmt: skip


def generate(root: Path) -> None:
    """Write every case below `root`/share."""
    folder = fresh_folder(root, "share")
    for name, step, expect, data, header in OPENED:
        case = _case("open", step, expect, name) | {"header": header}
        write_case(folder, f"open-{name}", case, {"share.bin": data})
    for name, step, expect, threshold, chosen in COMBINED:
        case = _case("combine", step, expect, name) | {"threshold": threshold}
        if expect == ACCEPTED:
            case |= {"symkey": SYMKEY.hex(), "nonce": NONCE.hex(), "digest": DIGEST}
        files = {f"share-{n:02}.bin": one.to_bytes() for n, one in enumerate(chosen)}
        write_case(folder, f"combine-{name}", case, files)


def _case(stage: str, step: str, expect: str, name: str) -> dict[str, Any]:
    why = f"docs/specs/split-keys.md step {step}: {name.replace('-', ' ')}"
    return {"expect": expect, "stage": stage, "why": why}
