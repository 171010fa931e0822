"""Vectors of docs/specs/evidence-tokens.md: keys, form, signature, expectations."""

from __future__ import annotations

import json
from typing import Any

from attestation.encoding import b64url_encode
from tests.vectors.tokens_cases import (
    AUDIENCE,
    ENCLAVE,
    ISSUER,
    KID,
    MEMBERS,
    NONCE,
    NOW,
    OTHER_EC_KEY,
    SECOND,
    START,
    TIMES,
    Case,
    case,
    certified_jwk,
    compact,
    detached,
    ec_jwk,
    es384,
    good,
    jwks,
    rs256,
    rsa_jwk,
    saying,
    signed_token,
    token,
)

HEADER = {"alg": "RS256", "kid": KID, "typ": "JWT"}
PAYLOAD = compact(MEMBERS["gcs"])
GOOD = signed_token(HEADER, PAYLOAD, rs256)
TWICE = b64url_encode(b'{"alg":"RS256","alg":"RS256"}')
LIST = b64url_encode(b"[]")
HMAC = b64url_encode(bytes(32))

TAMPERED = ".".join(
    [GOOD.split(".")[0], compact(MEMBERS["gcs"] | {"dbgstat": "enabled"}), GOOD.split(".")[2]]
)


def keyed(name: str, why: str, code: str, keys: bytes) -> Case:
    return case("gcs", f"keys-{name}", why, code, "keys", keys=keys)


def formed(name: str, why: str, code: str, text: str, **options: Any) -> Case:
    return case("gcs", name, why, code, "signature", text.encode(), **options)


def headed(name: str, why: str, code: str, kind: str = "gcs", **headers: Any) -> Case:
    data = token(kind, MEMBERS[kind], signer=rs256, **headers).encode()
    return case(kind, name, why, code, "signature", data)


def raw(text: str) -> str:
    """Return a token with this text for a payload, rightly signed."""
    return signed_token(HEADER, b64url_encode(text.encode()), rs256)


KEY_CASES = (
    good("gcs", "keys-one", "K1: a single key", keys=json.dumps(rsa_jwk()).encode()),
    good("gcs", "keys-others", "K2: others are left out", keys=jwks({"kty": "OKP"}, rsa_jwk())),
    good("maa", "keys-certified", "K2: in a certificate"),
    good("maa", "keys-numbers", "K2: with numbers", keys=jwks(rsa_jwk())),
    keyed("not-json", "K1: strict JSON", "malformed", b"{"),
    keyed("twice", "K1: no member twice", "malformed", b'{"keys":[],"keys":[]}'),
    keyed("empty", "K2: one remains", "bad-trust-anchor", jwks()),
    keyed("too-many", "K2: at most 16", "bad-trust-anchor", jwks(*[rsa_jwk()] * 17)),
    keyed("private", "K2: public", "bad-trust-anchor", jwks(rsa_jwk(d="AQAB"))),
    keyed("encryption", "K2: for signatures", "bad-trust-anchor", jwks(rsa_jwk(use="enc"))),
    keyed(
        "small", "K2: 2048 bits", "bad-trust-anchor", jwks(rsa_jwk(n=b64url_encode(b"\xff" * 128)))
    ),
    keyed("off-curve", "K2: a point", "bad-trust-anchor", jwks(ec_jwk(x=b64url_encode(bytes(48))))),
    keyed("no-numbers", "K2: numbers", "bad-trust-anchor", jwks(rsa_jwk(n=None))),
    keyed("x5c-empty", "K2: a certificate", "bad-trust-anchor", jwks(certified_jwk(x5c=[]))),
    keyed("x5c-junk", "K2: a certificate", "bad-trust-anchor", jwks(certified_jwk(x5c=["AAAA"]))),
    keyed("x5c-text", "K2: a list", "bad-trust-anchor", jwks(certified_jwk(x5c="AAAA"))),
)

