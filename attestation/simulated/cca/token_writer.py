"""Writes the two tokens of a CCA collection, in the profile of 2023 or the one before."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attestation import cbor
from attestation.cbor import Tagged
from attestation.simulated.arm.device import components
from attestation.verifiers.arm.signer import DeviceId
from attestation.verifiers.cca import platform as p
from attestation.verifiers.cca import realm as r
from attestation.verifiers.cca import token

SECURED: Final = 0x3000
_HASH_NAMES: Final = {32: "sha-256", 48: "sha-384", 64: "sha-512"}


def platform_claims(
    device: DeviceId, challenge: bytes, *, lifecycle: int = SECURED, old: bool = False
) -> dict[int, Any]:
    """Return the claims of a platform token; `challenge` names the realm's key."""
    return {
        p.PROFILE_CLAIM: p.OLD_PROFILE if old else p.PROFILE,
        p.CHALLENGE: challenge,
        p.IMPLEMENTATION_ID: device.implementation,
        p.INSTANCE_ID: device.instance,
        p.CONFIG: b"\xcf\xcf\xcf\xcf",
        p.LIFECYCLE: lifecycle,
        p.SOFTWARE: components(),
        p.SERVICE: "https://simulated.invalid/verification",
        p.HASH_ALGORITHM: "sha-256",
    }


def realm_claims(
    challenge: bytes,
    initial: bytes,
    key: ec.EllipticCurvePublicKey,
    *,
    personalization: bytes = bytes(64),
    old: bool = False,
) -> dict[int, Any]:
    """Return the claims of a realm token."""
    profile = {} if old else {r.PROFILE_CLAIM: r.PROFILE}
    return profile | {
        r.CHALLENGE: challenge,
        r.PERSONALIZATION: personalization,
        r.HASH_ALGORITHM: _HASH_NAMES[len(initial)],
        r.PUBLIC_KEY: encode_key(key, old=old),
        r.INITIAL_MEASUREMENT: initial,
        r.EXTENSIBLE_MEASUREMENTS: [bytes(len(initial))] * r.REGISTERS,
        r.PUBLIC_KEY_HASH: "sha-256",
    }


def encode_key(key: ec.EllipticCurvePublicKey, *, old: bool = False) -> bytes:
    """Return a realm key as COSE_Key, or as the bare point of the older profile."""
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    if old:
        return point
    half = len(point) // 2
    found = {r.KEY_TYPE: r.EC2, r.CURVE: r.P384, r.X: point[1 : half + 1], r.Y: point[half + 1 :]}
    return cbor.encode(found)


def name_of_key(claims: dict[int, Any]) -> bytes:
    """Return the digest by which a platform token names the key in realm claims."""
    return hashlib.sha256(claims[r.PUBLIC_KEY]).digest()


def collection(platform: bytes, realm: bytes, *, wrapped: bool = False) -> bytes:
    """Return the collection of two signed tokens."""
    if wrapped:
        members = {
            token.PLATFORM: [token.EAT_CWT, platform],
            token.REALM: [token.EAT_CWT, realm],
        }
        return cbor.encode(Tagged(token.WRAPPED_COLLECTION, members))
    return cbor.encode(Tagged(token.COLLECTION, {token.PLATFORM: platform, token.REALM: realm}))
