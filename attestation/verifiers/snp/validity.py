"""What the ARK's revocation list says of a chain at a given time. Checked every time."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attestation.cache import BoundedCache
from attestation.endorsements import Endorsements, GivenCrl
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_CACHED_CRLS
from attestation.policy import CrlPolicy
from attestation.verifiers.snp.chain import VerifiedChain
from attestation.x509.certificate import Certificate, may_sign_crls
from attestation.x509.crl import RevocationList
from attestation.x509.path import check_crl_dates, check_not_revoked
from attestation.x509.signatures import verify_pss_sha384

_verified_crls: Final = BoundedCache[bool](MAX_CACHED_CRLS)


def check_revocation(
    chain: VerifiedChain, endorsements: Endorsements, policy: CrlPolicy, now: datetime
) -> None:
    """Refuse if the ARK's list names a CA of the chain, or cannot be relied on.

    AMD publishes no list of single VEKs. Where lists were given, the ARK's must be among them,
    whatever `policy` says; a policy that does not require one only allows giving none at all.
    """
    _, intermediate, root = chain.path
    if not endorsements.crls:
        if policy is CrlPolicy.REQUIRED:
            raise EvidenceError(Refusal.CRL_MISSING, f"no revocation list of {root.subject_cn}")
        return
    for crl in _newest_of(root, endorsements):
        _check_list(crl, (intermediate, root), now)


def _check_list(crl: RevocationList, chain: tuple[Certificate, ...], now: datetime) -> None:
    check_crl_dates(crl, now)
    for certificate in chain:
        check_not_revoked(certificate, crl)


def _newest_of(root: Certificate, endorsements: Endorsements) -> list[RevocationList]:
    """Return the list with the latest date; several of one second all count."""
    lists = [given for given in endorsements.crls if given.parsed.issuer == root.subject]
    if not lists:
        raise EvidenceError(
            Refusal.CRL_ISSUER_MISMATCH, f"no given revocation list is by {root.subject_cn}"
        )
    latest = max(given.parsed.this_update for given in lists)
    newest = [given for given in lists if given.parsed.this_update == latest]
    for given in newest:
        _verify_once(given, root)
    return [given.parsed for given in newest]


def _verify_once(given: GivenCrl, root: Certificate) -> None:
    key = given.digest + root.fingerprint
    if _verified_crls.get(key) is not None:
        return
    if not may_sign_crls(root):
        raise EvidenceError(Refusal.CRL_ISSUER_MISMATCH, "root may not sign revocation lists")
    verify_pss_sha384(
        given.parsed.signature_algorithm,
        given.parsed.signature,
        given.parsed.tbs,
        root.spki,
        refusal=Refusal.COLLATERAL_SIGNATURE_INVALID,
    )
    _verified_crls.put(key, True)  # noqa: FBT003 - a set in the shape of a cache
