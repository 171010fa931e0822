"""Vectors of docs/specs/evidence-psa.md: token, device key, claims, freshness, lifecycle."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from attestation import cbor
from attestation.cbor import Tagged
from attestation.simulated.arm.device import components, sign1
from attestation.simulated.authority import derive_key
from attestation.simulated.psa.device import SimulatedPsaDevice, psa_claims
from attestation.verifiers.psa.token import PROFILE_1, PROFILE_2
from tests.vectors.arm_cases import (
    MEASUREMENT,
    REAL_IDS,
    REMOVED,
    REPORT_DATA,
    Case,
    anchor,
    anchor_list,
    changed,
    root_of,
)
from tests.vectors.folder import ACCEPTED

DEVICE = SimulatedPsaDevice.of(bytes(range(48)), MEASUREMENT).device
OTHER = derive_key(b"other", "iak")
KEY = derive_key(b"maker", "iak", ec.SECP384R1())
IDS = {2396: REAL_IDS.implementation, 256: REAL_IDS.instance}
COMPONENT = components()[0]
DEBUG = {"allow_debug": True}


def build(
    claims: dict[int, Any] | None = None,
    *,
    old: bool = False,
    key: ec.EllipticCurvePrivateKey = DEVICE.key,
    algorithm: int | None = None,
) -> bytes:
    """Return a rightly signed token that differs from the good one in these claims."""
    said = psa_claims(DEVICE, REPORT_DATA, MEASUREMENT, PROFILE_1 if old else PROFILE_2)
    return sign1(cbor.encode(changed(said, claims)), key, algorithm=algorithm)


def message(change: dict[int, Any], *, tag: int = 18) -> bytes:
    """Return the good token with other parts of its COSE_Sign1, by their position."""
    parts = cbor.decode(build(), what="token").value
    return cbor.encode(Tagged(tag, [change.get(at, one) for at, one in enumerate(parts)]))


def good(name: str, why: str, token: bytes, **options: Any) -> Case:
    return Case(name, why, ACCEPTED, "claims", token, **{"root": root_of(DEVICE)} | options)


def bad(name: str, why: str, code: str, stage: str, token: bytes, **options: Any) -> Case:
    return Case(name, why, code, stage, token, **{"root": root_of(DEVICE)} | options)


def of_claims(name: str, why: str, code: str, claims: dict[int, Any], *, old: bool = False) -> Case:
    return bad(name, why, code, "claims", build(claims, old=old))


SHORT = {10: hashlib.sha256(REPORT_DATA).digest()}
GOOD = build()
TOKENS = (
    good(
        "good",
        "T1: a token of profile 2",
        GOOD,
        claims={
            "debug": False,
            "lifecycle": "secured",
            "sw-components": 3,
            "client-id": 1,
            "certification-reference": "0604565272829-10010",
            "platform.sw.2.measurement": MEASUREMENT.hex(),
        },
    ),
    bad("empty", "T1: CBOR", "malformed", "token", b""),
    bad("cut-off", "T1: CBOR", "malformed", "token", GOOD[:-1]),
    bad("too-long", "T1: at most 32 KiB", "malformed", "token", GOOD + bytes(32 * 1024)),
    bad("trailing-data", "T1: nothing behind it", "trailing-data", "token", GOOD + b"\0"),
    bad("sign", "T2: tag 18", "malformed", "token", message({}, tag=98)),
    bad("untagged", "T2: tag 18", "malformed", "token", GOOD[1:]),
    bad("critical", "T2: no critical headers", "malformed", "token", message({1: {2: [1]}})),
    bad("mac", "T3: a signature", "alg-mismatch", "token", message({}, tag=17)),
    good("profile-1", "T4: the older profile", build(old=True)),
    good("profile-tfm", "T4: RFC 9783", build({265: "tag:psacertified.org,2023:psa#tfm"})),
    bad("no-profile", "T4: a profile", "missing-claims", "profile", build({265: REMOVED})),
    bad("other-profile", "T4: a known profile", "malformed", "profile", build({265: "PSA"})),
    bad("two-profiles", "T4: one profile", "malformed", "profile", build({-75000: "PSA"})),
    bad("claims-no-map", "T4: claims are a map", "malformed", "token", message({2: b"\x80"})),
)
KEYS = (
    bad("no-instance", "K1: instance id", "missing-claims", "device", build({256: REMOVED})),
    bad("instance-type", "K1: starts with 1", "malformed", "device", build({256: bytes(33)})),
    bad("implementation", "K1: 32 bytes", "malformed", "device", build({2396: bytes(33)})),
    good(
        "key-of-device",
        "K2: a key for this device",
        build(IDS, key=KEY),
        root=None,
        keys=anchor_list(anchor(KEY)),
    ),
    bad("no-keys", "K2: a key", "no-endorsement", "signer", build(IDS, key=KEY), root=None),
    bad("simulated-unknown", "K3: by name", "simulated-not-trusted", "signer", GOOD, root=None),
    bad(
        "algorithm",
        "K4: ES256, ES384 or ES512",
        "alg-mismatch",
        "signer",
        build(algorithm=-257),
    ),
    bad("other-key", "K5: by that key", "signature-invalid", "signer", build(key=OTHER)),
    bad(
        "tampered",
        "K5: signed bytes",
        "signature-invalid",
        "signer",
        GOOD.replace(b"0604565272829", b"0604565272828"),
    ),
    bad("zero-signature", "K5: r and s", "signature-invalid", "signer", message({3: bytes(64)})),
)
CLAIMS = (
    of_claims("no-nonce", "C1: a nonce", "missing-claims", {10: REMOVED}),
    of_claims("nonce-length", "C1: length", "malformed", {10: bytes(33)}),
    of_claims("two-nonces", "C1: one nonce", "malformed", {10: [bytes(32), bytes(32)]}),
    of_claims("client-large", "C2: 32 bits", "malformed", {2394: 1 << 31}),
    of_claims("client-text", "C2: an integer", "malformed", {2394: "1"}),
    of_claims("lifecycle-state", "C3: a state of the manual", "malformed", {2395: 0x3100}),
    of_claims("boot-seed-short", "C4: at least 8 bytes", "malformed", {2397: bytes(7)}),
    of_claims("boot-seed-1", "C4: 32 bytes", "malformed", {-75004: bytes(8)}, old=True),
    of_claims("no-boot-seed-1", "C4: demanded", "missing-claims", {-75004: REMOVED}, old=True),
    good("no-boot-seed", "C4: not demanded", build({2397: REMOVED})),
    of_claims("certification", "C5: digits", "malformed", {2398: "060456527282-10010"}),
    good(
        "no-certification",
        "C5: not demanded, nor a service",
        build({2398: REMOVED, 2400: REMOVED}),
    ),
    of_claims("no-software", "C6: components", "missing-claims", {2399: REMOVED}),
    of_claims(
        "measures-nothing",
        "C6: components",
        "missing-claims",
        {-75006: REMOVED, -75007: 1},
        old=True,
    ),
    of_claims("component-digest", "C6: length", "malformed", {2399: [COMPONENT | {2: b"x"}]}),
    of_claims(
        "component-signer",
        "C6: signer",
        "missing-claims",
        {2399: [changed(COMPONENT, {5: REMOVED})]},
    ),
    of_claims("service", "C7: a text", "malformed", {2400: ""}),
)
USES = (
    good("short-nonce", "F1: the digest of the report data", build(SHORT)),
    bad("replayed", "F1: this request", "nonce-mismatch", "freshness", build({10: bytes(64)})),
    bad(
        "replayed-short", "F1: this request", "nonce-mismatch", "freshness", build({10: bytes(32)})
    ),
    bad("nonce-48", "F1: no such digest", "nonce-mismatch", "freshness", build({10: bytes(48)})),
    bad("debug", "L1: secured", "lifecycle-not-secured", "lifecycle", build({2395: 0x4000})),
    good(
        "debug-allowed",
        "L1: by policy",
        build({2395: 0x4000}),
        policy=DEBUG,
        claims={"debug": True},
    ),
    bad(
        "decommissioned",
        "L2: under no policy",
        "lifecycle-not-secured",
        "lifecycle",
        build({2395: 0x6000}),
        policy=DEBUG,
    ),
)
CASES = (*TOKENS, *KEYS, *CLAIMS, *USES)
