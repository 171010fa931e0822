"""Vectors of docs/specs/corim.md: envelope, key, manifest."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from attestation import cbor
from attestation.cbor import Tagged
from tests.vectors.arm_cases import REMOVED, jwk
from tests.vectors.corim_world import (
    ENVIRONMENT,
    KEY,
    MEASUREMENT,
    OTHER,
    PERIOD,
    bad,
    comid,
    good,
    manifest,
    sealed,
)

GOOD = sealed()
TAGGED = cbor.decode(GOOD, what="good")
PARTS = TAGGED.value
MANY = comid(triples={0: [[ENVIRONMENT, [MEASUREMENT] * 1200]]})
CWT = {8: REMOVED, 15: {1: "Maker", 4: int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())}}
ENVELOPES = (
    good("good", "E1: a signed document", GOOD),
    bad("empty", "E1: CBOR", "envelope", b""),
    bad("cut-off", "E1: CBOR", "envelope", GOOD[:-1]),
    bad("too-long", "E1: at most 512 KiB", "envelope", GOOD + bytes(512 * 1024)),
    bad("too-many-values", "E1: 8192 values", "manifest", sealed(manifest(of=MANY))),
    bad("trailing-data", "E1: nothing behind it", "envelope", GOOD + b"\0", "trailing-data"),
    bad(
        "trailing-manifest",
        "E1: nothing behind it",
        "verify",
        sealed(manifest() + b"\0"),
        "trailing-data",
    ),
    bad(
        "trailing-comid",
        "E1: nothing behind it",
        "manifest",
        sealed(manifest({1: [Tagged(506, cbor.encode(comid()) + b"\0")]})),
        "trailing-data",
    ),
    good("older-drafts", "E2: tags 500 and 502", cbor.encode(Tagged(500, Tagged(502, TAGGED)))),
    bad("unsigned", "E2: a signature", "envelope", manifest(), "signature-invalid"),
    bad("untagged", "E2: tag 18", "envelope", cbor.encode(PARTS)),
    bad(
        "detached",
        "E2: payload inside",
        "envelope",
        cbor.encode(Tagged(18, [*PARTS[:2], None, PARTS[3]])),
    ),
    bad("critical", "E2: no critical headers", "envelope", sealed(header={2: [8]})),
    good("extra-header", "E2: other headers", sealed(header={4: b"1", "x": 1})),
    bad("content-type", "E3: content type", "signer", sealed(header={3: "application/cbor"})),
    bad("content-number", "E3: content type", "signer", sealed(header={3: 60})),
    bad("no-signer", "E4: who signed", "signer", sealed(header={8: REMOVED})),
    bad("no-signer-name", "E4: a name", "signer", sealed(meta={0: {1: Tagged(32, "x:y")}})),
    bad("signer-uri", "E4: a URI", "signer", sealed(meta={0: {0: "Maker", 1: "https://x"}})),
    good("cwt-claims", "E4: CWT claims", sealed(header=CWT)),
    bad("cwt-no-issuer", "E4: an issuer", "signer", sealed(header={8: REMOVED, 15: {4: 1}})),
    bad(
        "cwt-no-end",
        "E4: not-before with expiry",
        "signer",
        sealed(header={8: REMOVED, 15: {1: "Maker", 5: 1}}),
    ),
)
KEYS = (
    bad("no-key", "K1: a key", "key", GOOD, "no-endorsement", key=None),
    bad("algorithm", "K2: ES256, ES384 or ES512", "key", sealed(header={1: -37}), "alg-mismatch"),
    bad("other-key", "K3: by that key", "key", sealed(key=OTHER), "signature-invalid"),
    bad(
        "tampered",
        "K3: signed bytes",
        "key",
        GOOD.replace(b"maker of", b"faker of"),
        "signature-invalid",
    ),
    good(
        "second-key",
        "K3: one of the keys",
        GOOD,
        key=json.dumps({"keys": [jwk(OTHER), jwk(KEY)]}).encode(),
    ),
    bad(
        "neither-key",
        "K3: one of the keys",
        "key",
        GOOD,
        "signature-invalid",
        key=json.dumps({"keys": [jwk(OTHER), jwk(OTHER)]}).encode(),
    ),
    bad(
        "algorithm-of-two-keys",
        "K2: ES256, ES384 or ES512",
        "key",
        sealed(header={1: -37}),
        "alg-mismatch",
        key=json.dumps({"keys": [jwk(OTHER), jwk(KEY)]}).encode(),
    ),
)
MANIFESTS = (
    bad("other-tag", "M1: tag 501", "manifest", sealed(cbor.encode(Tagged(505, {})))),
    bad("no-map", "M1: a map", "manifest", sealed(cbor.encode(Tagged(501, [])))),
    bad("unknown-member", "M1: known members", "manifest", sealed(manifest({6: 1}))),
    good("extensions", "M1: extensions", sealed(manifest({-1: "x", "y": {1: 2}}))),
    bad("no-id", "M2: an id", "manifest", sealed(manifest({0: REMOVED}))),
    bad("id-length", "M2: text or UUID", "manifest", sealed(manifest({0: bytes(15)}))),
    good("uuid", "M2: a UUID", sealed(manifest({0: Tagged(37, bytes(16))}))),
    bad("no-tags", "M2: tags", "manifest", sealed(manifest({1: []}))),
    bad("untagged-comid", "M2: tags", "manifest", sealed(manifest({1: [b"\xa0"]}))),
    bad("comid-no-bytes", "M2: bytes", "manifest", sealed(manifest({1: [Tagged(506, {})]}))),
    good(
        "coswid",
        "M2: tags that are not read",
        sealed(manifest({1: [Tagged(505, b"")]})),
        references=[],
    ),
    bad("profile-text", "M3: a URI", "manifest", sealed(manifest({3: "text"}))),
    good(
        "profile-oid",
        "M3: an object identifier",
        sealed(manifest({3: Tagged(111, b"*")})),
        references=[],
    ),
    bad("entity-no-role", "M3: roles", "manifest", sealed(manifest({5: [{0: "Maker"}]}))),
    bad("entity-role", "M3: roles", "manifest", sealed(manifest({5: [{0: "Maker", 2: ["x"]}]}))),
    good(
        "locators",
        "M3: locators",
        sealed(
            manifest(
                {
                    2: [{0: Tagged(32, "x:y")}, {0: [Tagged(32, "x:z")]}],
                    5: [{0: "Maker", 1: Tagged(32, "x:y"), 2: [1]}],
                }
            )
        ),
    ),
    bad("locator-text", "M3: a URI", "manifest", sealed(manifest({2: [{0: "x:y"}]}))),
    bad("no-end", "M4: an end", "manifest", sealed(manifest({4: {0: PERIOD[0]}}))),
    bad("time-text", "M4: a time", "manifest", sealed(manifest({4: {1: "2027"}}))),
    bad("time-boolean", "M4: seconds", "manifest", sealed(manifest({4: {1: Tagged(1, True)}}))),
    good(
        "for-ever", "M4: beyond all calendars", sealed(manifest({4: {1: Tagged(1, 253402300800)}}))
    ),
)
