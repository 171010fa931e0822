"""EAT Attestation Results (draft-ietf-rats-ear, veraison profile): issue and verify.

docs/specs/ear.md has the members and the numbered checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.appraise import Appraisal, AttestationResult
from attestation.ear_keys import EarKey, key_id_of
from attestation.encoding import b64url_encode
from attestation.errors import EvidenceError, Refusal
from attestation.jws import Es256Signer, verify_es256
from attestation.limits import CLOCK_SKEW_SECONDS, MAX_SUBMODS
from attestation.trust_vector import STATUS_NUMBERS, VECTOR_NAMES, Tier, is_value, tier_of, worst

PROFILE: Final = "tag:github.com,2023:veraison/ear"
# Trustee's variant of the profile: same members, further ones in the submodules.
TRUSTEE_PROFILE: Final = "tag:github.com,2024:confidential-containers/Trustee"

_CLAIMS: Final = "ear.sealwasm.verified-claims"
_SIMULATED: Final = "ear.sealwasm.simulated"
_REFERENCE: Final = "ear.sealwasm.reference"


class Unsafe(Enum):
    """The explicit way not to check a claim that ought to be checked."""

    NOT_CHECKED = "not-checked"


@dataclass(frozen=True, slots=True)
class EarPolicy:
    """What a relying party expects of a token. Issuer, audience and nonce must be stated.

    Raises `ValueError` for an empty one: nobody can mean it, and a token may well hold it.
    """

    issuer: str | Unsafe
    audience: str | Unsafe
    nonce: bytes | Unsafe = field(repr=False)
    profiles: frozenset[str] = frozenset({PROFILE})
    unsafe_allow_no_expiry: bool = False

    def __post_init__(self) -> None:
        if not all((self.issuer, self.audience, self.nonce, self.profiles)):
            raise ValueError("an expected issuer, audience, nonce or list of profiles is empty")


@dataclass(frozen=True, slots=True)
class EarSubmod:
    """What the token says about one attester. `status` is never better than the vector."""

    status: Tier
    vector: Mapping[str, int]
    simulated: bool
    members: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class EarClaims:
    """A verified token: a trusted key signed it, for us, and it is in date."""

    profile: str
    verifier: str
    issued_at: int
    expires_at: int | None
    submods: Mapping[str, EarSubmod]
    members: Mapping[str, Any] = field(repr=False)

    @property
    def status(self) -> Tier:
        """The worst status of all submodules."""
        return worst(submod.status for submod in self.submods.values())

    @property
    def simulated(self) -> bool:
        """Whether any submodule rests on simulated silicon."""
        return any(submod.simulated for submod in self.submods.values())


class EarIssuer:
    """Issues tokens under one key and name. Safe to call from many threads.

    Raises `ValueError` for a key that is not on P-256.
    """

    def __init__(self, key: ec.EllipticCurvePrivateKey, issuer: str) -> None:
        if key.curve.name != ec.SECP256R1.name:
            raise ValueError("the key is not on P-256")
        self._issuer = issuer
        self._signer = Es256Signer(key, key_id_of(key.public_key()))

    def issue(
        self,
        result: AttestationResult,
        *,
        now: datetime,
        ttl_seconds: int,
        nonce: bytes,
        audience: str | None = None,
    ) -> str:
        """Return a token that says `result`, valid from `now` for `ttl_seconds`.

        Raises `ValueError` for a result without submodules or a time to live that is not positive.
        """
        if not result.submods or ttl_seconds <= 0:
            raise ValueError("no submodules, or no time to live")
        issued = int(now.timestamp())
        payload: dict[str, Any] = {
            "ear.verifier-id": {"build": f"sealwasm {_own_version()}", "developer": "sealwasm"},
            "eat_nonce": b64url_encode(nonce),
            "eat_profile": PROFILE,
            "exp": issued + ttl_seconds,
            "iat": issued,
            "iss": self._issuer,
            "submods": {name: _submod(one) for name, one in result.submods.items()},
        }
        if audience is not None:
            payload["aud"] = audience
        return self._signer.sign(payload)


def issue_ear(
    result: AttestationResult,
    *,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    now: datetime,
    ttl_seconds: int,
    nonce: bytes,
    audience: str | None = None,
) -> str:
    """Return one token of `EarIssuer`, for who issues no more. Raises `ValueError` as it does."""
    return EarIssuer(key, issuer).issue(
        result, now=now, ttl_seconds=ttl_seconds, nonce=nonce, audience=audience
    )


@cache
def _own_version() -> str:
    try:
        return version("sealwasm")
    except PackageNotFoundError:
        return "unknown"


def _submod(appraisal: Appraisal) -> dict[str, Any]:
    members: dict[str, Any] = {
        "ear.appraisal-policy-id": appraisal.policy_id,
        "ear.status": appraisal.status.value,
        "ear.trustworthiness-vector": dict(appraisal.vector),
        _CLAIMS: dict(appraisal.claims),
        _SIMULATED: appraisal.simulated,
    }
    if appraisal.reference is not None:
        members[_REFERENCE] = appraisal.reference
    return members


def verify_ear(
    token: str, *, keys: Sequence[EarKey], policy: EarPolicy, now: datetime
) -> EarClaims:
    """Return what a token says, if a pinned key signed it and it meets `policy` at `now`.

    Says nothing on whether its status is good enough: look at `status`. Raises `EvidenceError`
    with the most fundamental reason.
    """
    # (1) Form and signature, with the caller's keys only.
    members = verify_es256(token, keys=keys)

    # (2) It is an attestation result: every mandatory claim is there and well formed.
    claims = _parse_claims(members, policy)

    # (3) It is in date.
    _check_times(claims, policy, now)

    # (4) It is from whom, for whom and for what we expect.
    _check_expected(members, policy)
    return claims


def _parse_claims(members: dict[str, Any], policy: EarPolicy) -> EarClaims:
    profile = _member(members, "eat_profile", str)
    if profile not in policy.profiles:
        raise _malformed("profile is not an accepted one")
    issued_at = _member(members, "iat", int)
    verifier = _member(members, "ear.verifier-id", dict)
    submods = _member(members, "submods", dict)
    if not submods:
        raise EvidenceError(Refusal.MISSING_CLAIMS, "token has no submodules")
    if len(submods) > MAX_SUBMODS:
        raise _malformed(f"token has more than {MAX_SUBMODS} submodules")
    return EarClaims(
        profile=profile,
        verifier=f"{_member(verifier, 'developer', str)} {_member(verifier, 'build', str)}",
        issued_at=issued_at,
        expires_at=_member(members, "exp", int) if "exp" in members else None,
        submods=MappingProxyType({name: _parse_submod(one) for name, one in submods.items()}),
        members=MappingProxyType(members),
    )


def _parse_submod(members: Any) -> EarSubmod:
    if not isinstance(members, dict):
        raise _malformed("submodule is not an object")
    stated = _status(members.get("ear.status"))
    vector = members.get("ear.trustworthiness-vector", {})
    if not isinstance(vector, dict) or not vector.keys() <= set(VECTOR_NAMES):
        raise _malformed("trustworthiness vector has unknown members")
    if not all(map(is_value, vector.values())):
        raise _malformed("trustworthiness vector has a value out of range")
    simulated = members.get(_SIMULATED, False)
    if not isinstance(simulated, bool):
        raise _malformed(f"{_SIMULATED} is not true or false")
    return EarSubmod(
        status=worst([stated, *(tier_of(value) for value in vector.values() if value)]),
        vector=MappingProxyType(vector),
        simulated=simulated,
        members=MappingProxyType(members),
    )


def _status(value: Any) -> Tier:
    if value is None:
        raise EvidenceError(Refusal.MISSING_CLAIMS, "submodule has no ear.status")
    if isinstance(value, int) and not isinstance(value, bool):
        value = STATUS_NUMBERS.get(value)
    try:
        return Tier(value)
    except ValueError as error:
        raise _malformed("ear.status is not a tier") from error


def _check_times(claims: EarClaims, policy: EarPolicy, now: datetime) -> None:
    moment = now.astimezone(UTC).timestamp()
    starts = claims.issued_at
    if "nbf" in claims.members:
        starts = max(starts, _member(dict(claims.members), "nbf", int))
    if moment < starts - CLOCK_SKEW_SECONDS:
        raise EvidenceError(Refusal.TOKEN_NOT_YET_VALID, f"token is valid from {starts}")
    if claims.expires_at is None:
        if not policy.unsafe_allow_no_expiry:
            raise EvidenceError(Refusal.MISSING_CLAIMS, "token has no exp")
    elif moment >= claims.expires_at:
        raise EvidenceError(Refusal.TOKEN_EXPIRED, f"token expired at {claims.expires_at}")


def _check_expected(members: dict[str, Any], policy: EarPolicy) -> None:
    if policy.issuer is not Unsafe.NOT_CHECKED and members.get("iss") != policy.issuer:
        raise EvidenceError(Refusal.ISSUER_MISMATCH, "token is by another issuer")
    if policy.audience is not Unsafe.NOT_CHECKED:
        audience = members.get("aud")
        listed = audience if isinstance(audience, list) else [audience]
        if policy.audience not in listed:
            raise EvidenceError(Refusal.AUDIENCE_MISMATCH, "token is for another audience")
    nonce = policy.nonce
    if not isinstance(nonce, Unsafe) and members.get("eat_nonce") != b64url_encode(nonce):
        raise EvidenceError(Refusal.NONCE_MISMATCH, "token is for another nonce")


def _member(members: dict[str, Any], name: str, kind: type) -> Any:
    value = members.get(name)
    if value is None:
        raise EvidenceError(Refusal.MISSING_CLAIMS, f"token has no {name}")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _malformed(f"{name} has another type")
    return value


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"token: {detail}")
