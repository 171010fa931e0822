"""Vectors of section P of docs/specs/other-holders.md; the first is one that skopeo opened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealing import limits
from tests.unit.sealing.makers import b64
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case

KEK = bytes(range(32))
IV = bytes(range(0x60, 0x6C))
KID = "kbs:///default/key/m1"
SAMPLE_KEY = bytes.fromhex("d99b7705b0ba7a168295b3a3367270b0dd9b371bf514ca8b9ba7f0a33711daea")
SECRET = (
    b'{"symkey":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",'
    b'"digest":"sha256:93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476",'
    b'"cipheroptions":{"nonce":"QEFCQ0RFRkdISUpLTE1OTw=="}}'
)
PACKET = (
    b'{"kid":"kbs:///default/key/m1","wrapped_data":"kfnoLNYr5hZeLNtiMcioCl8k5cPtB12S8M7yID/CgkTI2'
    b"EC1zkYl6G942LpauKvl/1+R70NFz+tKtNgUgwH+JJgrK7VyGyjM3Ehi1M0n1W9E3VTWIr93zCJeMk6vHkp2AFmrObNSA"
    b"fyymbqAAu/EqE3bdSZ8tVTi4ON3Ls1qtPFeAZdWh7vpLZ5YO/HGsAFWKQwfhQXS/7Adun0qAmI50ZKk3hfL3lVru8Xh"
    b'YZARgy+MuTts/VRkKm01iJ/0icD6cxYM6Lctw/OeGB4d0FesryQ=","iv":"YGFiY2RlZmdoaWpr","wrap_type":"A2'
    b'56GCM"}'
)
OPEN, EXACT, KEY = "open", "exact", "key"


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    expect: str
    data: bytes
    stage: str = OPEN
    kid: str = KID
    key: bytes = KEK


def bent(**members: Any) -> bytes:
    document = {**json.loads(PACKET), **members}
    return json.dumps({name: value for name, value in document.items() if value != ...}).encode()


def numbers(name: str) -> list[int]:
    import base64

    return list(base64.b64decode(json.loads(PACKET)[name]))


def refused(name: str, why: str, code: str, data: bytes = PACKET, **rest: Any) -> Case:
    return Case(name, why, f"seal-{code}", data, **rest)


def v2(**members: Any) -> bytes:
    plain = {"version": "0.1.0", "provider": "kbs", "provider_settings": {}, "annotations": {}}
    return bent(**(plain | members))


CASES = (
    Case("v1", "P7: the packet of the stock encryptor", ACCEPTED, PACKET),
    Case("exact", "P8: the form that goes into a sealed manifest", ACCEPTED, PACKET, EXACT),
    Case("v2", "P2: version 2 that says the same", ACCEPTED, v2()),
    Case(
        "numbers",
        "P4: bytes as lists of numbers",
        ACCEPTED,
        bent(iv=numbers("iv"), wrapped_data=numbers("wrapped_data")),
    ),
    refused("too-large", "P1: at most 8 KiB", "too-large", b" " * (limits.COCO_PACKET_BYTES + 1)),
    refused("not-json", "P1: JSON", "malformed", b"{"),
    refused("array", "P1: an object", "malformed", b"[]"),
    refused(
        "repeated-member",
        "P1: no repeated member",
        "duplicate-member",
        PACKET.replace(b"{", b'{"iv":"",', 1),
    ),
    refused("unknown-member", "P1: no unknown member", "unknown-member", bent(x=1)),
    refused("missing-member", "P1: no missing member", "malformed", bent(iv=...)),
    refused("other-version", "P2: a version we know", "suite-unknown", v2(version="0.2.0")),
    refused("kms", "P2: a KBS and no cloud's KMS", "suite-unknown", v2(provider="aliyun")),
    refused(
        "settings",
        "P2: nothing that we do not read",
        "suite-unknown",
        v2(provider_settings={"endpoint": "x"}),
    ),
    refused(
        "counter-mode", "P3: A256CTR checks nothing", "suite-unknown", bent(wrap_type="A256CTR")
    ),
    refused("short-iv", "P4: 12 bytes of IV", "malformed", bent(iv="AAAA")),
    refused("short-key", "P4: at least a tag", "malformed", bent(wrapped_data="AAAA")),
    refused("number-too-large", "P4: bytes", "malformed", bent(iv=[256] * 12)),
    refused("number-true", "P4: bytes", "malformed", bent(iv=[True] * 12)),
    refused("too-many-numbers", "P4: at most 1024", "too-large", bent(wrapped_data=[0] * 1025)),
    refused("not-base64", "P4: base64", "malformed", bent(iv="????????????????")),
    refused(
        "host", "P5: no host", "envelope-scheme", bent(kid="kbs://evil.example/default/key/m1")
    ),
    refused("plugin", "P5: no plugin", "malformed", bent(kid="kbs+pkcs11:///default/key/m1")),
    refused("two-parts", "P5: three parts", "malformed", bent(kid="kbs:///default/key")),
    refused("parent", "P5: no way up", "malformed", bent(kid="kbs:///default/../m1")),
    refused("query", "P5: no other characters", "malformed", bent(kid="kbs:///default/key/m1?x=y")),
    refused("no-kid", "P5: a text", "malformed", bent(kid=None)),
    refused(
        "sample-name",
        "P6: not the name of the sample key",
        "key-invalid",
        bent(kid="kbs:///default/test-key/1"),
    ),
    refused(
        "sample-iv", "P6: not the IV of the sample key", "key-invalid", bent(iv=b64(bytes(12)))
    ),
    refused("sample-key", "P6: not the sample key", "key-invalid", key=SAMPLE_KEY, stage=KEY),
    refused("key-of-31-bytes", "P7: 32 bytes", "key-invalid", key=bytes(31), stage=KEY),
    refused("key-with-a-host", "P5: no host", "envelope-scheme", kid="kbs://h/a/b/c", stage=KEY),
    refused("other-key", "P7: the key opens it", "envelope-not-opened", key=bytes(range(1, 33))),
    refused("other-name", "P7: the key has the name", "envelope-not-opened", kid="kbs:///a/b/c"),
    refused(
        "name-swapped",
        "P7: the key has the name",
        "envelope-not-opened",
        bent(kid="kbs:///default/key/m2"),
    ),
    refused(
        "tag-bit",
        "P7: the tag holds",
        "envelope-not-opened",
        bent(wrapped_data=b64(AESGCM(KEK).encrypt(IV, SECRET, None)[:-1] + b"\0")),
    ),
    refused(
        "with-additional-data",
        "P7: nothing else is authenticated",
        "envelope-not-opened",
        bent(wrapped_data=b64(AESGCM(KEK).encrypt(IV, SECRET, b"context"))),
    ),
    refused(
        "spaced",
        "P8: one form in a sealed manifest",
        "not-canonical",
        json.dumps(json.loads(PACKET)).encode(),
        stage=EXACT,
    ),
    refused(
        "v2-in-a-manifest", "P8: version 1 in a sealed manifest", "not-canonical", v2(), stage=EXACT
    ),
)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "coco")
    for case in CASES:
        document = {
            "why": case.why,
            "expect": case.expect,
            "stage": case.stage,
            "kid": case.kid,
            "key": b64(case.key),
        }
        write_case(folder, case.name, document, {"packet.json": case.data})
