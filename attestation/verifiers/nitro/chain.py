"""From the certificate in a document to the pinned root at the head of its bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.cache import BoundedCache
from attestation.endorsements import Endorsements, GivenCrl
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_CACHED_CHAINS
from attestation.trust import TrustAnchor, TrustAnchors
from attestation.verifiers.nitro.document import NitroDocument
from attestation.x509.certificate import Certificate, is_ca, may_sign_data, parse_certificate
from attestation.x509.path import (
    PathProfile,
    check_crl_dates,
    check_not_revoked,
    verify_crl,
    verify_path,
)
from attestation.x509.signatures import ECDSA_SHA384, load_p384

PROFILE: Final = PathProfile("nitro", (ECDSA_SHA384,))


@dataclass(frozen=True, slots=True)
class NitroChain:
    """Leaf, issuers and root hold together and the root is pinned. Dates were not looked at."""

    path: tuple[Certificate, ...] = field(repr=False)
    key: ec.EllipticCurvePublicKey = field(repr=False)
    anchor: TrustAnchor


_chains: Final = BoundedCache[NitroChain](MAX_CACHED_CHAINS)


def known_chain(document: NitroDocument, anchors: TrustAnchors) -> NitroChain | None:
    """Return the chain of this document if it was verified before, under the same roots."""
    return _chains.get(_key(document, anchors))


def leaf_key(document: NitroDocument) -> ec.EllipticCurvePublicKey:
    """Return the key of the certificate in the document: anybody's, so far.

    Raises `EvidenceError`: `malformed`, or `alg-mismatch` for a key that is not on P-384.
    """
    return load_p384(parse_certificate(document.certificate).spki)


def verify_chain(document: NitroDocument, anchors: TrustAnchors) -> NitroChain:
    """Return the verified chain; `cabundle` is in order, the root first.

    Not checked: dates, revocation. Raises `EvidenceError`: `malformed`, `untrusted-chain`,
    `simulated-not-trusted`, `alg-mismatch` or `signature-invalid`.
    """
    ders = (document.certificate, *reversed(document.cabundle))
    path = tuple(map(parse_certificate, ders))
    leaf = path[0]
    if is_ca(leaf) or not may_sign_data(leaf):
        raise EvidenceError(Refusal.UNTRUSTED_CHAIN, "leaf is a CA, or may not sign documents")
    verified = verify_path(path, profile=PROFILE, anchors=anchors)
    chain = NitroChain(path, load_p384(leaf.spki), verified.anchor)
    _chains.put(_key(document, anchors), chain)
    return chain


def _key(document: NitroDocument, anchors: TrustAnchors) -> bytes:
    digest = hashlib.sha256(anchors.digest)
    for der in (document.certificate, *document.cabundle):
        digest.update(len(der).to_bytes(4, "big") + der)
    return digest.digest()


def check_revocation(chain: NitroChain, endorsements: Endorsements, now: datetime) -> None:
    """Refuse if a given list by an issuer of the chain names a certificate of it.

    AWS tells verifiers to do without lists, as its certificates live hours to days, so none is
    demanded; one that was given counts. Of several by one issuer the newest does.
    """
    for child, parent in pairwise(chain.path):
        given = [one for one in endorsements.crls if one.parsed.issuer == parent.subject]
        for one in _newest(given):
            crl = verify_crl(one, parent, profile=PROFILE)
            check_crl_dates(crl, now)
            check_not_revoked(child, crl)


def _newest(given: Sequence[GivenCrl]) -> list[GivenCrl]:
    latest = max((one.parsed.this_update for one in given), default=None)
    return [one for one in given if one.parsed.this_update == latest]
