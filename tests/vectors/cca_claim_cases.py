"""Vectors of docs/specs/evidence-cca.md: claims, binding, freshness, lifecycle."""

from __future__ import annotations

from attestation import cbor
from attestation.simulated.cca.token_writer import encode_key
from attestation.verifiers.cca import platform as p
from attestation.verifiers.cca import realm as r
from tests.vectors.arm_cases import REMOVED, REPORT_DATA, changed
from tests.vectors.cca_world import (
    COMPONENT,
    P256,
    RAK,
    bad,
    build,
    cose_key,
    fault,
    good,
    of_key,
    of_platform,
    of_realm,
)

PLATFORMS = (
    good("old-profile", "P1: the older profile", build(old=True)),
    of_platform("platform-no-profile", "P1: profile", "missing-claims", c265=REMOVED),
    fault("unknown-profile", "P1: a known profile", "malformed", "platform"),
    of_platform("platform-challenge", "P2: length", "malformed", c10=bytes(33)),
    of_platform("no-config", "P3: configuration", "missing-claims", c2401=REMOVED),
    of_platform("config-text", "P3: configuration is a byte string", "malformed", c2401="x"),
    of_platform("hash-number", "P3: hash algorithm is a text", "malformed", c2402=1),
    of_platform("empty-service", "P3: texts are not empty", "malformed", c2400=""),
    good("no-service", "P3: no verification service", build(platform={p.SERVICE: REMOVED})),
    of_platform("lifecycle-state", "P4: a state of the manual", "malformed", c2395=0x7000),
    of_platform("lifecycle-between", "P4: a state of the manual", "malformed", c2395=0x3100),
    of_platform("lifecycle-large", "P4: two bytes", "malformed", c2395=0x13000),
    of_platform("lifecycle-boolean", "P4: an integer", "malformed", c2395=True),
    of_platform("no-software", "P5: components", "missing-claims", c2399=REMOVED),
    of_platform("empty-software", "P5: at least one", "malformed", c2399=[]),
    of_platform("software-65", "P5: at most 64", "malformed", c2399=[COMPONENT] * 65),
    of_platform("component-no-map", "P5: a map", "malformed", c2399=["RMM"]),
    of_platform("component-digest", "P5: length", "malformed", c2399=[COMPONENT | {2: bytes(20)}]),
    of_platform(
        "component-signer", "P5: signer", "missing-claims", c2399=[changed(COMPONENT, {5: REMOVED})]
    ),
    of_platform(
        "component-version", "P5: version is a text", "malformed", c2399=[COMPONENT | {4: 1}]
    ),
    good(
        "nine-components",
        "P5: more than have names",
        build(platform={p.SOFTWARE: [COMPONENT] * 9}),
        claims={"sw-components": 9},
    ),
    good(
        "bare-component",
        "P5: optional members",
        build(platform={p.SOFTWARE: [{2: bytes(64), 5: bytes(48)}]}),
    ),
    good(
        "unknown-claim",
        "P1: unknown claims are counted",
        build(platform={2403: b"x"}, realm={99999: 1}),
        claims={"unknown-claims": 2},
    ),
)

