"""Arm: CCA collections, PSA tokens, trust anchor lists."""

from __future__ import annotations

from pathlib import Path

from attestation.arm_keys import load_arm_keys
from attestation.trace import NO_TRACE
from attestation.trust import TrustAnchors
from attestation.verifiers.arm.reader import ClaimReader
from attestation.verifiers.cca.platform import parse_platform
from attestation.verifiers.cca.realm import parse_realm, read_key
from attestation.verifiers.cca.token import parse_token
from attestation.verifiers.cca.verifier import authenticate_platform
from attestation.verifiers.psa.token import layout_of, parse_claims, parse_message
from tests.fuzz.target import Target

VECTORS = Path(__file__).parents[2] / "vectors"
ANCHORS = TrustAnchors.vendor().with_keys(
    "cca", load_arm_keys((VECTORS / "cca" / "second-key" / "keys.json").read_bytes())
)


def _tokens(kind: str) -> list[bytes]:
    return [
        (VECTORS / kind / name / "token.cbor").read_bytes()
        for name in ("good", "debug-allowed", "mac_refused")
    ]


def _platform(data: bytes) -> object:
    return authenticate_platform(parse_token(data).platform, ANCHORS, NO_TRACE)


def _platform_claims(data: bytes) -> object:
    return parse_platform(ClaimReader.of(data, "platform token"))


def _realm_claims(data: bytes) -> object:
    claims = ClaimReader.of(data, "realm token")
    return read_key(claims), parse_realm(claims)


def _psa_claims(data: bytes) -> object:
    claims = ClaimReader.of(data, "PSA token")
    return parse_claims(claims, layout_of(claims))


def _payloads(part: str) -> list[bytes]:
    token = parse_token(_tokens("cca")[0])
    return [getattr(token, part).payload]


TARGETS = [
    Target("cca-token", parse_token, lambda: _tokens("cca")),
    Target("cca-platform", _platform, lambda: _tokens("cca")),
    Target("cca-platform-claims", _platform_claims, lambda: _payloads("platform")),
    Target("cca-realm-claims", _realm_claims, lambda: _payloads("realm")),
    Target("psa-token", parse_message, lambda: _tokens("psa")),
    Target("psa-claims", _psa_claims, lambda: [parse_message(_tokens("psa")[0]).payload]),
    Target(
        "arm-keys",
        load_arm_keys,
        lambda: [path.read_bytes() for path in sorted(VECTORS.glob("cca/*/keys.json"))],
    ),
]
