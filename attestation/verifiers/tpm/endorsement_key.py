"""Is this the endorsement key of a TPM that somebody we trust made?

TCG EK Credential Profile for TPM Family 2.0, section 3.2: what an EK certificate looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.keys import PublicKey
from attestation.policy import CrlPolicy
from attestation.trust import TrustAnchors
from attestation.verifiers.tpm.revocation import check_revocation
from attestation.x509 import der
from attestation.x509.certificate import (
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    Certificate,
    is_ca,
    parse_certificate,
)
from attestation.x509.path import PathProfile, check_validity, order_path, verify_path
from attestation.x509.signatures import (
    ECDSA_SHA256,
    ECDSA_SHA384,
    ECDSA_SHA512,
    RSA_SHA256,
    RSA_SHA384,
    RSA_SHA512,
    load_spki,
)

EXTENDED_KEY_USAGE: Final = "2.5.29.37"
SUBJECT_ALTERNATIVE_NAME: Final = "2.5.29.17"
EK_CERTIFICATE: Final = "2.23.133.8.1"

# An EK certificate may have an empty subject, and names the TPM in a critical alternative name.
_CRITICAL: Final = frozenset(
    {BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, SUBJECT_ALTERNATIVE_NAME}
)
_ALGORITHMS: Final = (
    ECDSA_SHA256,
    ECDSA_SHA384,
    ECDSA_SHA512,
    RSA_SHA256,
    RSA_SHA384,
    RSA_SHA512,
)
_PROFILE: Final = PathProfile("tpm", _ALGORITHMS, known_critical=_CRITICAL)


@dataclass(frozen=True, slots=True)
class EkTrust:
    """Whose TPMs count: their roots, and certificates and lists of theirs that are known here."""

    anchors: TrustAnchors = field(repr=False)
    endorsements: Endorsements = field(repr=False)

    @classmethod
    def nobody(cls) -> EkTrust:
        """Return the trust in no maker of TPMs."""
        return cls(TrustAnchors.vendor(), Endorsements.none())


@dataclass(frozen=True, slots=True)
class VerifiedEk:
    """An endorsement key with its certificate's digest. `simulated`: its maker is software."""

    key: PublicKey = field(repr=False)
    fingerprint: bytes
    simulated: bool


def verify_endorsement_key(chain: Sequence[bytes], *, trust: EkTrust, now: datetime) -> VerifiedEk:
    """Return the key that an EK certificate is for; `chain` is DER, that certificate first.

    Further certificates may come in any order and may lack what `trust` has. A revocation list in
    `trust` counts, but none is demanded: few makers publish one. Not checked: that anybody holds
    the key, which is what a credential shows. Raises `EvidenceError`: `malformed`,
    `untrusted-chain` also for what is no EK certificate, `simulated-not-trusted`,
    `signature-invalid`, `alg-mismatch`, and what dates and lists give.
    """
    if not chain:
        raise EvidenceError(Refusal.MALFORMED, "there is no EK certificate")
    leaf, *given = (parse_certificate(one) for one in chain)
    # Our own first: a stranger's certificate under a maker's name must not stand before it.
    path = order_path(leaf, [*trust.endorsements.certificates, *given], is_root=_is_self_issued)
    verified = verify_path(path, profile=_PROFILE, anchors=trust.anchors)
    check_validity(path, now)
    unlisted = CrlPolicy.UNSAFE_NOT_REQUIRED
    check_revocation(verified, trust.endorsements, unlisted, now, profile=_PROFILE)
    _require_ek_certificate(leaf)
    return VerifiedEk(load_spki(leaf.spki), leaf.fingerprint, verified.anchor.simulated)


def _is_self_issued(certificate: Certificate) -> bool:
    return certificate.issuer == certificate.subject


def _require_ek_certificate(leaf: Certificate) -> None:
    usage = leaf.extensions.get(EXTENDED_KEY_USAGE)
    purposes = _purposes(usage.value) if usage else ()
    if EK_CERTIFICATE not in purposes or is_ca(leaf):
        raise EvidenceError(Refusal.UNTRUSTED_CHAIN, "certificate is not one of an EK")


def _purposes(value: bytes) -> tuple[str, ...]:
    fields = der.single(value, der.SEQUENCE, what="extended key usage")
    found = []
    while not fields.at_end:
        found.append(fields.take_oid())
    return tuple(found)
