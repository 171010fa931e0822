"""Vectors of section G of docs/specs/documents.md: DSSE envelopes in their one form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rfc8785

from sealing.keys import SigningKey
from tests.unit.sealing.makers import OWNER, OWNER_ED25519, STRANGER, b64, flipped, unb64
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case

TYPE = "application/vnd.example+json"
PAYLOAD = b'{"hello":"world"}'


def signed(*keys: SigningKey, kind: str = TYPE) -> dict[str, Any]:
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(PAYLOAD), PAYLOAD)
    ordered = sorted(keys, key=lambda key: key.key_id)
    return {
        "payload": b64(PAYLOAD),
        "payloadType": kind,
        "signatures": [{"keyid": key.key_id, "sig": b64(key.sign(message))} for key in ordered],
    }


def bent(change: Callable[[dict[str, Any]], object], *keys: SigningKey) -> bytes:
    document = signed(*(keys or (OWNER,)))
    change(document)
    return rfc8785.dumps(document)


def first(document: dict[str, Any]) -> dict[str, Any]:
    return document["signatures"][0]


def flip_signature(document: dict[str, Any]) -> None:
    signature = unb64(first(document)["sig"])
    first(document)["sig"] = b64(flipped(signature, 8 * len(signature) - 1))


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    expect: str
    envelope: bytes
    threshold: int = 1
    keys: tuple[SigningKey, ...] = field(default=(OWNER, OWNER_ED25519))


def refused(name: str, why: str, code: str, envelope: bytes, **more: Any) -> Case:
    return Case(name, why, f"seal-{code}", envelope, **more)


ONE = rfc8785.dumps(signed(OWNER))
CASES = (
    Case("p256", "G5: signed by an expected key", ACCEPTED, ONE),
    Case(
        "ed25519", "G5: signed by an expected key", ACCEPTED, rfc8785.dumps(signed(OWNER_ED25519))
    ),
    Case("two", "G6: two of two", ACCEPTED, rfc8785.dumps(signed(OWNER, OWNER_ED25519)), 2),
    refused("not-json", "D2: JSON", "malformed", b"DSSE"),
    refused("spaced", "D4: canonical", "not-canonical", ONE.replace(b",", b", ")),
    refused("unknown-member", "D5: exact members", "unknown-member", bent(lambda d: d.update(x=1))),
    refused("no-payload", "D5: exact members", "malformed", bent(lambda d: d.pop("payload"))),
    refused(
        "repeated-member",
        "D3: no member twice",
        "duplicate-member",
        ONE.replace(b'"payloadType"', b'"payload":"","payloadType"'),
    ),
    refused(
        "payload-type",
        "G1: the expected type",
        "payload-type",
        rfc8785.dumps(signed(OWNER, kind="x")),
    ),
    refused(
        "no-signature",
        "G2: at least one",
        "signature-missing",
        bent(lambda d: d["signatures"].clear()),
    ),
    refused(
        "too-many",
        "G2: at most 16",
        "malformed",
        bent(lambda d: d.update(signatures=d["signatures"] * 17)),
    ),
    refused(
        "same-key-twice",
        "G3: a key signs once",
        "signature-repeated",
        bent(lambda d: d.update(signatures=d["signatures"] * 2)),
    ),
    refused(
        "order",
        "G3: in order of key id",
        "not-canonical",
        bent(lambda d: d["signatures"].reverse(), OWNER, OWNER_ED25519),
    ),
    refused(
        "stranger", "G4: expected keys only", "signer-unknown", rfc8785.dumps(signed(STRANGER))
    ),
    refused(
        "stranger-beside",
        "G4: expected keys only",
        "signer-unknown",
        rfc8785.dumps(signed(OWNER, STRANGER)),
    ),
    refused("no-keys", "G4: no expected key, no pass", "signer-unknown", ONE, keys=()),
    refused(
        "signature-bit", "G5: every signature holds", "signature-invalid", bent(flip_signature)
    ),
    refused(
        "other-payload",
        "G5: over the payload",
        "signature-invalid",
        bent(lambda d: d.update(payload=b64(b"{}"))),
    ),
    refused(
        "empty-signature",
        "G5: every signature holds",
        "signature-invalid",
        bent(lambda d: first(d).update(sig="")),
    ),
    refused("below-threshold", "G6: as many as asked for", "signature-missing", ONE, threshold=2),
)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "dsse")
    for case in CASES:
        document = {
            "why": case.why,
            "expect": case.expect,
            "stage": "verify",
            "payload_type": TYPE,
            "threshold": case.threshold,
            "keys": [b64(key.public.spki) for key in case.keys],
        }
        write_case(folder, case.name, document, {"envelope.json": case.envelope})