REALMS = (
    of_key(
        "raw-in-new",
        "B1: COSE_Key with a profile",
        encode_key(RAK.public_key(), old=True),
        "trailing-data",
    ),
    of_key(
        "cose-in-old", "B1: a bare point without a profile", encode_key(RAK.public_key()), old=True
    ),
    of_key("key-type", "B1: two coordinates", cose_key(kty=1)),
    of_key("key-curve", "B1: a known curve", cose_key(crv=8)),
    of_key("key-length", "B1: coordinates of the curve", cose_key(x=bytes(47))),
    of_key("key-private", "B1: nothing else", cose_key(d=bytes(48))),
    of_key("key-off-curve", "B1: on the curve", cose_key(y=bytes(47) + b"\x01")),
    of_key("raw-off-curve", "B1: on the curve", b"\x04" + bytes(96), old=True),
    of_key("no-key", "B1: a key", REMOVED, "missing-claims"),
    good(
        "key-p256",
        "B1: another curve",
        build(
            realm={
                r.PUBLIC_KEY: cbor.encode(
                    {
                        1: 2,
                        -1: 1,
                        **{
                            name: int(value).to_bytes(32, "big")
                            for name, value in (
                                (-2, P256.public_key().public_numbers().x),
                                (-3, P256.public_key().public_numbers().y),
                            )
                        },
                    }
                )
            },
            rak=P256,
        ),
    ),
    bad(
        "key-digest",
        "B2: a known digest",
        "alg-mismatch",
        "realm-key",
        build(realm={r.PUBLIC_KEY_HASH: "md5"}),
    ),
    fault("other-realm-key", "B3: the platform names the key", "realm-platform-binding", "binding"),
    bad(
        "other-digest",
        "B3: by the named digest",
        "realm-platform-binding",
        "binding",
        build(realm={r.PUBLIC_KEY_HASH: "sha-512"}),
    ),
    fault("forged-realm", "B4: by the realm's key", "signature-invalid", "binding"),
    fault("tampered", "B4: signed bytes", "signature-invalid", "binding"),
    bad(
        "realm-algorithm",
        "B4: an algorithm",
        "alg-mismatch",
        "binding",
        build(algorithms=(None, -257)),
    ),
    bad(
        "realm-other-curve",
        "B4: of the key's curve",
        "signature-invalid",
        "binding",
        build(algorithms=(None, -7)),
    ),
    of_realm("realm-profile", "R1: a known profile", "malformed", c265="tag:arm.com,2099:realm#1"),
    fault("no-challenge", "R2: challenge", "missing-claims", "realm"),
    of_realm("challenge-length", "R2: 64 bytes", "malformed", c10=bytes(32)),
    of_realm("two-challenges", "R2: one challenge", "malformed", c10=[bytes(64), bytes(64)]),
    of_realm("personalization", "R2: 64 bytes", "malformed", c44235=bytes(63)),
    of_realm("rim-length", "R3: length", "malformed", c44238=bytes(33)),
    of_realm("three-registers", "R3: four registers", "malformed", c44239=[bytes(48)] * 3),
    of_realm("five-registers", "R3: four registers", "malformed", c44239=[bytes(48)] * 5),
    of_realm("register-length", "R3: the same length", "malformed", c44239=[bytes(32)] * 4),
    of_realm("register-text", "R3: byte strings", "malformed", c44239=["x" * 48] * 4),
    good(
        "rim-32",
        "R3: 32 bytes",
        build(realm={r.INITIAL_MEASUREMENT: bytes(32), r.EXTENSIBLE_MEASUREMENTS: [bytes(32)] * 4}),
        claims={"measurement": bytes(32).hex()},
    ),
    of_realm("realm-digest", "R4: a known digest", "alg-mismatch", c44236="sha-1"),
    good(
        "digest-not-compared",
        "R4: not compared with the length",
        build(realm={r.HASH_ALGORITHM: "sha-256"}),
        claims={"hash-algorithm": "sha-256"},
    ),
)

DEBUG = {"allow_debug": True}
USES = (
    fault(
        "replayed", "F1: this request", "report-data-mismatch", "freshness", fault="replayed-nonce"
    ),
    fault("empty-report-data", "F1: this request", "report-data-mismatch", "freshness"),
    bad(
        "report-data-last-byte",
        "F1: all 64 bytes",
        "report-data-mismatch",
        "freshness",
        build(),
        report_data=REPORT_DATA[:-1] + b"\0",
    ),
    fault("debug", "L1: secured", "lifecycle-not-secured", "lifecycle"),
    fault("non-rot-debug", "L1: secured", "lifecycle-not-secured", "lifecycle"),
    good(
        "debug-allowed",
        "L1: debug by policy",
        build(platform={p.LIFECYCLE: 0x5001}),
        policy=DEBUG,
        claims={"debug": True, "lifecycle": "recoverable-rot-debug", "security-lifecycle": 0x5001},
    ),
    good("secured-end", "L1: the end of the range", build(platform={p.LIFECYCLE: 0x30FF})),
    fault(
        "decommissioned", "L2: under no policy", "lifecycle-not-secured", "lifecycle", policy=DEBUG
    ),
    fault(
        "not-provisioned", "L2: under no policy", "lifecycle-not-secured", "lifecycle", policy=DEBUG
    ),
    bad(
        "lifecycle-unknown",
        "L2: under no policy",
        "lifecycle-not-secured",
        "lifecycle",
        build(platform={p.LIFECYCLE: 0}),
        policy=DEBUG,
    ),
)
