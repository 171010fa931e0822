"""Vectors of section V of docs/specs/other-holders.md: files of recovery keys."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sealing import limits
from tests.unit.sealing.makers import BROKER, OTHER_BROKER, b64, unb64
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case

PASSPHRASE = "correct horse"
SALT, IV = bytes(range(32)), bytes(range(12))
PUBLIC_STAGE, PARSE, OPEN = "public", "parse", "open"


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    expect: str
    stage: str
    data: bytes
    passphrase: str = PASSPHRASE


@cache
def wrapping_key() -> bytes:
    return Scrypt(salt=SALT, length=32, n=1 << 17, r=8, p=1).derive(PASSPHRASE.encode())


def public(**members: Any) -> dict[str, Any]:
    document = {
        "v": 1,
        "kind": "sealwasm-recovery-public-key",
        "name": "acme/backup",
        "suite": BROKER.suite,
        "public": b64(BROKER.public.raw),
    }
    return document | members


def private(secret: bytes = BROKER.to_bytes(), **members: Any) -> dict[str, Any]:
    kdf = {"name": "scrypt", "n": 1 << 17, "r": 8, "p": 1, "salt": b64(SALT)}
    head = public(kind="sealwasm-recovery-key", kdf=kdf, iv=b64(IV)) | members
    sealed = AESGCM(wrapping_key()).encrypt(IV, secret, rfc8785.dumps(head))
    return head | {"sealed": b64(sealed)}


def kdf(**members: Any) -> dict[str, Any]:
    plain = {"name": "scrypt", "n": 1 << 17, "r": 8, "p": 1, "salt": b64(SALT)}
    return private() | {"kdf": plain | members}


def flipped(document: dict[str, Any], name: str) -> dict[str, Any]:
    data = bytearray(unb64(document[name]))
    data[-1] ^= 1
    return document | {name: b64(bytes(data))}


def refused(
    name: str, why: str, code: str, data: dict[str, Any] | bytes, stage: str = PARSE, **rest: Any
) -> Case:
    encoded = data if isinstance(data, bytes) else rfc8785.dumps(data)
    return Case(name, why, f"seal-{code}", stage, encoded, **rest)


def cases() -> tuple[Case, ...]:
    good, told = private(), public()
    return (
        Case("private", "V4: the right passphrase", ACCEPTED, OPEN, rfc8785.dumps(good)),
        Case("public", "V2: a public key", ACCEPTED, PUBLIC_STAGE, rfc8785.dumps(told)),
        refused("too-large", "V1: at most 64 KiB", "too-large", b" " * (limits.PEM_BYTES + 1)),
        refused("not-json", "V1: JSON", "malformed", b"-----BEGIN"),
        refused("spaced", "V1: canonical", "not-canonical", json.dumps(good).encode()),
        refused(
            "repeated", "V1: no repeated member", "duplicate-member", b'{"v":1,"v":1}', PUBLIC_STAGE
        ),
        refused("unknown-member", "V1: no unknown member", "unknown-member", good | {"x": 1}),
        refused("private-for-public", "V1: no more members", "unknown-member", good, PUBLIC_STAGE),
        refused("public-for-private", "V1: no missing member", "malformed", told),
        refused("version", "V2: version 1", "key-invalid", good | {"v": 2}),
        refused("version-true", "V2: version 1", "key-invalid", good | {"v": True}),
        refused("kind", "V2: its kind", "key-invalid", told | {"kind": "x"}, PUBLIC_STAGE),
        refused(
            "suite", "V2: a suite we know", "suite-unknown", told | {"suite": "x"}, PUBLIC_STAGE
        ),
        refused("short", "V2: its length", "key-invalid", told | {"public": "AAAA"}, PUBLIC_STAGE),
        refused("name", "V2: a name", "malformed", told | {"name": "Not a name"}, PUBLIC_STAGE),
        refused("kdf-cheaper", "V3: our costs", "key-invalid", kdf(n=1024)),
        refused("kdf-dearer", "V3: our costs", "key-invalid", kdf(n=1 << 40)),
        refused("kdf-true", "V3: our costs", "key-invalid", kdf(p=True)),
        refused("kdf-other", "V3: scrypt", "key-invalid", kdf(name="pbkdf2")),
        refused("kdf-salt", "V3: 32 bytes of salt", "malformed", kdf(salt="AAAA")),
        refused("kdf-unknown", "V1: no unknown member", "unknown-member", kdf(dklen=32)),
        refused("iv", "V3: 12 bytes of IV", "malformed", good | {"iv": "AAAA"}),
        refused(
            "passphrase", "V4: the passphrase", "key-passphrase", good, OPEN, passphrase="battery"
        ),
        refused("no-passphrase", "V4: a passphrase", "key-passphrase", good, OPEN, passphrase=""),
        refused(
            "name-swapped",
            "V4: the tag covers it",
            "key-passphrase",
            good | {"name": "acme/other"},
            OPEN,
        ),
        refused("tag-bit", "V4: the tag holds", "key-passphrase", flipped(good, "sealed"), OPEN),
        refused(
            "two-keys", "V4: one key pair", "key-invalid", private(OTHER_BROKER.to_bytes()), OPEN
        ),
    )


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "recovery-key")
    for case in cases():
        document = {"why": case.why, "expect": case.expect, "stage": case.stage}
        if case.stage == OPEN:
            document["passphrase"] = case.passphrase
        write_case(folder, case.name, document, {"key.json": case.data})
