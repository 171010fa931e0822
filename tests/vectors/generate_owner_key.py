"""Vectors of docs/specs/owner-keys.md, sections K and C: chains of key statements."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec

from sealing.keys import SigningKey
from tests.unit.sealing.makers import OWNER, OWNER_ED25519, STRANGER, b64, flipped, unb64
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case

TYPE = "application/vnd.sealwasm.owner-key.v1+json"
FIRST = "2026-11-01T00:00:00Z"
SECOND = "2026-11-10T00:00:00Z"
NOW = "2026-11-22T10:00:00Z"
THIRD = SigningKey._of(ec.derive_private_key(0x3D, ec.SECP256R1()))


def payload(old: SigningKey, new: SigningKey, /, **changes: Any) -> bytes:
    document = {
        "v": 1,
        "sequence": 1,
        "previous": None,
        "old": old.key_id,
        "new": b64(new.public.spki),
        "created": FIRST,
        "not-before": FIRST,
        "old-not-after": None,
    }
    return rfc8785.dumps(document | changes)


def envelope(body: bytes, *keys: SigningKey, kind: str = TYPE) -> dict[str, Any]:
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)
    ordered = sorted(keys, key=lambda key: key.key_id)
    return {
        "payload": b64(body),
        "payloadType": kind,
        "signatures": [{"keyid": key.key_id, "sig": b64(key.sign(message))} for key in ordered],
    }


def signed(body: bytes, *keys: SigningKey) -> bytes:
    return rfc8785.dumps(envelope(body, *keys))


def first(**changes: Any) -> bytes:
    """Return the statement in which the owner names its Ed25519 key."""
    return signed(payload(OWNER, OWNER_ED25519, **changes), OWNER)


def second(**changes: Any) -> bytes:
    """Return the one that follows `first()`."""
    digest = hashlib.sha256(payload(OWNER, OWNER_ED25519)).hexdigest()
    members = {
        "sequence": 2,
        "previous": f"sha256:{digest}",
        "created": SECOND,
        "not-before": SECOND,
    }
    new = changes.pop("key", THIRD)
    return signed(payload(OWNER_ED25519, new, **members | changes), OWNER_ED25519)


def bent(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = envelope(payload(OWNER, OWNER_ED25519), OWNER)
    change(document)
    return rfc8785.dumps(document)


def flip_signature(document: dict[str, Any]) -> None:
    one = document["signatures"][0]
    signature = unb64(one["sig"])
    one["sig"] = b64(flipped(signature, 8 * len(signature) - 1))


def without(name: str) -> bytes:
    members = json.loads(payload(OWNER, OWNER_ED25519))
    del members[name]
    return signed(rfc8785.dumps(members), OWNER)


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    expect: str
    statements: tuple[bytes, ...]
    # Id, not-before and not-after of the keys a reader ends with.
    keys: tuple[tuple[SigningKey, str | None, str | None], ...] = ()
    root_not_after: str | None = None


def refused(name: str, why: str, code: str, *statements: bytes, **more: Any) -> Case:
    return Case(name, why, f"seal-{code}", statements, **more)


ZEROS = "sha256:" + "00" * 32
ONE, TWO = first(), second()
SPACED = payload(OWNER, OWNER_ED25519).replace(b",", b", ")
BOTH = (
    (OWNER, None, None),
    (OWNER_ED25519, FIRST, None),
    (THIRD, SECOND, None),
)
MANY = tuple(first(**{"not-before": f"2026-12-{day:02}T00:00:00Z"}) for day in range(1, 18))
CASES = (
    Case("no-statement", "C9: the root alone", ACCEPTED, (), ((OWNER, None, None),)),
    Case("one", "C2: signed by the root", ACCEPTED, (ONE,), BOTH[:2]),
    Case("two", "C3: in sequence", ACCEPTED, (ONE, TWO), BOTH),
    Case("any-order", "C3: in sequence, however they come", ACCEPTED, (TWO, ONE), BOTH),
    Case("repeated", "C1: a repeated one counts once", ACCEPTED, (ONE, ONE), BOTH[:2]),
    Case(
        "ends-the-old-key",
        "C8: the earlier expiry holds",
        ACCEPTED,
        (first(**{"old-not-after": SECOND}),),
        ((OWNER, None, SECOND), (OWNER_ED25519, FIRST, None)),
        root_not_after=NOW,
    ),
    refused("not-json", "K1: JSON", "malformed", b"DSSE"),
    refused("spaced", "K1: canonical", "not-canonical", ONE.replace(b",", b", ")),
    refused(
        "unknown-envelope-member", "K1: exact", "unknown-member", bent(lambda d: d.update(x=1))
    ),
    refused(
        "repeated-member",
        "K1: no member twice",
        "duplicate-member",
        ONE.replace(b'"payloadType"', b'"payload":"","payloadType"'),
    ),
    refused("too-large", "K1: at most 8 KiB", "too-large", b" " * (8 << 10) + ONE),
    refused(
        "payload-type",
        "K2: the one type",
        "payload-type",
        rfc8785.dumps(envelope(payload(OWNER, OWNER_ED25519), OWNER, kind="x")),
    ),
    refused("spaced-payload", "K1: canonical inside too", "not-canonical", signed(SPACED, OWNER)),
    refused("unknown-member", "K3: exact members", "unknown-member", first(x=1)),
    refused("no-not-before", "K3: exact members", "malformed", without("not-before")),
    refused("other-version", "K3: v is 1", "malformed", first(v=2)),
    refused("version-is-true", "K3: v is the number 1", "malformed", first(v=True)),
    refused("sequence-zero", "K3: from 1", "malformed", first(sequence=0)),
    refused("sequence-seventeen", "K3: to 16", "malformed", first(sequence=17)),
    refused("time-with-fraction", "K3: times in one form", "malformed", first(created="2026")),
    refused("new-is-no-key", "K3: a key of ours", "key-invalid", first(new="AAAA")),
    refused("previous-is-text", "K3: a digest", "malformed", first(previous="x", sequence=2)),
    refused("self-signed", "K4: not itself", "key-chain", signed(payload(OWNER, OWNER), OWNER)),
    refused("first-with-previous", "K5: none before 1", "key-chain", first(previous=ZEROS)),
    refused("second-without-previous", "K5: one before 2", "key-chain", ONE, second(previous=None)),
    refused(
        "new-key-backdated",
        "K6: no past for the new key",
        "key-chain",
        first(**{"not-before": "2026-10-01T00:00:00Z"}),
    ),
    refused(
        "old-key-denied",
        "K6: no changed past for the old key",
        "key-chain",
        first(**{"old-not-after": "2026-10-01T00:00:00Z"}),
    ),
    refused("too-long", "C1: at most 16", "too-large", *MANY),
    refused(
        "by-the-new-key",
        "C2: by the head",
        "signer-unknown",
        signed(payload(OWNER, OWNER_ED25519), OWNER_ED25519),
    ),
    refused(
        "by-a-stranger",
        "C2: by the head",
        "signer-unknown",
        signed(payload(OWNER, THIRD), STRANGER),
    ),
    refused(
        "by-both",
        "C2: by nobody else",
        "signer-unknown",
        signed(payload(OWNER, OWNER_ED25519), OWNER, OWNER_ED25519),
    ),
    refused("signature-bit", "C2: the signature holds", "signature-invalid", bent(flip_signature)),
    refused(
        "no-signature",
        "C2: the only signature",
        "signature-missing",
        bent(lambda d: d["signatures"].clear()),
    ),
    refused(
        "fork", "C3: one way only", "signer-unknown", ONE, signed(payload(OWNER, THIRD), OWNER)
    ),
    refused(
        "fork-by-the-head",
        "C3: one way only",
        "key-chain",
        ONE,
        signed(payload(OWNER_ED25519, THIRD), OWNER_ED25519),
    ),
    refused("gap", "C3: without gap", "key-chain", first(sequence=2, previous=ZEROS)),
    refused("second-alone", "C2: by the head", "signer-unknown", TWO),
    refused("old-is-another", "C4: about the head", "key-chain", first(old=THIRD.key_id)),
    refused("other-previous", "C5: after this one", "key-chain", ONE, second(previous=ZEROS)),
    refused("loop", "C6: no key comes back", "key-chain", ONE, second(key=OWNER)),
    refused(
        "from-the-future",
        "C7: not after now",
        "key-chain",
        first(**{"created": "2026-11-22T10:05:01Z", "not-before": "2026-11-23T00:00:00Z"}),
    ),
    refused(
        "backdated",
        "C7: made while its key was in force",
        "key-chain",
        ONE,
        second(created="2026-10-01T00:00:00Z"),
    ),
    refused(
        "expired",
        "C8: made before its key expired",
        "key-expired",
        ONE,
        root_not_after="2026-10-31T23:59:59Z",
    ),
)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "owner-key")
    for case in CASES:
        document = {
            "why": case.why,
            "expect": case.expect,
            "now": NOW,
            "root": b64(OWNER.public.spki),
            "root_not_after": case.root_not_after,
            "statements": [f"{number}.json" for number in range(len(case.statements))],
            "keys": [[key.key_id, start, end] for key, start, end in case.keys],
        }
        files = {f"{number}.json": data for number, data in enumerate(case.statements)}
        write_case(folder, case.name, document, files)
