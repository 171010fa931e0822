"""OCSP responses (RFC 6960): what an issuer says of single certificates, and that it says so.

A response is material like a revocation list: given by the caller, signed by the issuer or by a
responder that the issuer certified for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from attestation.cache import BoundedCache
from attestation.endorsements import GivenDocument
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_CACHED_OCSP
from attestation.x509 import der
from attestation.x509.certificate import Certificate, is_ca
from attestation.x509.der import DerReader
from attestation.x509.ocsp import Answer, OcspResponse, hash_of, key_bits, parse_ocsp
from attestation.x509.path import check_validity
from attestation.x509.signatures import SignatureAlgorithm, verify_signed

_EXTENDED_KEY_USAGE: Final = "2.5.29.37"
_OCSP_SIGNING: Final = "1.3.6.1.5.5.7.3.9"

# (response, issuer) -> the certificate that signed, as RFC 6960 section 4.2.2.2 allows.
_signers: Final = BoundedCache[Certificate](MAX_CACHED_OCSP)


def check_ocsp(
    path: Sequence[Certificate],
    documents: Iterable[GivenDocument],
    *,
    algorithms: Sequence[SignatureAlgorithm],
    required: Sequence[Certificate] = (),
    now: datetime,
) -> frozenset[bytes]:
    """Return fingerprints of what is said to be good; refuse what is revoked or on hold.

    `path` is verified, leaf first. Certificates in `required` must have an answer; of several
    answers the newest counts. Not checked: whether a responder's own certificate was revoked.
    Raises `EvidenceError`: `no-endorsement` where an answer is missing or says unknown,
    `untrusted-chain`, `collateral-signature-invalid`, `collateral-expired`,
    `collateral-not-yet-valid`, `cert-revoked`, `cert-on-hold`.
    """
    parsed = [(one, parse_ocsp(one.data)) for one in documents]
    good: set[bytes] = set()
    if not parsed and not required:
        return frozenset()
    for certificate, issuer in pairwise(path):
        answers = [
            (answer, given, response)
            for given, response in parsed
            for answer in response.answers
            if answer.is_for(certificate, issuer)
        ]
        if not answers:
            if certificate in required:
                name = certificate.subject_cn
                raise EvidenceError(Refusal.NO_ENDORSEMENT, f"no OCSP response speaks of {name}")
            continue
        newest = max(answer.this_update for answer, _, _ in answers)
        for answer, given, response in answers:
            if answer.this_update == newest:
                _check_signer(given, response, issuer, algorithms, now)
                _check_dates(answer, certificate, now)
                _check_status(answer, certificate)
        good.add(certificate.fingerprint)
    return frozenset(good)


def _check_dates(answer: Answer, certificate: Certificate, now: datetime) -> None:
    name = certificate.subject_cn
    if now < answer.this_update:
        raise EvidenceError(Refusal.COLLATERAL_NOT_YET_VALID, f"OCSP of {name} is of the future")
    if now > answer.next_update:
        raise EvidenceError(Refusal.COLLATERAL_EXPIRED, f"OCSP of {name} is out of date")


def _check_status(answer: Answer, certificate: Certificate) -> None:
    if answer.refusal is not None:
        name = certificate.subject_cn
        raise EvidenceError(answer.refusal, f"OCSP says that {name} is not good")


def _check_signer(
    given: GivenDocument,
    response: OcspResponse,
    issuer: Certificate,
    algorithms: Sequence[SignatureAlgorithm],
    now: datetime,
) -> None:
    key = given.digest + issuer.fingerprint
    signer = _signers.get(key)
    if signer is None:
        signer = _verify_signer(response, issuer, algorithms)
        _signers.put(key, signer)
    check_validity([signer], now)


def _verify_signer(
    response: OcspResponse, issuer: Certificate, algorithms: Sequence[SignatureAlgorithm]
) -> Certificate:
    candidates = (issuer, *response.certificates)
    signer = next((one for one in candidates if _is_named(one, response.responder)), None)
    if signer is None:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, "OCSP responder's certificate is not there")
    if signer is not issuer:
        _check_delegation(signer, issuer, algorithms)
    verify_signed(
        response.signature_algorithm,
        response.signature,
        response.tbs,
        signer.spki,
        allowed=algorithms,
        refusal=Refusal.COLLATERAL_SIGNATURE_INVALID,
    )
    return signer


def _check_delegation(
    signer: Certificate, issuer: Certificate, algorithms: Sequence[SignatureAlgorithm]
) -> None:
    """The issuer itself must have certified the responder, for this and for no CA's work."""
    if signer.issuer != issuer.subject or is_ca(signer) or not _may_sign_ocsp(signer):
        raise EvidenceError(Refusal.UNTRUSTED_CHAIN, "OCSP responder is not one of the issuer's")
    verify_signed(
        signer.signature_algorithm,
        signer.signature,
        signer.tbs,
        issuer.spki,
        allowed=algorithms,
        refusal=Refusal.UNTRUSTED_CHAIN,
    )


def _may_sign_ocsp(certificate: Certificate) -> bool:
    usage = certificate.extensions.get(_EXTENDED_KEY_USAGE)
    if usage is None:
        return False
    purposes = der.single(usage.value, der.SEQUENCE, what="extended key usage")
    found = False
    while not purposes.at_end:
        found = (purposes.take_oid() == _OCSP_SIGNING) or found
    return found


def _is_named(certificate: Certificate, responder: tuple[int, bytes]) -> bool:
    kind, content = responder
    inner = DerReader(content, what="OCSP responder")
    if kind == der.context(1):
        named = inner.take_raw(der.SEQUENCE)[0] == certificate.subject
    else:
        named = inner.take(der.OCTET_STRING) == hash_of("sha1", key_bits(certificate))
    inner.finish()
    return named
