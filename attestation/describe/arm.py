"""Arm CCA and PSA tokens, claim by claim (draft-ffm-rats-cca-token, RFC 9783)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attestation.describe.field import Described, described, text_of
from attestation.verifiers.arm.reader import ClaimReader
from attestation.verifiers.cca.platform import parse_platform
from attestation.verifiers.cca.realm import parse_realm, read_key
from attestation.verifiers.cca.token import parse_token
from attestation.verifiers.psa.token import layout_of, parse_claims, parse_message

_MEANINGS: Final = {
    "profile": "which layout",
    "challenge": "what the token is bound to",
    "nonce": "what the token is bound to",
    "personalization": "given at launch of the realm",
    "hash_algorithm": "how measurements are made",
    "initial": "RIM: the realm as it was built",
    "extensible": "REM 0 to 3: what the realm measured since",
    "implementation": "which kind of chip: names the key that signs",
    "instance": "which chip",
    "config": "configuration of the platform",
    "lifecycle": "state of the platform's life",
    "state": "the same in words: only secured counts",
    "components": "firmware that runs: type, measurement, version, signer",
    "service": "who verifies, by the platform's own words",
    "client": "who asked: negative in the normal world",
    "boot_seed": "random per boot",
    "certification": "certificate number of the device",
    "unknown": "claims without a name here",
}


def describe_cca(parts: Mapping[str, bytes]) -> list[Described]:
    """Return the claims of both tokens."""
    token = parse_token(parts.get("token", b""))
    platform = parse_platform(ClaimReader.of(token.platform.payload, "platform token"))
    realm_reader = ClaimReader.of(token.realm.payload, "realm token")
    key = read_key(realm_reader)
    realm = parse_realm(realm_reader)
    return [
        *_prefixed("platform", described("token", platform, _MEANINGS)),
        *_prefixed("realm", described("token", realm, _MEANINGS)),
        Described("token", "realm key digest", key.digest.hex(), "must be the platform challenge"),
    ]


def describe_psa(parts: Mapping[str, bytes]) -> list[Described]:
    """Return the claims of a PSA token."""
    reader = ClaimReader.of(parse_message(parts.get("token", b"")).payload, "PSA token")
    return described("token", parse_claims(reader, layout_of(reader)), _MEANINGS)


def _prefixed(prefix: str, found: list[Described]) -> list[Described]:
    return [
        Described(one.part, f"{prefix} {one.name}", text_of(one.value), one.meaning)
        for one in found
    ]