FORMS = (
    good("gcs", "good", "J7: signed"),
    good(
        "gcs",
        "other-keys-named",
        "J4: not used",
        token("gcs", MEMBERS["gcs"], jwk=rsa_jwk("stranger"), jku="https://a.example").encode(),
    ),
    good("gcs", "two-of-one-name", "J5: each is tried", keys=jwks(rsa_jwk("stranger"), rsa_jwk())),
    formed("two-parts", "J1: three parts", "malformed", GOOD.rpartition(".")[0]),
    formed("four-parts", "J1: three parts", "malformed", f"{GOOD}."),
    formed("padded", "J1: no padding", "malformed", f"{GOOD}="),
    formed("too-long", "J1: 64 KiB", "malformed", f"{GOOD}{'A' * 65536}"),
    formed("line-break", "J1: base64url", "malformed", f"{GOOD}\n"),
    formed(
        "header-twice",
        "J2: no member twice",
        "malformed",
        f"{TWICE}.{PAYLOAD}.{HMAC}",
    ),
    formed("header-a-list", "J2: an object", "malformed", f"{LIST}.{PAYLOAD}.{HMAC}"),
    headed("alg-none", "J3: no none", "alg-not-allowed", alg="none"),
    headed("alg-hs256", "J3: no HMAC", "alg-not-allowed", alg="HS256"),
    headed("alg-missing", "J3: there", "alg-not-allowed", alg=None),
    headed("alg-a-list", "J3: a text", "alg-not-allowed", alg=["RS256"]),
    headed("alg-ps384", "J3: of this issuer", "alg-not-allowed", alg="PS384"),
    headed("alg-es384", "J3: of this issuer", "alg-not-allowed", "maa", alg="ES384"),
    headed("alg-rs384", "J3: of this issuer", "alg-not-allowed", "ita", alg="RS384"),
    headed("crit", "J4: none", "malformed", crit=["b64"], b64=True),
    headed("kid-missing", "J5: there", "unknown-signing-key", kid=None),
    headed("kid-other", "J5: known", "unknown-signing-key", kid="other"),
    headed("kid-a-number", "J5: a text", "unknown-signing-key", kid=1),
    formed("no-keys", "J5: given", "unknown-signing-key", GOOD, keys=b""),
    formed("keys-nameless", "J5: named", "unknown-signing-key", GOOD, keys=jwks(rsa_jwk(kid=None))),
    formed(
        "key-for-other", "J6: its own", "alg-not-allowed", GOOD, keys=jwks(rsa_jwk(alg="RS384"))
    ),
    formed("tampered", "J7: payload", "signature-invalid", TAMPERED),
    formed("empty-signature", "J7: there", "signature-invalid", f"{GOOD.rpartition('.')[0]}."),
    formed(
        "by-stranger",
        "J7: by the named key",
        "signature-invalid",
        token(
            "gcs",
            MEMBERS["gcs"],
            signer=lambda text: rs256(text, "stranger"),
            jwk=rsa_jwk("stranger"),
        ),
    ),
    formed(
        "key-of-other-kind", "J7: a fitting key", "signature-invalid", GOOD, keys=jwks(ec_jwk())
    ),
    case(
        "ita",
        "pkcs1-as-pss",
        "J7: its padding",
        "signature-invalid",
        "signature",
        token("ita", MEMBERS["ita"], signer=rs256).encode(),
    ),
    case(
        "nras",
        "rsa-key",
        "J7: a fitting key",
        "signature-invalid",
        "signature",
        keys=jwks(rsa_jwk()),
    ),
    case(
        "nras",
        "short-signature",
        "J7: full length",
        "signature-invalid",
        "signature",
        detached(inner={"GPU-0": token("nras", TIMES, signer=lambda text: es384(text)[:-1])}),
    ),
    case(
        "nras",
        "device-by-stranger",
        "J7: inner ones too",
        "signature-invalid",
        "signature",
        detached(inner={"GPU-0": token("nras", TIMES, signer=lambda t: es384(t, OTHER_EC_KEY))}),
    ),
    formed("payload-a-list", "J8: an object", "malformed", raw("[]")),
    formed("payload-twice", "J8: no member twice", "malformed", raw('{"iss":"a","iss":"a"}')),
    formed("payload-nan", "J8: JSON", "malformed", raw('{"exp":NaN}')),
    formed("payload-trailing", "J8: nothing after", "malformed", raw("{} {}")),
)


def timed(name: str, why: str, code: str, kind: str = "gcs", **changes: Any) -> Case:
    return case(kind, name, why, code, "times", saying(kind, **changes))


