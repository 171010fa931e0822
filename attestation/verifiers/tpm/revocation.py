"""Revocation lists of the vendors between an attestation key and its root."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from attestation.endorsements import Endorsements, GivenCrl
from attestation.errors import EvidenceError, Refusal
from attestation.policy import CrlPolicy
from attestation.x509.path import (
    PathProfile,
    VerifiedPath,
    check_crl_dates,
    check_not_revoked,
    verify_crl,
)


def check_revocation(
    path: VerifiedPath,
    endorsements: Endorsements,
    policy: CrlPolicy,
    now: datetime,
    *,
    profile: PathProfile,
) -> None:
    """Refuse if an issuer's list names a certificate of the path, or cannot be relied on.

    Every issuer of the path needs a list, unless `policy` does not require any; one that was given
    is judged either way. Raises `EvidenceError`: `crl-missing`, `crl-issuer-mismatch`,
    `collateral-signature-invalid`, `collateral-not-yet-valid`, `crl-expired`, `cert-revoked` or
    `cert-on-hold`.
    """
    for child, issuer in reversed(tuple(pairwise(path.certificates))):
        lists = [one for one in endorsements.crls if one.parsed.issuer == issuer.subject]
        if not lists and policy is CrlPolicy.REQUIRED:
            code = Refusal.CRL_ISSUER_MISMATCH if endorsements.crls else Refusal.CRL_MISSING
            raise EvidenceError(code, f"no revocation list of {issuer.subject_cn}")
        for one in _newest(lists):
            verified = verify_crl(one, issuer, profile=profile)
            check_crl_dates(verified, now)
            check_not_revoked(child, verified)


def _newest(lists: list[GivenCrl]) -> list[GivenCrl]:
    """Return the lists with the latest date; several of one second all count."""
    latest = max((one.parsed.this_update for one in lists), default=None)
    return [one for one in lists if one.parsed.this_update == latest]
