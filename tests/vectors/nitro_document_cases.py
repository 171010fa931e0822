"""Vectors of docs/specs/evidence-nitro.md: the document itself, its age and what it says."""

from __future__ import annotations

from attestation import cbor, cose
from attestation.simulated.nitro.document_writer import ES384_HEADER, encode_map, sign_raw
from tests.vectors.nitro_cases import (
    GOOD,
    HOUR,
    LEAF,
    MEMBERS,
    NOW,
    PAYLOAD,
    REPORT_DATA,
    SECOND,
    Case,
    bad,
    enclave,
    faulty,
    good,
    made_by,
    saying,
    signed,
)

DOCUMENT, AGE = "document", "age"
PCRS: dict[int, bytes] = MEMBERS["pcrs"]
ZERO = bytes(48)


def malformed(name: str, why: str, document: bytes) -> Case:
    return bad(name, why, "malformed", DOCUMENT, document)


def sign1(*members: object) -> bytes:
    return cbor.encode(list(members))


SIGNATURE = sign_raw(LEAF.key, PAYLOAD)

DOCUMENTS = (
    good("good", "D2: without a tag", claims={"simulated": True, "debug": False}),
    good("tagged", "D2: with tag 18", signed(PAYLOAD, tagged=True)),
    good("indefinite", "D5: indefinite length", saying(indefinite=True)),
    good(
        "every-pcr",
        "D8: up to 31",
        saying(pcrs={number: bytes([number + 1]) * 48 for number in range(32)}),
        claims={"pcr.31": "20" * 48},
    ),
    good("three-pcrs", "D8: what is measured", saying(pcrs={n: PCRS[n] for n in range(3)})),
    good("members-absent", "D10: absent", saying(drop=("public_key", "user_data"))),
    good(
        "members-long",
        "D10: the longest ones",
        saying(public_key=bytes([1]) * 1024, user_data=bytes(512)),
    ),
    good(
        "members-short",
        "D10: shown as claims",
        saying(public_key=b"key", user_data=b""),
        claims={"public-key": b"key".hex()},
    ),
    malformed("empty", "D1: one value", b""),
    malformed("cut-off", "D1: one value", GOOD[:-1]),
    malformed("too-long", "D1: 12,288 bytes", signed(PAYLOAD + bytes(9000))),
    malformed("outer-indefinite", "D1: definite", b"\x9f" + GOOD[1:] + b"\xff"),
    malformed("long-head", "D1: shortest form", b"\x98\x04" + GOOD[1:]),
    faulty("trailing", "D1: nothing behind", "trailing-data", DOCUMENT, "trailing-data"),
    malformed("not-an-array", "D2: four members", cbor.encode({1: 2})),
    malformed("three-members", "D2: four members", sign1(ES384_HEADER, {}, PAYLOAD)),
    malformed("other-tag", "D2: tag 18", b"\xd1" + GOOD),
    malformed("tagged-twice", "D2: one tag", b"\xd2\xd2" + GOOD),
    malformed("detached", "D2: the payload inside", sign1(ES384_HEADER, {}, None, SIGNATURE)),
    faulty("algorithm", "D3: ES384", "alg-mismatch", DOCUMENT, "wrong-algorithm"),
    bad("no-algorithm", "D3: ES384", "alg-mismatch", DOCUMENT, signed(PAYLOAD, protected=b"\xa0")),
    bad(
        "algorithm-unprotected",
        "D3: protected",
        "alg-mismatch",
        DOCUMENT,
        signed(PAYLOAD, protected=b"", unprotected={1: cose.ES384}),
    ),
    faulty("unsigned-header", "D4: none", "malformed", DOCUMENT, "unsigned-header"),
    malformed(
        "second-header",
        "D4: nothing else",
        signed(PAYLOAD, protected=cbor.encode({1: cose.ES384, 4: b"key"})),
    ),
    malformed(
        "critical-header",
        "D4: nothing else",
        signed(PAYLOAD, protected=cbor.encode({1: cose.ES384, 2: [4]})),
    ),
    faulty("duplicate-key", "D5: once", "malformed", DOCUMENT, "duplicate-key"),
    faulty("unknown-member", "D5: nothing else", "malformed", DOCUMENT, "unknown-member"),
    malformed("no-pcrs", "D5: all there", saying(drop=("pcrs",))),
    malformed("payload-a-list", "D5: a map", signed(cbor.encode(list(MEMBERS.values())))),
    malformed(
        "payload-no-end",
        "D5: its end",
        signed(encode_map(list(MEMBERS.items()), indefinite=True)[:-1]),
    ),
    bad(
        "payload-trailing", "D5: nothing behind", "trailing-data", DOCUMENT, signed(PAYLOAD + b"\0")
    ),
    bad("digest-sha256", "D6: SHA384", "alg-mismatch", DOCUMENT, saying(digest="SHA256")),
    malformed("no-module", "D7: text", saying(module_id="")),
    malformed("module-long", "D7: 256 characters", saying(module_id="i" * 257)),
    malformed("timestamp-zero", "D7: positive", saying(timestamp=0)),
    malformed("timestamp-true", "D7: a number", saying(timestamp=True)),
    malformed("timestamp-negative", "D7: positive", saying(timestamp=-1)),
    malformed("timestamp-far", "D7: a year of four digits", saying(timestamp=1 << 63)),
    faulty("missing-pcr", "D8: PCR2 there", "malformed", DOCUMENT, "missing-pcr"),
    faulty("short-pcr", "D8: 48 bytes", "malformed", DOCUMENT, "short-pcr"),
    malformed("pcr-32", "D8: 0 to 31", saying(pcrs=PCRS | {32: ZERO})),
    malformed("pcr-name", "D8: numbers", saying(pcrs={**PCRS, "8": ZERO})),
    malformed("pcrs-empty", "D8: PCR0 there", saying(pcrs={})),
    malformed("pcrs-a-list", "D8: a map", saying(pcrs=list(PCRS.values()))),
    malformed("no-bundle", "D9: not empty", saying(cabundle=[])),
    malformed("bundle-long", "D9: at most 7", saying(cabundle=[b"x"] * 8)),
    malformed("bundle-empty-item", "D9: not empty", saying(cabundle=[b""])),
    malformed("certificate-long", "D9: 1024 bytes", saying(certificate=bytes(1025))),
    malformed("certificate-text", "D9: bytes", saying(certificate="x")),
    malformed("public-key-empty", "D10: 1 to 1024", saying(public_key=b"")),
    malformed("public-key-long", "D10: 1 to 1024", saying(public_key=bytes(1025))),
    malformed("user-data-long", "D10: 512", saying(user_data=bytes(513))),
    malformed("nonce-text", "D10: bytes", saying(nonce="nonce")),
)

