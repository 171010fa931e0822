"""Vectors of sections R4 and R8 of docs/specs/sealed-module.md: one envelope, one opening key."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from sealing.hpke import HYBRID, OpeningKey
from tests.unit.sealing import makers
from tests.unit.sealing.makers import b64, flipped, unb64
from tests.unit.sealing.wasm_maker import SMALL
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case

PARSE, OPEN = "parse", "open"
DIGEST = "sha256:" + "ab" * 32
OPTIONS = makers.options_json(makers.SYMKEY, makers.digest(SMALL), makers.NONCE)
HYBRID_KEY = OpeningKey.from_bytes(HYBRID, bytes(range(96)))
# Encapsulation to ML-KEM takes no seed in `cryptography`, so this was sealed once and kept.
HYBRID_SEALED = Path(__file__).with_name("hybrid_sealed.txt")


def context() -> dict[str, Any]:
    return {
        "module": "acme/scoring",
        "version": 7,
        "owner": makers.OWNER.key_id,
        "policy": "acme/prod",
        "capabilities": DIGEST,
        "config": DIGEST,
        "layer": DIGEST,
    }


def header(key: OpeningKey = makers.BROKER) -> dict[str, Any]:
    return {
        "v": 1,
        "suite": key.suite,
        "broker": makers.IDENTITY.key_id,
        "key": key.public.key_id,
        "context": context(),
    }


def sealed(options: bytes = OPTIONS) -> dict[str, Any]:
    document = header()
    makers.seal_document(document, options)
    return document


def hybrid() -> bytes:
    text = HYBRID_SEALED.read_text(encoding="ascii").strip()
    return rfc8785.dumps(header(HYBRID_KEY) | {"sealed": text})


def with_members(**members: Any) -> Callable[[], bytes]:
    return lambda: rfc8785.dumps(sealed() | members)


def with_context(**members: Any) -> Callable[[], bytes]:
    return lambda: rfc8785.dumps(sealed() | {"context": context() | members})


def with_sealed(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    return lambda: rfc8785.dumps(sealed() | {"sealed": b64(change(unb64(sealed()["sealed"])))})


def with_options(options: bytes) -> Callable[[], bytes]:
    return lambda: rfc8785.dumps(sealed(options))


def share(**members: Any) -> dict[str, Any]:
    return {
        "set": "5e" * 16,
        "index": 1,
        "threshold": 2,
        "of": 3,
        "commitment": DIGEST,
    } | members


def recovery(**members: Any) -> Callable[[], bytes]:
    """Return an envelope for an owner's own key."""

    def build() -> bytes:
        document = {name: value for name, value in header().items() if name != "broker"}
        document |= {"recovery": True} | members
        makers.seal_document(document, OPTIONS)
        return rfc8785.dumps(document)

    return build


def in_share() -> bytes:
    """Return an envelope with a share that is sealed as it says."""
    document = header() | {"share": share()}
    makers.seal_document(document, bytes(80))
    return rfc8785.dumps(document)


def in_text(old: bytes, new: bytes) -> Callable[[], bytes]:
    return lambda: rfc8785.dumps(sealed()).replace(old, new, 1)


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    expect: str
    build: Callable[[], bytes]
    stage: str = PARSE
    key: OpeningKey = makers.BROKER


def refused(name: str, why: str, code: str, build: Callable[[], bytes], stage: str = PARSE) -> Case:
    return Case(name, why, f"seal-{code}", build, stage)


def moved(name: str, **members: Any) -> Case:
    """Return a case whose context was changed after sealing."""
    why = "R8.2: the sealed key is bound to the envelope's header"
    return refused(name, why, "envelope-not-opened", with_context(**members), OPEN)


