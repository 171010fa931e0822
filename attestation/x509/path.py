"""From a leaf certificate to a pinned root: the path rules every vendor's chain obeys.

RFC 5280 section 6.1 for paths that come in order. Names a vendor's profile demands are checked by
its verifier, not here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final

from attestation.cache import BoundedCache
from attestation.endorsements import GivenCrl
from attestation.errors import EvidenceError, Refusal
from attestation.limits import (
    MAX_CACHED_CHAINS,
    MAX_CACHED_CRLS,
    MAX_CACHED_LINKS,
    MAX_PATH_CERTIFICATES,
)
from attestation.trust import SIMULATED_PREFIX, TrustAnchor, TrustAnchors
from attestation.x509.certificate import (
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    Certificate,
    is_ca,
    may_sign_crls,
    path_length,
)
from attestation.x509.crl import RevocationList
from attestation.x509.signatures import SignatureAlgorithm, verify_signed

DEFAULT_CRITICAL: Final = frozenset({BASIC_CONSTRAINTS, KEY_USAGE})


@dataclass(frozen=True, slots=True)
class VerifiedPath:
    """Constraints and signatures hold up to a pinned root. Dates were not looked at."""

    certificates: tuple[Certificate, ...] = field(repr=False)
    anchor: TrustAnchor

    @property
    def leaf(self) -> Certificate:
        """The certificate of the key that signs evidence."""
        return self.certificates[0]


@dataclass(frozen=True, slots=True)
class PathProfile:
    """What one vendor's chains look like."""

    tee: str
    algorithms: tuple[SignatureAlgorithm, ...]
    known_critical: frozenset[str] = DEFAULT_CRITICAL
    refusal: Refusal = Refusal.SIGNATURE_INVALID
    # What holds for a chain because of its profile: vendor, algorithms, extensions.
    name: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = ",".join(sorted(self.known_critical)).encode()
        algorithms = b"".join(one.identifier for one in self.algorithms)
        object.__setattr__(self, "name", self.tee.encode() + known + algorithms)


_paths: Final = BoundedCache[VerifiedPath](MAX_CACHED_CHAINS)
_links: Final = BoundedCache[bool](MAX_CACHED_LINKS)
_crls: Final = BoundedCache[bool](MAX_CACHED_CRLS)


def verify_path(
    path: Sequence[Certificate], *, profile: PathProfile, anchors: TrustAnchors
) -> VerifiedPath:
    """Return the verified path; `path` is in order, leaf first, the root last.

    The root counts by the digest of its whole certificate. What was verified is remembered by
    digests, so a second verification costs no signature. Not checked: dates, revocation, names a
    vendor demands. Raises `EvidenceError`: `untrusted-chain`, `simulated-not-trusted`,
    `alg-mismatch` or the profile's refusal for a bad signature.
    """
    if not 2 <= len(path) <= MAX_PATH_CERTIFICATES:
        raise _untrusted(f"path has {len(path)} certificates")
    key = hashlib.sha256(
        b"".join(one.fingerprint for one in path) + anchors.digest + profile.name
    ).digest()
    found = _paths.get(key)
    if found is None:
        found = VerifiedPath(tuple(path), _anchor(path[-1], profile, anchors))
        _check_links(path, profile)
        _paths.put(key, found)
    return found


def _anchor(root: Certificate, profile: PathProfile, anchors: TrustAnchors) -> TrustAnchor:
    anchor = anchors.find(root.fingerprint)
    if anchor is None:
        simulated = root.subject_cn.startswith(SIMULATED_PREFIX)
        code = Refusal.SIMULATED_NOT_TRUSTED if simulated else Refusal.UNTRUSTED_CHAIN
        raise EvidenceError(code, "chain does not end in a pinned root")
    if anchor.tee != profile.tee:
        raise _untrusted(f"root is one of {anchor.tee}, expected {profile.tee}")
    return anchor


def _check_links(path: Sequence[Certificate], profile: PathProfile) -> None:
    for below, (child, parent) in enumerate(pairwise(path)):
        if child.issuer != parent.subject:
            raise _untrusted("issuer and subject of a link differ")
        if not is_ca(parent):
            raise _untrusted("an issuer is not allowed to sign certificates")
        allowed = path_length(parent)
        if allowed is not None and allowed < below:
            raise _untrusted("an issuer has more certificates below it than it allows")
    for certificate in path:
        unknown = certificate.unknown_critical(profile.known_critical)
        if unknown is not None:
            raise _untrusted(f"unknown critical extension {unknown}")
    # The root is pinned as a whole, so its own signature adds nothing. From the root down: no key
    # does any work, whatever its size, before somebody trusted has signed it.
    for child, parent in reversed(tuple(pairwise(path))):
        _verify_link(child, parent, profile)


