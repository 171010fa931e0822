"""Whose attestation key it is: one the caller named, or one a trusted vendor certified."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from attestation.cache import BoundedCache
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.keys import PublicKey, TrustedKey, load_public_key
from attestation.limits import MAX_CACHED_CHAINS, MAX_PATH_CERTIFICATES
from attestation.policy import CrlPolicy
from attestation.tpm.public import parse_public, require_attestation_key
from attestation.trust import TrustAnchors
from attestation.verifiers.tpm.quote import Signer
from attestation.verifiers.tpm.revocation import check_revocation
from attestation.x509 import der
from attestation.x509.certificate import (
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    Certificate,
    may_sign_data,
    parse_certificate,
)
from attestation.x509.path import (
    PathProfile,
    VerifiedPath,
    check_validity,
    order_path,
    verify_path,
)
from attestation.x509.pem import der_blobs
from attestation.x509.signatures import (
    ECDSA_SHA256,
    ECDSA_SHA384,
    ECDSA_SHA512,
    RSA_SHA256,
    RSA_SHA384,
    RSA_SHA512,
)

_SUBJECT_ALTERNATIVE_NAME: Final = "2.5.29.17"
_CERTIFICATE_POLICIES: Final = "2.5.29.32"
_EXTENDED_KEY_USAGE: Final = "2.5.29.37"
# TCG Credential Profile for TPM 2.0, section 3.6: tcg-kp-AIKCertificate.
_AK_CERTIFICATE: Final = "2.23.133.8.3"
PROFILE: Final = PathProfile(
    tee="tpm",
    algorithms=(RSA_SHA256, RSA_SHA384, RSA_SHA512, ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512),
    # Attestation keys have an empty subject and are named by an alternative name instead.
    known_critical=frozenset(
        {
            BASIC_CONSTRAINTS,
            KEY_USAGE,
            _SUBJECT_ALTERNATIVE_NAME,
            _CERTIFICATE_POLICIES,
            _EXTENDED_KEY_USAGE,
        }
    ),
)


@dataclass(frozen=True, slots=True)
class AttestationKeys:
    """The keys that may have signed, all trusted; more than one only where evidence names none.

    `path` is there where a certificate vouches for the key.
    """

    signers: tuple[Signer, ...] = field(repr=False)
    path: VerifiedPath | None = field(default=None, repr=False)


_found: Final = BoundedCache[AttestationKeys](MAX_CACHED_CHAINS)


def find_keys(
    parts: Mapping[str, bytes], *, endorsements: Endorsements, anchors: TrustAnchors
) -> AttestationKeys:
    """Return the trusted keys that may have signed the quote of this evidence.

    A key the caller named needs no certificate. What was found is remembered by digests. Not
    checked: dates, revocation (`check_dates`). Raises `EvidenceError`: `no-endorsement`,
    `untrusted-key`, what `verify_path` raises, and for a key or certificate that is none of an
    attestation key `signing-key-not-allowed`.
    """
    # An absent part is no digest and an empty one is that of nothing: they are not the same.
    given = (parts.get("ak_chain"), parts.get("ak_public"))
    key = hashlib.sha256(
        b"".join(b"-" if part is None else b"+" + hashlib.sha256(part).digest() for part in given)
        + endorsements.digest
        + anchors.digest
    ).digest()
    found = _found.get(key)
    if found is None:
        found = _find_keys(parts, endorsements, anchors)
        _found.put(key, found)
    return found


def _find_keys(
    parts: Mapping[str, bytes], endorsements: Endorsements, anchors: TrustAnchors
) -> AttestationKeys:
    chain = _chain(parts)
    claimed = _claimed_key(parts, chain)
    trusted = anchors.keys_for("tpm")
    if claimed is not None:
        named = TrustedKey(claimed)
        same = tuple(one for one in trusted if one.fingerprint == named.fingerprint)
        if same:
            return _keys_of(same[:1])
        if chain:
            path = _verify_chain(chain, endorsements, anchors)
            key = TrustedKey(claimed, simulated=path.anchor.simulated)
            return _keys_of((key,), path)
    if not trusted:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, "nothing ties the key to a TPM")
    if claimed is not None:
        raise EvidenceError(Refusal.UNTRUSTED_KEY, "attestation key is none of the trusted ones")
    return _keys_of(trusted)


def _keys_of(keys: tuple[TrustedKey, ...], path: VerifiedPath | None = None) -> AttestationKeys:
    return AttestationKeys(tuple(map(Signer.of, keys)), path)


def _chain(parts: Mapping[str, bytes]) -> tuple[Certificate, ...]:
    if "ak_chain" not in parts:
        return ()
    blobs = der_blobs(parts["ak_chain"], label="CERTIFICATE", limit=MAX_PATH_CERTIFICATES)
    return tuple(map(parse_certificate, blobs))


def _claimed_key(parts: Mapping[str, bytes], chain: tuple[Certificate, ...]) -> PublicKey | None:
    """Return the key the evidence says has signed, from its public area, certificate or SPKI."""
    certified = _of_spki(chain[0].spki) if chain else None
    if "ak_public" not in parts:
        return certified
    shown = _public_key(parts["ak_public"])
    if certified is not None and shown.public_numbers() != certified.public_numbers():
        raise EvidenceError(Refusal.BINDING, "certificate is of another key than the one shown")
    return shown


def _public_key(data: bytes) -> PublicKey:
    if data[:1] != bytes([der.SEQUENCE]):
        public = parse_public(data)
        require_attestation_key(public)
        return public.key
    return _of_spki(data)


def _of_spki(data: bytes) -> PublicKey:
    try:
        return load_public_key(data)
    except EvidenceError as error:
        raise EvidenceError(Refusal.MALFORMED, "attestation key is not readable") from error


def _verify_chain(
    chain: tuple[Certificate, ...], endorsements: Endorsements, anchors: TrustAnchors
) -> VerifiedPath:
    leaf, *others = chain
    _check_leaf(leaf)

    def is_root(one: Certificate) -> bool:
        # One without an issuer of its own may be no anchor: `verify_path` says so by its name.
        return anchors.find(one.fingerprint) is not None or one.issuer == one.subject

    path = order_path(leaf, (*others, *endorsements.certificates), is_root=is_root)
    return verify_path(path, profile=PROFILE, anchors=anchors)


def _check_leaf(leaf: Certificate) -> None:
    """Refuse a certificate that says it is not one of an attestation key."""
    constraints = leaf.extensions.get(BASIC_CONSTRAINTS)
    if constraints is not None:
        fields = der.single(constraints.value, der.SEQUENCE, what="basic constraints")
        if fields.take_boolean_true():
            raise _not_allowed("certificate is one of a CA")
    if not may_sign_data(leaf):
        raise _not_allowed("key usage allows no digital signature")
    purposes = leaf.extensions.get(_EXTENDED_KEY_USAGE)
    if purposes is not None and _AK_CERTIFICATE not in _purposes(purposes.value):
        raise _not_allowed("extended key usage is that of another kind of key")


def _purposes(value: bytes) -> frozenset[str]:
    fields = der.single(value, der.SEQUENCE, what="extended key usage")
    found = set()
    while not fields.at_end:
        found.add(fields.take_oid())
    return frozenset(found)


def check_dates(
    found: AttestationKeys, *, endorsements: Endorsements, policy: CrlPolicy, now: datetime
) -> None:
    """Refuse a certified key whose chain is out of date or revoked; a named key has no dates."""
    if found.path is not None:
        check_validity(reversed(found.path.certificates), now)
        check_revocation(found.path, endorsements, policy, now, profile=PROFILE)


def _not_allowed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.SIGNING_KEY_NOT_ALLOWED, f"attestation key: {detail}")
