"""The platform token's claims (RMM A7.2.3.2, draft-ffm-rats-cca-token section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.verifiers.arm.lifecycle import MAX_LIFECYCLE, Lifecycle, parse_lifecycle
from attestation.verifiers.arm.reader import ClaimReader
from attestation.verifiers.arm.signer import DeviceId
from attestation.verifiers.arm.software import HASH_SIZES, Component, parse_components

OLD_PROFILE: Final = "http://arm.com/CCA-SSD/1.0.0"
PROFILE: Final = "tag:arm.com,2023:cca_platform#1.0.0"
_PROFILES: Final = frozenset({OLD_PROFILE, PROFILE})

CHALLENGE: Final = 10
INSTANCE_ID: Final = 256
PROFILE_CLAIM: Final = 265
LIFECYCLE: Final = 2395
IMPLEMENTATION_ID: Final = 2396
SOFTWARE: Final = 2399
SERVICE: Final = 2400
CONFIG: Final = 2401
HASH_ALGORITHM: Final = 2402


@dataclass(frozen=True, slots=True)
class PlatformClaims:
    """Every claim of the platform token."""

    profile: str
    challenge: bytes = field(repr=False)
    device: DeviceId
    config: bytes
    lifecycle: int
    state: Lifecycle
    components: tuple[Component, ...]
    hash_algorithm: str
    service: str | None
    unknown: int


def read_device(claims: ClaimReader) -> DeviceId:
    """Return which device the claims are of; an instance id starts with 1 (RFC 9711 4.2.1)."""
    device = DeviceId(
        claims.octets(IMPLEMENTATION_ID, "implementation id", {32}),
        claims.octets(INSTANCE_ID, "instance id", {33}),
    )
    if device.instance[0] != 1:
        raise EvidenceError(Refusal.MALFORMED, "instance id is not of type 1")
    return device


def parse_platform(claims: ClaimReader) -> PlatformClaims:
    """Return the claims, or raise `EvidenceError`: `malformed`, `missing-claims`."""
    profile = claims.text(PROFILE_CLAIM, "profile")
    if profile not in _PROFILES:
        raise EvidenceError(Refusal.MALFORMED, "platform token has an unknown profile")
    lifecycle = claims.integer(LIFECYCLE, "lifecycle", 0, MAX_LIFECYCLE)
    return PlatformClaims(
        profile=profile,
        challenge=claims.octets(CHALLENGE, "challenge", HASH_SIZES),
        device=read_device(claims),
        config=claims.octets(CONFIG, "configuration"),
        lifecycle=lifecycle,
        state=parse_lifecycle(lifecycle),
        components=parse_components(claims, SOFTWARE),
        hash_algorithm=claims.text(HASH_ALGORITHM, "hash algorithm"),
        service=claims.optional_text(SERVICE, "verification service"),
        unknown=claims.unknown,
    )
