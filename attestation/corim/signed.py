"""A signed CoRIM: a COSE_Sign1 by a key that the caller trusts, counted at the caller's time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from attestation import cbor
from attestation.cbor import Budget, Tagged
from attestation.corim import reader
from attestation.corim.document import UNSIGNED, check_length, parse_manifest
from attestation.corim.model import Corim, Validity
from attestation.corim.reader import MapReader
from attestation.cose import ES256, ES384, ES512, TAG, Sign1, parse_sign1, verify_sign1
from attestation.errors import EvidenceError, Refusal
from attestation.keys import TrustedKey
from attestation.limits import MAX_CORIM_VALUES
from attestation.trace import NO_TRACE, Trace

ALGORITHMS: Final = frozenset({ES256, ES384, ES512})
CONTENT_TYPE: Final = 3
META: Final = 8
CWT_CLAIMS: Final = 15
# The second is what drafts before the tenth wrote.
CONTENT_TYPES: Final = frozenset({"application/rim+cbor", "application/corim-unsigned+cbor"})
# Wrappers of older drafts, around any CoRIM and around a signed one.
_WRAPPERS: Final = (500, 502)
_WHAT: Final = "signed CoRIM"


class UnsafeAnyTime:
    """Accepts a CoRIM at any time, so also one that does not count any more."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who the signer says that it is, and until when its signature counts."""

    name: str
    validity: Validity | None


@dataclass(frozen=True, slots=True)
class VerifiedCorim:
    """A CoRIM that one of the caller's keys signed, in date. Made by `verify_corim` only."""

    corim: Corim
    signer: Signer
    key: TrustedKey = field(repr=False)


def verify_corim(
    data: bytes,
    *,
    keys: Sequence[TrustedKey],
    now: datetime | UnsafeAnyTime,
    trace: Trace = NO_TRACE,
) -> VerifiedCorim:
    """Return what a CoRIM says that one of `keys` signed, or raise `EvidenceError`.

    Steps are those of docs/specs/corim.md. Not checked: whether the signer may speak of such
    hardware; whether a newer document replaces this one. Raises `ValueError` if `now` has no time
    zone.
    """
    if isinstance(now, datetime) and now.tzinfo is None:
        raise ValueError("now has no time zone")
    # (1) The envelope: one signature, no critical headers.
    budget = Budget(MAX_CORIM_VALUES)
    trace.check("E1", "length of the CoRIM", "up to its limit", len(data))
    message = _envelope(data, budget)
    trace.check("E3", "content type", sorted(CONTENT_TYPES), message.header.get(CONTENT_TYPE))
    signer = _signer(message, budget)

    # (2) A key that the caller trusts made the signature.
    trace.check("K1", "trusted keys", "at least one", len(keys))
    key = _verify(message, keys, trace)

    # (3) The signature counts now.
    _check_validity(signer.validity, now, "signature", trace, "D1")

    # (4) What was signed is a CoRIM of its profile, and it counts now.
    trace.check("M", "manifest", "of its profile", f"{len(message.payload)} bytes")
    corim = parse_manifest(cbor.decode(message.payload, what="CoRIM", budget=budget), budget)
    _check_validity(corim.validity, now, "CoRIM", trace, "D2")
    return VerifiedCorim(corim, signer, key)


def _envelope(data: bytes, budget: Budget) -> Sign1:
    check_length(data)
    found = cbor.decode(data, what=_WHAT, budget=budget)
    for wrapper in _WRAPPERS:
        if isinstance(found, Tagged) and found.tag == wrapper:
            found = found.value
    if isinstance(found, Tagged) and found.tag == UNSIGNED:
        raise EvidenceError(Refusal.SIGNATURE_INVALID, "CoRIM is not signed")
    if not isinstance(found, Tagged) or found.tag != TAG:
        raise EvidenceError(Refusal.MALFORMED, "signed CoRIM is not a tagged COSE_Sign1")
    return parse_sign1(found.value, what=_WHAT)


def _signer(message: Sign1, budget: Budget) -> Signer:
    content = message.header.get(CONTENT_TYPE)
    if not isinstance(content, str) or content not in CONTENT_TYPES:
        raise EvidenceError(Refusal.MALFORMED, "signed CoRIM has another content type")
    if META in message.header:
        meta = reader.octets(message.header[META], "signer")
        return _of_meta(cbor.decode(meta, what="CoRIM signer", budget=budget))
    if CWT_CLAIMS in message.header:
        return _of_claims(message.header[CWT_CLAIMS])
    raise EvidenceError(Refusal.MALFORMED, "signed CoRIM does not say who signed it")


def _of_meta(value: Any) -> Signer:
    meta = MapReader(value, "signer", range(2))
    signer = MapReader(meta.take(0, "signer"), "signer", range(2))
    signer.read(1, "URI", reader.uri)
    return Signer(
        reader.text(signer.take(0, "name"), "signer name"),
        meta.read(1, "validity", reader.validity),
    )


def _of_claims(value: Any) -> Signer:
    # Claims of RFC 8392; others may be there and say nothing here.
    claims = MapReader(value, "signer claims", value if isinstance(value, dict) else ())
    name = reader.text(claims.take(1, "issuer"), "signer name")
    end = claims.read(4, "expiry", reader.seconds)
    start = claims.read(5, "not-before", reader.seconds)
    if end is None and start is not None:
        raise EvidenceError(Refusal.MALFORMED, "signed CoRIM has a start without an end")
    return Signer(name, None if end is None else Validity(start, end))


def _verify(message: Sign1, keys: Sequence[TrustedKey], trace: Trace) -> TrustedKey:
    if not keys:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, "no key is trusted for CoRIM")
    trace.check("K3", "signature", "by one of them", message.algorithm)
    for key in keys[:-1]:
        try:
            verify_sign1(message, key.public, allowed=ALGORITHMS, what=_WHAT)
        except EvidenceError as error:
            if error.code is not Refusal.SIGNATURE_INVALID:
                raise
        else:
            return key
    verify_sign1(message, keys[-1].public, allowed=ALGORITHMS, what=_WHAT)
    return keys[-1]


def _check_validity(
    validity: Validity | None, now: datetime | UnsafeAnyTime, what: str, trace: Trace, step: str
) -> None:
    if validity is None or isinstance(now, UnsafeAnyTime):
        return
    trace.check(step, f"{what} counts until", now, validity.not_after)
    if validity.not_before is not None and now < validity.not_before:
        raise EvidenceError(Refusal.COLLATERAL_NOT_YET_VALID, f"{what} does not count yet")
    if now > validity.not_after:
        raise EvidenceError(Refusal.COLLATERAL_EXPIRED, f"{what} does not count any more")