AGES = (
    good("skew", "T1: 60 seconds", now=NOW - 2 * SECOND),
    good("oldest", "T2: as old as allowed", now=NOW + 300 * SECOND),
    good("older-by-policy", "T2: policy", now=NOW + HOUR, policy={"max_age_seconds": 3600}),
    faulty("from-the-future", "T1: 60 seconds", "token-not-yet-valid", AGE, "future-document"),
    faulty("an-hour-old", "T2: 300 seconds", "token-expired", AGE, "old-document"),
    bad("a-second-too-old", "T2: 300 seconds", "token-expired", AGE, now=NOW + 301 * SECOND),
    bad(
        "old-by-policy",
        "T2: policy",
        "token-expired",
        AGE,
        now=NOW + 11 * SECOND,
        policy={"max_age_seconds": 10},
    ),
    bad(
        "future-at-signed-time",
        "T1: also for archived ones",
        "token-not-yet-valid",
        AGE,
        now=NOW - HOUR,
        policy={"unsafe_at_signed_time": True},
    ),
)

SAYINGS = (
    faulty("replayed", "F1: this request", "nonce-mismatch", "freshness", "replayed-nonce"),
    faulty("no-nonce", "F1: there", "nonce-mismatch", "freshness", "no-nonce"),
    bad("nonce-empty", "F1: all 64 bytes", "nonce-mismatch", "freshness", saying(nonce=b"")),
    bad(
        "nonce-prefix",
        "F1: all 64 bytes",
        "nonce-mismatch",
        "freshness",
        saying(nonce=REPORT_DATA[:32]),
    ),
    bad(
        "nonce-in-user-data",
        "F1: no other member",
        "nonce-mismatch",
        "freshness",
        saying(nonce=None, user_data=REPORT_DATA),
    ),
    faulty("debug", "P1: measured", "debug-enabled", "policy", "debug"),
    faulty("half-debug", "P1: all three", "debug-enabled", "policy", "half-debug"),
    bad(
        "half-debug-allowed",
        "P1: all or none",
        "debug-enabled",
        "policy",
        made_by(enclave("half-debug")),
        policy={"allow_debug": True},
    ),
    good(
        "debug-allowed",
        "P1: by policy",
        made_by(enclave("debug")),
        policy={"allow_debug": True},
        claims={"debug": True, "pcr.0": ZERO.hex()},
    ),
    good("unsigned-image", "P1: PCR8 may be zero", claims={"pcr.8": ZERO.hex()}),
)
