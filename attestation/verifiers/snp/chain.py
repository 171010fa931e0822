"""From a VEK certificate to a pinned ARK. What holds regardless of time is remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from attestation.cache import BoundedCache
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_CACHED_CHAINS, MAX_CACHED_LINKS
from attestation.trust import SIMULATED_PREFIX, TrustAnchor, TrustAnchors
from attestation.verifiers.snp import cert_table
from attestation.verifiers.snp.products import PRODUCTS, intermediate_name, name_prefix, vek_name
from attestation.verifiers.snp.vek import Vek, parse_vek
from attestation.x509.certificate import (
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    Certificate,
    is_ca,
    parse_certificate,
    path_length,
)
from attestation.x509.signatures import verify_pss_sha384

_KNOWN_CRITICAL: Final = frozenset({BASIC_CONSTRAINTS, KEY_USAGE})


@dataclass(frozen=True, slots=True)
class VerifiedChain:
    """Names, constraints and signatures hold up to a pinned root. Dates were not looked at."""

    vek: Vek
    path: tuple[Certificate, Certificate, Certificate] = field(repr=False)
    anchor: TrustAnchor


_chains: Final = BoundedCache[VerifiedChain](MAX_CACHED_CHAINS)
_links: Final = BoundedCache[bool](MAX_CACHED_LINKS)


def verify_chain(
    parts: Mapping[str, bytes],
    signing_key: str,
    *,
    endorsements: Endorsements,
    anchors: TrustAnchors,
) -> VerifiedChain:
    """Return the chain from the evidence's VEK to a pinned root.

    `signing_key` ("vcek" or "vlek") says which certificate of a table to take. Not checked: dates,
    revocation. Raises `EvidenceError`.
    """
    # An absent part is no digest and an empty one is that of nothing: they are not the same.
    given = (parts.get("vek"), parts.get("cert_table"))
    key = hashlib.sha256(
        b"".join(b"-" if part is None else b"+" + hashlib.sha256(part).digest() for part in given)
        + endorsements.digest
        + anchors.digest
        + signing_key.encode()
    ).digest()
    chain = _chains.get(key)
    if chain is None:
        vek, endorsements = _gather(parts, signing_key, endorsements)
        chain = _find_path(vek, endorsements, anchors)
        _chains.put(key, chain)
    return chain


def _gather(
    parts: Mapping[str, bytes], signing_key: str, endorsements: Endorsements
) -> tuple[Certificate, Endorsements]:
    """Return the VEK certificate and everything that may lie between it and the root."""
    vek = parse_certificate(parts["vek"]) if "vek" in parts else None
    if "cert_table" in parts:
        table = cert_table.parse_cert_table(parts["cert_table"])
        guid = cert_table.VLEK if signing_key == "vlek" else cert_table.VCEK
        of_table = cert_table.certificate_of(table, guid)
        if vek is not None and of_table is not None and vek.der != of_table.der:
            raise EvidenceError(Refusal.BINDING, "two different VEK certificates were given")
        vek = vek or of_table
        given = (
            cert_table.certificate_of(table, name) for name in (cert_table.ASK, cert_table.ARK)
        )
        endorsements = endorsements.with_certificates(one for one in given if one is not None)
    if vek is None:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, f"no {signing_key} certificate was given")
    return vek, endorsements


def _find_path(
    vek: Certificate, endorsements: Endorsements, anchors: TrustAnchors
) -> VerifiedChain:
    """Try every certificate that bears the issuer's name, the one valid longest first."""
    if not endorsements.certificates:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, "no CA certificates were given")
    issuers = [one for one in endorsements.certificates if one.subject == vek.issuer]
    if not issuers:
        raise _untrusted(vek.issuer_cn, "no certificate bears the VEK issuer's name")
    failures: list[EvidenceError] = []
    for issuer in sorted(issuers, key=lambda one: one.not_after, reverse=True):
        try:
            root, anchor = _pinned_root(issuer, endorsements, anchors)
            return _verify_path(vek, issuer, root, anchor)
        except EvidenceError as failure:
            failures.append(failure)
    untrusted = (one for one in failures if one.code is Refusal.UNTRUSTED_CHAIN)
    raise next(untrusted, failures[0])


def _pinned_root(
    issuer: Certificate, endorsements: Endorsements, anchors: TrustAnchors
) -> tuple[Certificate, TrustAnchor]:
    for root in endorsements.certificates:
        anchor = anchors.find(root.fingerprint)
        if anchor is not None and anchor.tee == "snp" and root.subject == issuer.issuer:
            return root, anchor
    raise _untrusted(issuer.issuer_cn, "chain does not end in a pinned root")


def _verify_path(
    vek: Certificate, issuer: Certificate, root: Certificate, anchor: TrustAnchor
) -> VerifiedChain:
    product = PRODUCTS[anchor.product]
    # Names: a VLEK must not pass under the ASK nor a VCEK under the ASVK; one ARK signs both.
    prefix = name_prefix(simulated=anchor.simulated)
    signing_key = "vlek" if vek.subject_cn == vek_name("vlek", prefix) else "vcek"
    expected = (vek_name(signing_key, prefix), intermediate_name(product, signing_key, prefix))
    if (vek.subject_cn, issuer.subject_cn) != expected:
        raise EvidenceError(Refusal.UNTRUSTED_CHAIN, f"names are not those of a {signing_key}")
    _check_constraints(vek, issuer, root)
    # Signatures: the root is pinned as a whole, so its own signature adds nothing.
    _verify_link(issuer, root)
    _verify_signature(vek, issuer)
    parsed = parse_vek(vek, signing_key=signing_key)
    if parsed.product is not product:
        raise EvidenceError(
            Refusal.PRODUCT_MISMATCH, f"VEK is of {parsed.product.name}, root of {product.name}"
        )
    return VerifiedChain(parsed, (vek, issuer, root), anchor)


def _check_constraints(vek: Certificate, issuer: Certificate, root: Certificate) -> None:
    # RFC 5280 section 6.1.4 (k) to (n), for a path of exactly two CA certificates.
    if not is_ca(issuer) or not is_ca(root) or BASIC_CONSTRAINTS in vek.extensions:
        raise EvidenceError(Refusal.UNTRUSTED_CHAIN, "CA flags are not those of the chain")
    if path_length(root) == 0:
        raise EvidenceError(Refusal.UNTRUSTED_CHAIN, "root allows no intermediate CA")
    for certificate in (vek, issuer, root):
        unknown = certificate.unknown_critical(_KNOWN_CRITICAL)
        if unknown is not None:
            raise EvidenceError(Refusal.UNTRUSTED_CHAIN, f"unknown critical extension {unknown}")


def _verify_link(child: Certificate, parent: Certificate) -> None:
    key = child.fingerprint + parent.fingerprint
    if _links.get(key) is None:
        _verify_signature(child, parent)
        _links.put(key, True)  # noqa: FBT003 - a set in the shape of a cache


def _verify_signature(child: Certificate, parent: Certificate) -> None:
    verify_pss_sha384(
        child.signature_algorithm,
        child.signature,
        child.tbs,
        parent.spki,
        refusal=Refusal.SIGNATURE_INVALID,
    )


def _untrusted(name: str, detail: str) -> EvidenceError:
    simulated = name.startswith(SIMULATED_PREFIX)
    code = Refusal.SIMULATED_NOT_TRUSTED if simulated else Refusal.UNTRUSTED_CHAIN
    return EvidenceError(code, detail)
