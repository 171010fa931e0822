"""Vectors of docs/specs/ear.md: tokens and keys, and reference value documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation.ear_keys import public_jwk
from attestation.encoding import b64url_encode
from tests.vectors.folder import ACCEPTED, fresh_folder, write_case

KEY, STRANGER, P384 = (
    ec.derive_private_key(7, ec.SECP256R1()),
    ec.derive_private_key(8, ec.SECP256R1()),
    ec.derive_private_key(9, ec.SECP384R1()),
)
# SubjectPublicKeyInfo of an EC key on a curve called 1.2.3.4.
UNKNOWN_CURVE = b"""-----BEGIN PUBLIC KEY-----
MBMwDgYHKoZIzj0CAQYDKgMEAwEA
-----END PUBLIC KEY-----
"""
NOW = 1_795_348_800  # 2026-11-22T12:00:00Z
NONCE = bytes(range(32))
JWK = public_jwk(KEY.public_key())
HEADER = {"alg": "ES256", "kid": JWK["kid"], "typ": "JWT"}
PAYLOAD: dict[str, Any] = {
    "ear.verifier-id": {"build": "sealwasm 0.1.0", "developer": "sealwasm"},
    "eat_nonce": b64url_encode(NONCE),
    "eat_profile": "tag:github.com,2023:veraison/ear",
    "exp": NOW + 300,
    "iat": NOW,
    "iss": "https://broker.example",
    "aud": "runner",
    "submods": {
        "snp": {
            "ear.status": "affirming",
            "ear.trustworthiness-vector": {"configuration": 2, "executables": 3, "hardware": 2},
            "ear.sealwasm.simulated": False,
        }
    },
}
SUBMOD = PAYLOAD["submods"]["snp"]


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    expect: str
    token: str
    key_file: bytes = json.dumps(JWK).encode()
    policy: dict[str, Any] = field(
        default_factory=lambda: {
            "issuer": "https://broker.example",
            "audience": "runner",
            "nonce": NONCE.hex(),
        }
    )
    status: str = "affirming"
    stage: str = "verify"


def raw_token(header: bytes, payload: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    parts = [b64url_encode(header), b64url_encode(payload)]
    scheme = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    r, s = decode_dss_signature(key.sign(".".join(parts).encode(), scheme))
    size = (key.key_size + 7) // 8
    return ".".join((*parts, b64url_encode(r.to_bytes(size, "big") + s.to_bytes(size, "big"))))


def token(
    payload: dict[str, Any] | None = None, key: ec.EllipticCurvePrivateKey = KEY, **header: Any
) -> str:
    members = {name: value for name, value in (HEADER | header).items() if value is not None}
    return raw_token(json.dumps(members).encode(), json.dumps(payload or PAYLOAD).encode(), key)


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in PAYLOAD.items() if name not in names}


def payload(**members: Any) -> dict[str, Any]:
    return PAYLOAD | members


def submod(**members: Any) -> dict[str, Any]:
    return PAYLOAD | {"submods": {"snp": members}}


def bad(name: str, why: str, code: str, text: str, **options: Any) -> Case:
    return Case(name, why, code, text, **options)


def good(name: str, why: str, text: str, **options: Any) -> Case:
    return Case(name, why, ACCEPTED, text, **options)


def with_policy(**changes: Any) -> dict[str, Any]:
    return Case("", "", "", "").policy | changes


def jwk(**changes: Any) -> bytes:
    members = {name: value for name, value in (JWK | changes).items() if value is not None}
    return json.dumps(members).encode()


def key_set(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()


def bent(change: Callable[[list[str]], object]) -> str:
    parts = TOKEN.split(".")
    change(parts)
    return ".".join(parts)


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


TOKEN = token()
OTHER_JWK = public_jwk(STRANGER.public_key())
LAST = TOKEN[-1]
UNUSED_BITS = TOKEN[:-1] + {"A": "B", "Q": "R", "g": "h", "w": "x"}[LAST]
OFF_CURVE = b64url_encode(bytes(31) + b"\x05")

CASES = (
    good("jwk", "J6: signed by the key", TOKEN),
    good("jwk-set", "K2: a set with another type", TOKEN, key_file=key_set({"kty": "RSA"}, JWK)),
    good("pem", "K1: PEM", TOKEN, key_file=pem(KEY)),
    good("no-kid", "J5: no key id", token(kid=None)),
    good("header-jwk", "J4: header keys are not used", token(jwk=OTHER_JWK)),
    good(
        "number-status",
        "M3: status as a number",
        token(submod(**{"ear.status": 32})),
        status="warning",
    ),
    good(
        "worse-vector",
        "M4: the worse counts",
        token(submod(**SUBMOD | {"ear.trustworthiness-vector": {"executables": 96}})),
        status="contraindicated",
    ),
    good("audience-list", "E4: one of several", token(payload(aud=["x", "runner"]))),
    good("skew", "E1: 60 seconds", token(payload(iat=NOW + 60))),
    good(
        "no-exp-allowed",
        "E2: by choice",
        token(without("exp")),
        policy=with_policy(unsafe_allow_no_expiry=True),
    ),
    bad("key-not-json", "K1: JSON", "malformed", TOKEN, key_file=b"{", stage="key"),
    bad(
        "key-duplicate",
        "K1: strict JSON",
        "malformed",
        TOKEN,
        key_file=b'{"kty":"EC","kty":"EC"}',
        stage="key",
    ),
    bad("key-array", "K2: an object", "bad-trust-anchor", TOKEN, key_file=b"[]", stage="key"),
    bad(
        "key-off-curve",
        "K2: a point",
        "bad-trust-anchor",
        TOKEN,
        key_file=jwk(x=OFF_CURVE),
        stage="key",
    ),
    bad("key-short", "K2: 32 bytes", "bad-trust-anchor", TOKEN, key_file=jwk(x="AA"), stage="key"),
    bad(
        "key-no-y",
        "K2: both coordinates",
        "bad-trust-anchor",
        TOKEN,
        key_file=jwk(y=None),
        stage="key",
    ),
    bad(
        "key-private",
        "K2: no private part",
        "bad-trust-anchor",
        TOKEN,
        key_file=jwk(d="Bw"),
        stage="key",
    ),
    bad("key-p384", "K2: P-256", "bad-trust-anchor", TOKEN, key_file=pem(P384), stage="key"),
    bad(
        "key-pem-broken",
        "K2: readable",
        "bad-trust-anchor",
        TOKEN,
        key_file=pem(KEY)[:60],
        stage="key",
    ),
    bad(
        "key-pem-unknown-curve",
        "K2: P-256",
        "bad-trust-anchor",
        TOKEN,
        key_file=UNKNOWN_CURVE,
        stage="key",
    ),
    bad(
        "key-other-use",
        "K2: for signatures",
        "bad-trust-anchor",
        TOKEN,
        key_file=jwk(use="enc"),
        stage="key",
    ),
    bad("key-rsa", "K2: EC", "bad-trust-anchor", TOKEN, key_file=jwk(kty="RSA"), stage="key"),
    bad(
        "key-set-empty",
        "K2: at least one",
        "bad-trust-anchor",
        TOKEN,
        key_file=key_set(),
        stage="key",
    ),
    bad(
        "key-set-crowded",
        "K2: at most 16",
        "bad-trust-anchor",
        TOKEN,
        key_file=key_set(*[JWK] * 17),
        stage="key",
    ),
    bad("two-parts", "J1: three parts", "malformed", TOKEN.rpartition(".")[0]),
    bad("too-long", "J1: 64 KiB", "malformed", TOKEN + "A" * 65536),
    bad("padded", "J1: no padding", "malformed", TOKEN + "=="),
    bad("unused-bits", "J1: one form", "malformed", UNUSED_BITS),
    bad("not-base64", "J1: base64url", "malformed", bent(lambda p: p.__setitem__(1, "é"))),
    bad("header-not-json", "J2: JSON", "malformed", raw_token(b"ES256", b"{}")),
    bad("header-array", "J2: an object", "malformed", raw_token(b"[]", b"{}")),
    bad(
        "header-twice",
        "J2: no member twice",
        "malformed",
        raw_token(b'{"alg":"ES256","alg":"ES256"}', b"{}"),
    ),
    bad(
        "alg-none",
        "J3: ES256",
        "alg-not-allowed",
        raw_token(b'{"alg":"none"}', b"{}").rpartition(".")[0] + ".",
    ),
    bad("alg-hs256", "J3: ES256", "alg-not-allowed", token(alg="HS256")),
    bad("alg-es384", "J3: ES256", "alg-not-allowed", token(alg="ES384", key=P384)),
    bad("alg-missing", "J3: ES256", "alg-not-allowed", token(alg=None)),
    bad("crit", "J4: no critical headers", "malformed", token(crit=["b64"], b64=False)),
    bad("no-keys", "J5: keys", "no-endorsement", TOKEN, key_file=b""),
    bad("other-kid", "J5: key id", "unknown-signing-key", token(kid="0" * 64)),
    bad("stranger", "J6: signed by the key", "signature-invalid", token(key=STRANGER)),
    bad(
        "stranger-jwk",
        "J6: the header's own key",
        "untrusted-key",
        token(key=STRANGER, jwk=OTHER_JWK),
    ),
    bad(
        "stranger-jku",
        "J6: a key elsewhere",
        "untrusted-key",
        token(key=STRANGER, jku="https://x.example"),
    ),
    bad(
        "own-jwk-damaged",
        "J6: signed by the key",
        "signature-invalid",
        token(key=STRANGER, jwk=JWK),
    ),
    bad(
        "payload-changed",
        "J6: over the payload",
        "signature-invalid",
        bent(lambda p: p.__setitem__(1, b64url_encode(b"{}"))),
    ),
    bad(
        "short-signature",
        "J6: 64 bytes",
        "signature-invalid",
        bent(lambda p: p.__setitem__(2, p[2][:84])),
    ),
    bad(
        "zero-signature",
        "J6: signed by the key",
        "signature-invalid",
        bent(lambda p: p.__setitem__(2, "A" * 86)),
    ),
    bad(
        "payload-not-json", "J7: JSON", "malformed", raw_token(json.dumps(HEADER).encode(), b"{} ,")
    ),
    bad(
        "payload-deep",
        "J7: 16 deep",
        "malformed",
        raw_token(json.dumps(HEADER).encode(), b'{"a":' + b"[" * 17 + b"]" * 17 + b"}"),
    ),
    bad(
        "payload-nan",
        "J7: no NaN",
        "malformed",
        raw_token(json.dumps(HEADER).encode(), b'{"a":NaN}'),
    ),
    bad(
        "payload-array", "J7: an object", "malformed", raw_token(json.dumps(HEADER).encode(), b"[]")
    ),
    bad("empty", "M1: profile", "missing-claims", raw_token(json.dumps(HEADER).encode(), b"{}")),
    bad("other-profile", "M1: known profile", "malformed", token(payload(eat_profile="tag:x"))),
    bad("no-iat", "M2: iat", "missing-claims", token(without("iat"))),
    bad("iat-text", "M2: an integer", "malformed", token(payload(iat="1"))),
    bad("iat-true", "M2: an integer", "malformed", token(payload(iat=True))),
    bad("no-verifier", "M2: verifier", "missing-claims", token(without("ear.verifier-id"))),
    bad(
        "verifier-no-build",
        "M2: verifier",
        "missing-claims",
        token(PAYLOAD | {"ear.verifier-id": {"developer": "x"}}),
    ),
    bad("no-submods", "M2: submodules", "missing-claims", token(without("submods"))),
    bad("empty-submods", "M2: submodules", "missing-claims", token(payload(submods={}))),
    bad(
        "many-submods",
        "M2: at most 16",
        "malformed",
        token(payload(submods={str(i): SUBMOD for i in range(18)})),
    ),
    bad("submod-text", "M2: an object", "malformed", token(payload(submods={"snp": "affirming"}))),
    bad("no-status", "M3: status", "missing-claims", token(submod(x=1))),
    bad("status-unknown", "M3: four tiers", "malformed", token(submod(**{"ear.status": "good"}))),
    bad("status-number", "M3: four numbers", "malformed", token(submod(**{"ear.status": 3}))),
    bad(
        "vector-unknown",
        "M4: known members",
        "malformed",
        token(submod(**SUBMOD | {"ear.trustworthiness-vector": {"mood": 2}})),
    ),
    bad(
        "vector-range",
        "M4: in range",
        "malformed",
        token(submod(**SUBMOD | {"ear.trustworthiness-vector": {"hardware": 128}})),
    ),
    bad(
        "simulated-text",
        "M4: true or false",
        "malformed",
        token(submod(**SUBMOD | {"ear.sealwasm.simulated": "no"})),
    ),
    bad("future", "E1: 60 seconds", "token-not-yet-valid", token(payload(iat=NOW + 61))),
    bad("not-before", "E1: nbf", "token-not-yet-valid", token(payload(nbf=NOW + 61))),
    bad("no-exp", "E2: exp", "missing-claims", token(without("exp"))),
    bad("expired", "E2: exp", "token-expired", token(payload(exp=NOW))),
    bad("issuer", "E3: issuer", "issuer-mismatch", token(payload(iss="https://other.example"))),
    bad("no-issuer", "E3: issuer", "issuer-mismatch", token(without("iss"))),
    bad("audience", "E4: audience", "audience-mismatch", token(payload(aud="other"))),
    bad("no-audience", "E4: audience", "audience-mismatch", token(without("aud"))),
    bad("nonce", "E5: nonce", "nonce-mismatch", token(payload(eat_nonce=b64url_encode(bytes(32))))),
    bad("no-nonce", "E5: nonce", "nonce-mismatch", token(without("eat_nonce"))),
)

VALUE = {"measurement": "ab" * 48, "name": "runner 0.1.0", "tee": "snp"}
FORMAT = "sealwasm/reference-values/v1"


def document(*values: Any, **members: Any) -> bytes:
    return json.dumps({"format": FORMAT, "values": values} | members).encode()


REFERENCES = (
    ("one", "R1: the good case", ACCEPTED, document(VALUE)),
    ("none", "R1: an empty set", ACCEPTED, document()),
    ("not-json", "R1: JSON", "malformed", b"values"),
    ("too-large", "R1: 1 MiB", "malformed", document(VALUE) + b" " * (1 << 20)),
    ("unknown-member", "R1: exact members", "malformed", document(VALUE, x=1)),
    ("format", "R1: the format", "malformed", document(VALUE, format="x")),
    ("values-object", "R1: a list", "malformed", document(values={})),
    ("value-text", "R1: objects", "malformed", document("ab" * 48)),
    ("tee", "R2: known TEE", "malformed", document(VALUE | {"tee": "abacus"})),
    ("upper-case", "R2: lower case", "malformed", document(VALUE | {"measurement": "AB" * 48})),
    ("short", "R2: 32 bytes", "malformed", document(VALUE | {"measurement": "ab" * 31})),
    ("long", "R2: 48 bytes for SNP", "malformed", document(VALUE | {"measurement": "ab" * 64})),
    ("realm", "R2: 64 bytes", ACCEPTED, document(VALUE | {"measurement": "ab" * 64, "tee": "cca"})),
    ("no-name", "R2: a name", "malformed", document(VALUE | {"name": ""})),
    ("line-break", "R2: printable", "malformed", document(VALUE | {"name": "a\nb"})),
    ("twice", "R3: once", "malformed", document(VALUE, VALUE | {"name": "other"})),
)


def generate(root: Path) -> None:
    """Write every case below `root`."""
    folder = fresh_folder(root, "ear")
    for one in CASES:
        case = {
            "why": one.why,
            "expect": one.expect,
            "stage": one.stage,
            "now": NOW,
            "policy": one.policy,
            "status": one.status,
        }
        files = {"token.jwt": one.token.encode(), "keys.bin": one.key_file}
        write_case(folder, one.name, case, files)
    folder = fresh_folder(root, "reference-values")
    for name, why, expect, data in REFERENCES:
        case = {"why": why, "expect": expect, "stage": "parse"}
        write_case(folder, name, case, {"values.json": data})
