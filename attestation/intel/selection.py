"""Which of the given collateral is for this platform, now; and what it says about certificates."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError, Refusal
from attestation.intel.attestation_key import Pck
from attestation.intel.collateral import (
    PCK_CHAIN_MEMBER,
    Collateral,
    parse_document,
    verify_collateral,
)
from attestation.intel.tcb_info import SGX, TDX
from attestation.trust import TrustAnchors
from attestation.x509.path import check_crl_dates, check_not_revoked, check_validity

_QE_IDS: Final = {SGX: "QE", TDX: "TD_QE"}
# How far a document came before it was refused.
_WRONG_TEE, _WRONG_PLATFORM, _NOT_VERIFIED, _WRONG_ISSUER, _NOT_IN_DATE = range(5)


def pck_chains(endorsements: Endorsements) -> Iterable[bytes]:
    """Yield the PCK chains in the given collateral, for quotes that bring none."""
    for document in endorsements.of_kind(DocumentKind.INTEL_COLLATERAL):
        with contextlib.suppress(EvidenceError):
            members = parse_document(document.data)
            if PCK_CHAIN_MEMBER in members:
                yield members[PCK_CHAIN_MEMBER].encode("ascii")


def choose_collateral(
    endorsements: Endorsements, pck: Pck, tee: str, *, anchors: TrustAnchors, now: datetime
) -> Collateral:
    """Return the newest collateral for this platform that is in date (steps K1 to K12).

    `tee` is "SGX" or "TDX". Where none will do, raises the `EvidenceError` of the document that
    came furthest.
    """
    documents = endorsements.of_kind(DocumentKind.INTEL_COLLATERAL)
    if not documents:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, "no collateral was given")
    suitable: list[Collateral] = []
    furthest, failure = -1, None
    for document in documents:
        stage, found = _judge(document, pck, tee, anchors, now)
        if isinstance(found, Collateral):
            suitable.append(found)
        elif stage > furthest:
            furthest, failure = stage, found
    if failure is not None and not suitable:
        raise failure
    # Every list that is in date counts: one may know of a revocation that another does not.
    for collateral in suitable:
        _check_revocation(collateral, pck)
    return max(suitable, key=_age)


def _age(one: Collateral) -> tuple[int, int, datetime, datetime]:
    """Return what grows with every publication; one document may mix two of them."""
    info, identity = one.tcb_info, one.qe_identity
    return info.evaluation_number, identity.evaluation_number, info.issued, identity.issued


def _judge(
    document: GivenDocument, pck: Pck, tee: str, anchors: TrustAnchors, now: datetime
) -> tuple[int, Collateral | EvidenceError]:
    stage = _NOT_VERIFIED
    try:
        found = verify_collateral(document, anchors=anchors)
        stage = _WRONG_TEE
        _check_tee(found, tee)
        stage = _WRONG_PLATFORM
        _check_platform(found, pck)
        stage = _WRONG_ISSUER
        _check_issuer(found, pck)
        stage = _NOT_IN_DATE
        if not found.valid_from <= now <= found.valid_to:
            _refuse_dates(found, now)
    except EvidenceError as failure:
        return stage, failure
    return stage, found


def _check_tee(found: Collateral, tee: str) -> None:
    ids = (found.tcb_info.id, found.qe_identity.id)
    if ids != (tee, _QE_IDS[tee]):
        raise EvidenceError(Refusal.COLLATERAL_TEE_MISMATCH, f"collateral is {ids}, expected {tee}")


def _check_platform(found: Collateral, pck: Pck) -> None:
    described = (found.tcb_info.fmspc, found.tcb_info.pceid)
    actual = (pck.platform.fmspc, pck.platform.pceid)
    if described != actual:
        raise EvidenceError(
            Refusal.FMSPC_MISMATCH,
            f"collateral is of {described[0].hex()}/{described[1].hex()}, platform is"
            f" {actual[0].hex()}/{actual[1].hex()}",
        )


def _check_issuer(found: Collateral, pck: Pck) -> None:
    if found.anchor != pck.path.anchor:
        raise EvidenceError(
            Refusal.UNTRUSTED_CHAIN, "collateral is under another root than the PCK"
        )
    issuer = pck.path.certificates[1]
    if (found.pck_ca.subject, found.pck_ca.spki) != (issuer.subject, issuer.spki):
        raise EvidenceError(
            Refusal.CRL_ISSUER_MISMATCH,
            f"PCK list is by {found.pck_ca.subject_cn}, PCK by {issuer.subject_cn}",
        )


def _refuse_dates(found: Collateral, now: datetime) -> None:
    """Say which part is not in date."""
    for part in (found.tcb_info, found.qe_identity):
        period = f"{part.id} is of {part.issued.isoformat()} to {part.next_update.isoformat()}"
        if now < part.issued:
            raise EvidenceError(Refusal.COLLATERAL_NOT_YET_VALID, period)
        if now > part.next_update:
            raise EvidenceError(Refusal.COLLATERAL_EXPIRED, period)
    check_crl_dates(found.root_crl, now)
    check_crl_dates(found.pck_crl, now)
    check_validity(found.certificates, now)


def _check_revocation(found: Collateral, pck: Pck) -> None:
    leaf, ca, root = pck.path.certificates
    check_not_revoked(leaf, found.pck_crl)
    for certificate in (ca, root, *found.certificates):
        check_not_revoked(certificate, found.root_crl)
