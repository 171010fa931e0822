"""What tokens of all issuers have in common: signature, dates, issuer, audience, nonce."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from attestation.ear import Unsafe
from attestation.errors import EvidenceError, Refusal
from attestation.jws import verify_published
from attestation.keys import TrustedKey
from attestation.limits import CLOCK_SKEW_SECONDS
from attestation.tokens.policy import Expected
from attestation.trace import Trace

# What each issuer signs with, by its own documentation.
ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "maa": ("RS256",),
        "gcs": ("RS256",),
        "ita": ("PS384", "RS256"),
        "nras": ("ES384",),
    }
)
DEBUG_OFF: Final = frozenset({"disabled", "disabled-since-boot", "disabled-permanently"})
# Seconds since 1970 that have a date of four digits.
_LAST_SECOND: Final = 253_402_300_799
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def verify_issued(
    token: str, *, kind: str, keys: Sequence[TrustedKey], now: datetime, trace: Trace
) -> dict[str, Any]:
    """Return the payload of a token that one of `keys` signed and that is in date.

    Raises `EvidenceError`.
    """
    trace.check("J3", "algorithm", " or ".join(ALGORITHMS[kind]), lambda: token[:40])
    members = verify_published(token, keys=keys, algorithms=ALGORITHMS[kind])
    check_times(members, now, trace)
    return members


def check_times(members: Mapping[str, Any], now: datetime, trace: Trace) -> None:
    """Refuse a token before its time, with the usual skew, or after it, without."""
    latest = now + timedelta(seconds=CLOCK_SKEW_SECONDS)
    trace.check("E1", "iat, nbf at the latest", latest, lambda: _dates(members, "iat", "nbf"))
    starts = max(seconds(members, "iat"), seconds(members, "nbf") if "nbf" in members else 0)
    if moment(starts) > latest:
        raise EvidenceError(Refusal.TOKEN_NOT_YET_VALID, f"token is valid from {starts}")
    trace.check("E2", "exp after", now, lambda: _dates(members, "exp"))
    expires = seconds(members, "exp")
    if now >= moment(expires):
        raise EvidenceError(Refusal.TOKEN_EXPIRED, f"token expired at {expires}")


def check_issuer(members: Mapping[str, Any], expected: Expected, trace: Trace) -> str:
    """Return the issuer; refuse another one than is expected."""
    trace.check("E3", "issuer", _shown(expected), members.get("iss"))
    issuer = text(members, "iss")
    if expected is not Unsafe.NOT_CHECKED and issuer != expected:
        raise EvidenceError(Refusal.ISSUER_MISMATCH, "token is by another issuer")
    return issuer


def check_audience(members: Mapping[str, Any], expected: Expected, trace: Trace) -> None:
    """Refuse a token that is not for the expected audience."""
    trace.check("E4", "audience", _shown(expected), members.get("aud"))
    if expected is not Unsafe.NOT_CHECKED and expected not in listed(members.get("aud")):
        raise EvidenceError(Refusal.AUDIENCE_MISMATCH, "token is for another audience")


def check_nonce(found: Iterable[Any], expected: Expected, trace: Trace) -> str | None:
    """Return the expected nonce if it is among `found`, None if it is not to be checked."""
    values = [value for value in found if isinstance(value, str)]
    trace.check("E5", "nonce", _shown(expected), values)
    if isinstance(expected, Unsafe):
        return None
    if not any(same_text(expected, value) for value in values):
        raise EvidenceError(Refusal.NONCE_MISMATCH, "token is for another nonce")
    return expected


def same_text(one: str, other: str) -> bool:
    """Return whether two texts are equal, in constant time; JSON may hold half characters."""
    encoded = (text.encode("utf-8", "surrogatepass") for text in (one, other))
    return hmac.compare_digest(*encoded)


def check_debug_off(members: Mapping[str, Any], off: Collection[str], trace: Trace) -> None:
    """Refuse unless `dbgstat` is there and one of `off`."""
    trace.check("A1", "dbgstat", " or ".join(sorted(off)), members.get("dbgstat"))
    status = text(members, "dbgstat")
    if status not in off:
        raise EvidenceError(Refusal.DEBUG_ENABLED, f"dbgstat is {status[:40]}")


def member(members: Mapping[str, Any], name: str, kind: type) -> Any:
    """Return a member that has to be there, of this type; a boolean is no number."""
    value = members.get(name)
    if value is None:
        raise EvidenceError(Refusal.MISSING_CLAIMS, f"token has no {name}")
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise EvidenceError(Refusal.MALFORMED, f"token: {name} has another type")
    return value


def text(members: Mapping[str, Any], name: str) -> str:
    """Return a text that has to be there."""
    return str(member(members, name, str))


def flag(members: Mapping[str, Any], name: str) -> bool:
    """Return a boolean that has to be there."""
    return bool(member(members, name, bool))


def nested(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object, or an empty one where there is none."""
    value = members.get(name)
    return value if isinstance(value, dict) else {}


def seconds(members: Mapping[str, Any], name: str) -> int:
    """Return a NumericDate in whole seconds that has to be there."""
    value = int(member(members, name, int))
    if not 0 <= value <= _LAST_SECOND:
        raise EvidenceError(Refusal.MALFORMED, f"token: {name} is no date")
    return value


def moment(value: int) -> datetime:
    """Return the time of a NumericDate."""
    return _EPOCH + timedelta(seconds=value)


def listed(value: Any) -> list[Any]:
    """Return a list, or what may stand for a list of one."""
    return value if isinstance(value, list) else [value]


def _dates(members: Mapping[str, Any], *names: str) -> str:
    """Return dates as text for people, or what stands in their place."""
    found = [members.get(name) for name in names]
    return ", ".join(
        moment(one).isoformat() if type(one) is int and 0 <= one <= _LAST_SECOND else str(one)
        for one in found
    )


def _shown(expected: Expected) -> str:
    return "anything" if isinstance(expected, Unsafe) else expected