CASES = (
    Case("x25519", "R8.2: opened", ACCEPTED, lambda: rfc8785.dumps(sealed()), OPEN),
    Case("hybrid", "R8.2: opened", ACCEPTED, hybrid, OPEN, HYBRID_KEY),
    Case("recovery", "R4.7: for the owner's own key", ACCEPTED, recovery(), OPEN),
    refused(
        "broker-and-recovery",
        "R4.7: one holder",
        "unknown-member",
        recovery(broker=makers.IDENTITY.key_id),
    ),
    refused("recovery-false", "R4.7: one holder", "malformed", recovery(recovery=False)),
    refused(
        "recovery-share", "R4.7: a recovery key is whole", "unknown-member", recovery(share=share())
    ),
    refused(
        "no-holder",
        "R4.7: one holder",
        "malformed",
        lambda: rfc8785.dumps({k: v for k, v in sealed().items() if k != "broker"}),
    ),
    refused(
        "share-one-of-three",
        "R4.8: one share alone must not be the key",
        "share-threshold",
        with_members(share=share(threshold=1)),
    ),
    refused(
        "share-four-of-three",
        "R4.8: not more shares than there are",
        "share-threshold",
        with_members(share=share(threshold=4)),
    ),
    refused("share-index-zero", "R4.8: 1 to n", "malformed", with_members(share=share(index=0))),
    refused("share-index-four", "R4.8: 1 to n", "malformed", with_members(share=share(index=4))),
    refused("share-of-many", "R4.8: at most 16", "malformed", with_members(share=share(of=17))),
    refused(
        "share-set-name", "R4.8: 32 digits", "malformed", with_members(share=share(set="5E" * 16))
    ),
    refused(
        "share-commitment",
        "R4.8: a digest",
        "malformed",
        with_members(share=share(commitment="ab" * 32)),
    ),
    refused("share-null", "R4.8: an object", "malformed", with_members(share=None)),
    refused(
        "share-as-whole-key",
        "R8.1: a share is not opened as a key",
        "envelope-not-opened",
        in_share,
        OPEN,
    ),
    refused("not-json", "R1.2: JSON", "malformed", lambda: b"envelope"),
    refused("array", "R1.5: an object", "malformed", lambda: b"[]"),
    refused(
        "too-large", "R1.1: at most 16 KiB", "too-large", with_members(sealed=b64(bytes(16 << 10)))
    ),
    refused(
        "repeated-member",
        "R1.3: no member twice",
        "duplicate-member",
        in_text(b'"v":1', b'"v":1,"v":1'),
    ),
    refused("spaced", "R1.4: canonical", "not-canonical", in_text(b'"v":1', b'"v": 1')),
    refused("escaped", "R1.4: canonical", "not-canonical", in_text(b"acme/prod", b"acme\\/prod")),
    refused("unknown-member", "R1.5: no unknown member", "unknown-member", with_members(x=1)),
    refused(
        "missing-context",
        "R1.5: no missing member",
        "malformed",
        lambda: rfc8785.dumps({k: v for k, v in sealed().items() if k != "context"}),
    ),
    refused(
        "unknown-context-member", "R1.5: no unknown member", "unknown-member", with_context(x=1)
    ),
    refused(
        "sealed-unused-bits",
        "R1.6: base64 is canonical",
        "not-canonical",
        lambda: rfc8785.dumps(sealed() | {"sealed": "QR=="}),
    ),
    refused("sealed-not-base64", "R1.6: base64", "malformed", with_members(sealed="e30")),
    refused("version-2", "R4.2: envelope version 1", "envelope-version", with_members(v=2)),
    refused("version-true", "R4.2: envelope version 1", "envelope-version", with_members(v=True)),
    refused("suite", "R4.3: a known suite", "suite-unknown", with_members(suite="x25519")),
    refused("broker", "R4.4: broker is a key id", "malformed", with_members(broker="AB" * 32)),
    refused("key", "R4.4: key is a key id", "malformed", with_members(key="")),
    refused("module", "R4.4: module is a name", "malformed", with_context(module="Acme")),
    refused("version-zero", "R4.4: versions start at 1", "malformed", with_context(version=0)),
    refused("version-text", "R4.4: versions are integers", "malformed", with_context(version="7")),
    refused("owner", "R4.4: owner is a key id", "malformed", with_context(owner=DIGEST)),
    refused("policy", "R4.4: policy is a name", "malformed", with_context(policy="acme//prod")),
    refused("capabilities", "R4.4: a digest", "malformed", with_context(capabilities="ab" * 32)),
    refused("config", "R4.4: a digest", "malformed", with_context(config=DIGEST.upper())),
    refused("layer", "R4.4: a digest", "malformed", with_context(layer=None)),
    refused(
        "other-suite",
        "R8.1: the suite is the opening key's",
        "envelope-not-opened",
        with_members(suite=HYBRID),
        OPEN,
    ),
    refused(
        "other-key",
        "R8.1: the key is the opening key",
        "envelope-not-opened",
        with_members(key=makers.OTHER_BROKER.public.key_id),
        OPEN,
    ),
    refused(
        "other-broker",
        "R8.2: the sealed key is bound to the envelope's header",
        "envelope-not-opened",
        with_members(broker=makers.OWNER.key_id),
        OPEN,
    ),
    moved("moved-module", module="acme/other"),
    moved("moved-version", version=8),
    moved("moved-owner", owner=makers.STRANGER.key_id),
    moved("moved-policy", policy="acme/test"),
    moved("moved-capabilities", capabilities=f"sha256:{'cd' * 32}"),
    moved("moved-config", config=f"sha256:{'cd' * 32}"),
    moved("moved-layer", layer=f"sha256:{'cd' * 32}"),
    refused(
        "encapsulated-key-bit",
        "R8.2: HPKE opens",
        "envelope-not-opened",
        with_sealed(lambda data: flipped(data, 0)),
        OPEN,
    ),
    refused(
        "tag-bit",
        "R8.2: HPKE opens",
        "envelope-not-opened",
        with_sealed(lambda data: flipped(data, 8 * len(data) - 1)),
        OPEN,
    ),
    refused(
        "cut", "R8.2: HPKE opens", "envelope-not-opened", with_sealed(lambda data: data[:-1]), OPEN
    ),
    refused("empty", "R8.2: HPKE opens", "envelope-not-opened", with_sealed(lambda _: b""), OPEN),
    refused("options-not-json", "R8.3: the options", "malformed", with_options(b"key"), OPEN),
    refused(
        "options-too-large", "R8.3: at most 1 KiB", "too-large", with_options(b" " * 1025), OPEN
    ),
    refused(
        "options-reordered",
        "R8.3: exactly the bytes ocicrypt writes",
        "not-canonical",
        with_options(rfc8785.dumps(json.loads(OPTIONS))),
        OPEN,
    ),
    refused(
        "options-unknown-member",
        "R8.3: exactly three members",
        "unknown-member",
        with_options(OPTIONS[:-1] + b',"x":1}'),
        OPEN,
    ),
    refused(
        "options-short-nonce",
        "R8.3: the nonce has 16 bytes",
        "malformed",
        with_options(makers.options_json(makers.SYMKEY, DIGEST, bytes(15))),
        OPEN,
    ),
)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "envelope")
    for case in CASES:
        document = {
            "why": case.why,
            "stage": case.stage,
            "expect": case.expect,
            "suite": case.key.suite,
            "opening_key": b64(case.key.to_bytes()),
        }
        if case.expect == ACCEPTED:
            document["options"] = OPTIONS.decode()
        write_case(folder, case.name, document, {"envelope.json": case.build()})
