"""A PSA token: one signed message, its claims under the keys of one of two profiles.

Sources: RFC 9783 (profile 2) and PSA Certified Attestation API 1.0 (PSA_IOT_PROFILE_1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from attestation.cose import Sign1
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_ARM_TOKEN_BYTES
from attestation.verifiers.arm.lifecycle import MAX_LIFECYCLE, Lifecycle, parse_lifecycle
from attestation.verifiers.arm.reader import ClaimReader
from attestation.verifiers.arm.signer import DeviceId, read_sign1
from attestation.verifiers.arm.software import HASH_SIZES, Component, parse_components

_LEAST_CLIENT: Final = -(2**31)
_MOST_CLIENT: Final = 2**31 - 1
# A product number (EAN-13), with its version where it is there.
_CERTIFICATION: Final = re.compile(r"[0-9]{13}(?:-[0-9]{5})?")


@dataclass(frozen=True, slots=True)
class Layout:
    """Under which keys a profile has its claims."""

    profile: int
    names: frozenset[str]
    nonce: int
    instance: int
    implementation: int
    client: int
    lifecycle: int
    boot_seed: int
    boot_seed_bytes: range
    certification: int
    components: int
    service: int


PROFILE_2: Final = Layout(
    profile=265,
    names=frozenset({"http://arm.com/psa/2.0.0", "tag:psacertified.org,2023:psa#tfm"}),
    nonce=10,
    instance=256,
    implementation=2396,
    client=2394,
    lifecycle=2395,
    boot_seed=2397,
    boot_seed_bytes=range(8, 33),
    certification=2398,
    components=2399,
    service=2400,
)
PROFILE_1: Final = Layout(
    profile=-75000,
    names=frozenset({"PSA_IOT_PROFILE_1"}),
    nonce=-75008,
    instance=-75009,
    implementation=-75003,
    client=-75001,
    lifecycle=-75002,
    boot_seed=-75004,
    boot_seed_bytes=range(32, 33),
    certification=-75005,
    components=-75006,
    service=-75010,
)


@dataclass(frozen=True, slots=True)
class PsaClaims:
    """Every claim of the token."""

    profile: str
    nonce: bytes = field(repr=False)
    device: DeviceId
    client: int
    lifecycle: int
    state: Lifecycle
    boot_seed: bytes | None
    certification: str | None
    components: tuple[Component, ...]
    service: str | None
    unknown: int


def parse_message(data: bytes) -> Sign1:
    """Return the signed message; raise `malformed`, `trailing-data` or `alg-mismatch`."""
    if len(data) > MAX_ARM_TOKEN_BYTES:
        raise EvidenceError(Refusal.MALFORMED, f"PSA token is longer than {MAX_ARM_TOKEN_BYTES}")
    return read_sign1(data, what="PSA token")


def layout_of(claims: ClaimReader) -> Layout:
    """Return the layout that the token's profile names; raise `malformed` or `missing-claims`."""
    layout = PROFILE_1 if claims.has(PROFILE_1.profile) else PROFILE_2
    if claims.text(layout.profile, "profile") not in layout.names:
        raise EvidenceError(Refusal.MALFORMED, "PSA token has an unknown profile")
    return layout


def read_device(claims: ClaimReader, layout: Layout) -> DeviceId:
    """Return which device the token is of."""
    device = DeviceId(
        claims.octets(layout.implementation, "implementation id", {32}),
        claims.octets(layout.instance, "instance id", {33}),
    )
    if device.instance[0] != 1:
        raise EvidenceError(Refusal.MALFORMED, "instance id is not of type 1")
    return device


def parse_claims(claims: ClaimReader, layout: Layout) -> PsaClaims:
    """Return the claims, or raise `EvidenceError`: `malformed`, `missing-claims`."""
    lifecycle = claims.integer(layout.lifecycle, "lifecycle", 0, MAX_LIFECYCLE)
    certification = claims.optional_text(layout.certification, "certification reference")
    if certification is not None and not _CERTIFICATION.fullmatch(certification):
        raise EvidenceError(Refusal.MALFORMED, "certification reference is no product number")
    return PsaClaims(
        profile=claims.text(layout.profile, "profile"),
        nonce=claims.octets(layout.nonce, "nonce", HASH_SIZES),
        device=read_device(claims, layout),
        client=claims.integer(layout.client, "client id", _LEAST_CLIENT, _MOST_CLIENT),
        lifecycle=lifecycle,
        state=parse_lifecycle(lifecycle),
        boot_seed=_boot_seed(claims, layout),
        certification=certification,
        components=parse_components(claims, layout.components),
        service=claims.optional_text(layout.service, "verification service"),
        unknown=claims.unknown,
    )


def _boot_seed(claims: ClaimReader, layout: Layout) -> bytes | None:
    # Only the older profile demands it.
    if layout is PROFILE_2 and not claims.has(layout.boot_seed):
        return None
    return claims.octets(layout.boot_seed, "boot seed", layout.boot_seed_bytes)