def expected(name: str, why: str, code: str, stage: str, kind: str = "gcs", **changes: Any) -> Case:
    return case(kind, name, why, code, stage, saying(kind, **changes))


EXPECTATIONS = (
    good("gcs", "skew", "E1: 60 seconds", saying("gcs", iat=START + 60, nbf=START + 60)),
    good("gcs", "no-nbf", "E1: nbf if there", saying("gcs", nbf=None)),
    good("gcs", "last-second", "E2: ahead", now=NOW + 3599 * SECOND),
    good("gcs", "audiences", "E4: one of several", saying("gcs", aud=["https://a", AUDIENCE])),
    good("gcs", "nonces", "E5: one of several", saying("gcs", eat_nonce=["other", NONCE])),
    good(
        "maa",
        "enclave-nonce",
        "E5: at the top",
        saying("maa", **{"x-ms-isolation-tee": None, "x-ms-runtime": None}, **ENCLAVE),
    ),
    good(
        "maa",
        "runtime-nonce",
        "E5: in the runtime",
        saying("maa", **{"x-ms-runtime": {"nonce": NONCE}}),
    ),
    timed("iat-missing", "E1: there", "missing-claims", iat=None),
    timed("iat-ahead", "E1: 60 seconds", "token-not-yet-valid", iat=START + 61),
    timed("nbf-ahead", "E1: 60 seconds", "token-not-yet-valid", nbf=START + 61),
    timed("nbf-text", "E1: a number", "malformed", nbf=str(START)),
    timed("iat-true", "E1: a number", "malformed", iat=True),
    timed("iat-huge", "E1: a date", "malformed", iat=10**300),
    timed("exp-missing", "E2: there", "missing-claims", exp=None),
    timed("exp-float", "E2: an integer", "malformed", exp=START + 1.5),
    timed("exp-now", "E2: ahead", "token-expired", exp=START),
    timed("maa-expired", "E2: ahead", "token-expired", "maa", exp=START - 1),
    timed("expired", "E2: ahead", "token-expired", "ita", exp=START - 1),
    case(
        "nras", "expired", "E2: ahead", "token-expired", "times", detached(overall={"exp": START})
    ),
    case(
        "nras",
        "device-expired",
        "E2: inner ones too",
        "token-expired",
        "times",
        detached(exp=START),
    ),
    expected("iss-missing", "E3: there", "missing-claims", "issuer", iss=None),
    expected("iss-other", "E3: expected", "issuer-mismatch", "issuer", iss=ISSUER["ita"]),
    expected(
        "iss-other", "E3: expected", "issuer-mismatch", "issuer", "maa", iss=ISSUER["maa"] + "/"
    ),
    expected("iss-other", "E3: expected", "issuer-mismatch", "issuer", "ita", iss=ISSUER["gcs"]),
    case(
        "nras",
        "iss-other",
        "E3: expected",
        "issuer-mismatch",
        "issuer",
        detached(overall={"iss": "x"}),
    ),
    expected("aud-missing", "E4: there", "audience-mismatch", "audience", aud=None),
    expected(
        "aud-other", "E4: expected", "audience-mismatch", "audience", aud="https://other.example"
    ),
    expected("nonce-missing", "E5: there", "nonce-mismatch", "nonce", eat_nonce=None),
    expected("nonce-other", "E5: expected", "nonce-mismatch", "nonce", eat_nonce=NONCE[:-1]),
    expected("nonce-half-character", "E5: expected", "nonce-mismatch", "nonce", eat_nonce="\ud800"),
    expected("nonce-number", "E5: a text", "nonce-mismatch", "nonce", eat_nonce=[1]),
    expected(
        "nonce-missing", "E5: there", "nonce-mismatch", "nonce", "maa", **{"x-ms-runtime": {}}
    ),
    expected(
        "nonce-missing", "E5: there", "nonce-mismatch", "nonce", "ita", tdx={"dbgstat": "disabled"}
    ),
    case("nras", "nonce-other", "E5: expected", "nonce-mismatch", "nonce", policy={"nonce": "ff"}),
)
CASES = (*KEY_CASES, *FORMS, *EXPECTATIONS)