def _verify_link(child: Certificate, parent: Certificate, profile: PathProfile) -> None:
    # Different leaves have their CAs in common.
    key = child.fingerprint + parent.fingerprint + profile.name
    if _links.get(key) is None:
        verify_signed(
            child.signature_algorithm,
            child.signature,
            child.tbs,
            parent.spki,
            allowed=profile.algorithms,
            refusal=profile.refusal,
        )
        _links.put(key, True)  # noqa: FBT003 - a set in the shape of a cache


def check_validity(path: Iterable[Certificate], now: datetime) -> None:
    """Refuse unless every certificate is in its validity period, both ends included."""
    for certificate in path:
        if now < certificate.not_before:
            raise _at(Refusal.CERT_NOT_YET_VALID, certificate)
        if now > certificate.not_after:
            raise _at(Refusal.CERT_EXPIRED, certificate)


def period_of(path: Iterable[Certificate]) -> str:
    """Return from when to when all of these certificates are valid, as text for people."""
    listed = tuple(path)
    start = max(one.not_before for one in listed)
    return f"{start.isoformat()} to {min(one.not_after for one in listed).isoformat()}"


def _at(code: Refusal, certificate: Certificate) -> EvidenceError:
    period = f"{certificate.not_before.isoformat()} to {certificate.not_after.isoformat()}"
    return EvidenceError(code, f"{certificate.subject_cn} is valid {period}")


def verify_crl(given: GivenCrl, issuer: Certificate, *, profile: PathProfile) -> RevocationList:
    """Return the list if `issuer` signed it; remembered by digests.

    Raises `EvidenceError`: `crl-issuer-mismatch` or `collateral-signature-invalid`.
    """
    parsed = given.parsed
    key = given.digest + issuer.fingerprint
    if _crls.get(key) is None:
        if parsed.issuer != issuer.subject or not may_sign_crls(issuer):
            raise EvidenceError(Refusal.CRL_ISSUER_MISMATCH, f"list is not by {issuer.subject_cn}")
        verify_signed(
            parsed.signature_algorithm,
            parsed.signature,
            parsed.tbs,
            issuer.spki,
            allowed=profile.algorithms,
            refusal=Refusal.COLLATERAL_SIGNATURE_INVALID,
        )
        _crls.put(key, True)  # noqa: FBT003 - a set in the shape of a cache
    return parsed


def check_crl_dates(crl: RevocationList, now: datetime) -> None:
    """Refuse a list that is not of this time."""
    if now < crl.this_update:
        raise EvidenceError(Refusal.COLLATERAL_NOT_YET_VALID, "revocation list is of the future")
    if now > crl.next_update:
        raise EvidenceError(Refusal.CRL_EXPIRED, "revocation list is out of date")


def check_not_revoked(certificate: Certificate, crl: RevocationList) -> None:
    """Refuse a certificate that its issuer's list names."""
    on_hold = crl.revoked.get(certificate.serial)
    if on_hold is not None:
        code = Refusal.CERT_ON_HOLD if on_hold else Refusal.CERT_REVOKED
        raise EvidenceError(code, f"{certificate.subject_cn} is on its issuer's revocation list")


def order_path(
    leaf: Certificate,
    others: Iterable[Certificate],
    *,
    is_root: Callable[[Certificate], bool],
) -> tuple[Certificate, ...]:
    """Return leaf, issuers, root, found by names among `others`; refuse where there is a gap.

    Names prove nothing: `verify_path` does. For chains that come in any order.
    """
    by_subject: dict[bytes, Certificate] = {}
    for one in others:
        by_subject.setdefault(one.subject, one)
    path = [leaf]
    while not is_root(path[-1]):
        issuer = by_subject.get(path[-1].issuer)
        if issuer is None or issuer in path or len(path) == MAX_PATH_CERTIFICATES:
            raise _untrusted("no certificate bears the issuer's name")
        path.append(issuer)
    return tuple(path)


def _untrusted(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.UNTRUSTED_CHAIN, detail)
