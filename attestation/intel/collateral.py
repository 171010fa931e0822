"""Collateral: what Intel publishes about a platform family, as one JSON document.

The document itself (Intel QuoteCollateralV3) is signed by nobody; what counts are TCB info, QE
identity and lists in it. The two former are verified as the exact bytes that were given, and read
only after that. Verified forms are remembered by digest; dates are for the caller, on every call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from attestation.cache import BoundedCache
from attestation.endorsements import GivenCrl, GivenDocument
from attestation.errors import EvidenceError, Refusal
from attestation.intel import chains
from attestation.intel import signed_json as read
from attestation.intel.ecdsa import verify_raw
from attestation.intel.qe_identity import QeIdentity, parse_qe_identity
from attestation.intel.tcb_info import TcbInfo, parse_tcb_info
from attestation.limits import MAX_CACHED_COLLATERAL, MAX_COLLATERAL_BYTES
from attestation.trust import TrustAnchor, TrustAnchors
from attestation.x509.certificate import Certificate
from attestation.x509.crl import RevocationList, parse_crl
from attestation.x509.path import VerifiedPath, verify_crl
from attestation.x509.signatures import load_p256

PCK_CHAIN_MEMBER: Final = "pck_certificate_chain"
_MEMBERS: Final = read.names(
    "pck_crl_issuer_chain root_ca_crl pck_crl tcb_info_issuer_chain tcb_info tcb_info_signature"
    " qe_identity_issuer_chain qe_identity qe_identity_signature"
)
_OPTIONAL: Final = frozenset({PCK_CHAIN_MEMBER})
_SIGNATURE_BYTES: Final = 64
_SIGNING: Final = (frozenset({chains.TCB_SIGNING}), frozenset({chains.ROOT}))
_PCK_CA: Final = (frozenset(chains.PCK_CAS), frozenset({chains.ROOT}))


@dataclass(frozen=True, slots=True)
class Collateral:
    """Signed by Intel under the pinned root `anchor`. Dates and revocation were not looked at.

    `digest` names the document and the roots. `certificates` are all that the signatures rest on;
    `valid_from` and `valid_to` bound the time at which everything in it is in date.
    """

    digest: bytes = field(repr=False)
    tcb_info: TcbInfo
    qe_identity: QeIdentity
    root_crl: RevocationList
    pck_crl: RevocationList
    pck_ca: Certificate
    certificates: tuple[Certificate, ...] = field(repr=False)
    anchor: TrustAnchor
    valid_from: datetime
    valid_to: datetime


_verified: Final = BoundedCache[Collateral](MAX_CACHED_COLLATERAL)


def verify_collateral(document: GivenDocument, *, anchors: TrustAnchors) -> Collateral:
    """Return what Intel signed in `document` (steps K2 to K5).

    Not checked: dates, revocation, whether it is for the platform at hand. Raises `EvidenceError`.
    """
    key = document.digest + anchors.digest
    found = _verified.get(key)
    if found is None:
        found = _verify(key, parse_document(document.data), anchors)
        _verified.put(key, found)
    return found


def parse_document(data: bytes) -> Mapping[str, str]:
    """Return the members of a document (step K2); raise `EvidenceError` `malformed`."""
    if len(data) > MAX_COLLATERAL_BYTES:
        raise _malformed(f"collateral is {len(data)} bytes, limit {MAX_COLLATERAL_BYTES}")
    document = read.members(read.decode(data, what="collateral"), _MEMBERS, _OPTIONAL)
    for name, text in document.items():
        # What Intel signs, PEM and hex are all ASCII; anything else has several spellings.
        if not isinstance(text, str) or not text.isascii():
            raise _malformed(f"collateral: {name} is not ASCII text")
    return document


def _verify(digest: bytes, document: Mapping[str, str], anchors: TrustAnchors) -> Collateral:
    root_list, pck_list = _crl(document["root_ca_crl"]), _crl(document["pck_crl"])
    signing = _path(document["tcb_info_issuer_chain"], _SIGNING, anchors)
    issuer = _path(document["pck_crl_issuer_chain"], _PCK_CA, anchors)
    qe_signing = signing
    if document["qe_identity_issuer_chain"] != document["tcb_info_issuer_chain"]:
        qe_signing = _path(document["qe_identity_issuer_chain"], _SIGNING, anchors)
    if not signing.anchor == qe_signing.anchor == issuer.anchor:
        raise EvidenceError(Refusal.UNTRUSTED_CHAIN, "collateral rests on more than one root")
    tcb_info = parse_tcb_info(_signed(document, "tcb_info", signing.leaf))
    qe_identity = parse_qe_identity(_signed(document, "qe_identity", qe_signing.leaf))
    root, pck_ca = issuer.certificates[-1], issuer.leaf
    root_crl = verify_crl(root_list, root, profile=chains.COLLATERAL_CHAIN)
    pck_crl = verify_crl(pck_list, pck_ca, profile=chains.COLLATERAL_CHAIN)
    certificates = (signing.leaf, qe_signing.leaf, pck_ca, root)
    starts = [tcb_info.issued, qe_identity.issued, root_crl.this_update, pck_crl.this_update]
    ends = [
        tcb_info.next_update,
        qe_identity.next_update,
        root_crl.next_update,
        pck_crl.next_update,
    ]
    return Collateral(
        digest=digest,
        tcb_info=tcb_info,
        qe_identity=qe_identity,
        root_crl=root_crl,
        pck_crl=pck_crl,
        pck_ca=pck_ca,
        certificates=certificates,
        anchor=issuer.anchor,
        valid_from=max(*starts, *(one.not_before for one in certificates)),
        valid_to=min(*ends, *(one.not_after for one in certificates)),
    )


def _path(
    pem: str, names: tuple[frozenset[str], frozenset[str]], anchors: TrustAnchors
) -> VerifiedPath:
    return chains.verify_chain(
        chains.parse_chain(pem.encode("ascii")),
        names,
        profile=chains.COLLATERAL_CHAIN,
        anchors=anchors,
    )


def _signed(document: Mapping[str, str], name: str, signer: Certificate) -> Any:
    """Return the JSON in a member after `signer` turns out to have signed its exact bytes."""
    signed, refusal = document[name].encode("ascii"), Refusal.COLLATERAL_SIGNATURE_INVALID
    signature = _bytes(document[f"{name}_signature"])
    if len(signature) != _SIGNATURE_BYTES:
        raise _malformed(f"signature of {name} is {len(signature)} bytes, expected 64")
    verify_raw(load_p256(signer.spki), signature, signed, refusal, name)
    return read.decode(signed, what=name)


def _crl(text: str) -> GivenCrl:
    if not text:
        raise EvidenceError(Refusal.CRL_MISSING, "collateral has no text for a revocation list")
    der = _bytes(text)
    return GivenCrl(hashlib.sha256(der).digest(), parse_crl(der))


def _bytes(text: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError as error:
        raise _malformed("collateral: a list or signature is not hex") from error
    # `fromhex` skips white space.
    if len(text) != 2 * len(data):
        raise _malformed("collateral: a list or signature has white space in its hex")
    return data


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, detail)
