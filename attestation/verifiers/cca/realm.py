"""The realm token's claims and its key (RMM A7.2.3.1, draft-ffm-rats-cca-token section 4.1)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.errors import EvidenceError, Refusal
from attestation.verifiers.arm.reader import ClaimReader
from attestation.verifiers.arm.software import HASH_SIZES

PROFILE: Final = "tag:arm.com,2023:realm#1.0.0"
CHALLENGE: Final = 10
PROFILE_CLAIM: Final = 265
PERSONALIZATION: Final = 44235
HASH_ALGORITHM: Final = 44236
PUBLIC_KEY: Final = 44237
INITIAL_MEASUREMENT: Final = 44238
EXTENSIBLE_MEASUREMENTS: Final = 44239
PUBLIC_KEY_HASH: Final = 44240
REGISTERS: Final = 4

_HASHES: Final = MappingProxyType(
    {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}
)
# COSE_Key of RFC 9053 section 7.1.1.
KEY_TYPE, CURVE, X, Y = 1, -1, -2, -3
EC2: Final = 2
P384: Final = 2
_CURVES: Final[dict[int, ec.EllipticCurve]] = {
    1: ec.SECP256R1(),
    P384: ec.SECP384R1(),
    3: ec.SECP521R1(),
}
_RAW_KEY_BYTES: Final = 97


@dataclass(frozen=True, slots=True)
class RealmKey:
    """The realm attestation key, and the digest by which a platform token names it."""

    public: ec.EllipticCurvePublicKey = field(repr=False)
    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class RealmClaims:
    """Every claim of the realm token."""

    profile: str | None
    challenge: bytes = field(repr=False)
    personalization: bytes
    hash_algorithm: str
    initial: bytes
    extensible: tuple[bytes, ...]
    unknown: int


def read_key(claims: ClaimReader) -> RealmKey:
    """Return the key: COSE_Key where the token has a profile, a raw point on P-384 before that.

    Raises `EvidenceError`: `malformed`, `missing-claims`, `alg-mismatch` for an unknown digest.
    """
    data = claims.octets(PUBLIC_KEY, "public key")
    name = _hash_name(claims, PUBLIC_KEY_HASH, "public key hash algorithm")
    public = _cose_key(data) if claims.has(PROFILE_CLAIM) else _raw_key(data)
    return RealmKey(public, name, _HASHES[name](data).digest())


def parse_realm(claims: ClaimReader) -> RealmClaims:
    """Return the claims, or raise `EvidenceError`: `malformed`, `missing-claims`, `alg-mismatch`.

    Call `read_key` first: it knows the other two.
    """
    profile = claims.optional_text(PROFILE_CLAIM, "profile")
    if profile not in {None, PROFILE}:
        raise EvidenceError(Refusal.MALFORMED, "realm token has an unknown profile")
    initial = claims.octets(INITIAL_MEASUREMENT, "initial measurement", HASH_SIZES)
    extensible = claims.array(EXTENSIBLE_MEASUREMENTS, "extensible measurements", REGISTERS)
    right = [isinstance(one, bytes) and len(one) == len(initial) for one in extensible]
    if len(extensible) != REGISTERS or not all(right):
        raise EvidenceError(Refusal.MALFORMED, "extensible measurements are not four like the RIM")
    return RealmClaims(
        profile=profile,
        challenge=claims.octets(CHALLENGE, "challenge", {64}),
        personalization=claims.octets(PERSONALIZATION, "personalization value", {64}),
        hash_algorithm=_hash_name(claims, HASH_ALGORITHM, "hash algorithm"),
        initial=initial,
        extensible=tuple(extensible),
        unknown=claims.unknown,
    )


def _hash_name(claims: ClaimReader, key: int, name: str) -> str:
    value = claims.text(key, name)
    if value not in _HASHES:
        raise EvidenceError(Refusal.ALG_MISMATCH, f"realm token has an unknown {name}")
    return value


def _raw_key(data: bytes) -> ec.EllipticCurvePublicKey:
    if len(data) != _RAW_KEY_BYTES:
        raise EvidenceError(Refusal.MALFORMED, f"realm key has {len(data)} bytes, expected 97")
    return _point(ec.SECP384R1(), data)


def _cose_key(data: bytes) -> ec.EllipticCurvePublicKey:
    key = ClaimReader.of(data, "realm key")
    key.integer(KEY_TYPE, "type", EC2, EC2)
    curve = _CURVES[key.integer(CURVE, "curve", min(_CURVES), max(_CURVES))]
    size = (curve.key_size + 7) // 8
    x, y = (key.octets(name, "coordinate", {size}) for name in (X, Y))
    if key.unknown:
        # Among others the private half, and restrictions of use that nobody here would keep.
        raise EvidenceError(Refusal.MALFORMED, "realm key has unknown members")
    return _point(curve, b"\x04" + x + y)


def _point(curve: ec.EllipticCurve, data: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, data)
    except ValueError as error:
        raise EvidenceError(Refusal.MALFORMED, "realm key is not a point on its curve") from error
