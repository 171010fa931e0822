"""Roots of trust: pinned by the SHA-256 of the whole certificate, in code, per product.

The certificates themselves come as input (`attestation.endorsements`) and count only if their
digest is here. ADR 0004 says where the digests come from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_CERTIFICATES
from attestation.policy import SNP_PRODUCTS
from attestation.x509.certificate import parse_certificate
from attestation.x509.pem import parse_pem

# What every name of simulated silicon starts with, and no vendor's does.
SIMULATED_PREFIX: Final = "SIMULATED-"

_AMD_ARKS: Final = {
    "milan": "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
    "genoa": "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
    "turin": "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
}


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """One root: for which TEE and product it speaks, and whether its silicon is simulated."""

    tee: str
    product: str
    fingerprint: bytes
    simulated: bool


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """The roots a verification may end in. Build with `vendor()`; there is no other start."""

    _by_fingerprint: Mapping[bytes, TrustAnchor]
    digest: bytes = field(repr=False)

    @classmethod
    def vendor(cls) -> TrustAnchors:
        """Return the pinned vendor roots, all of real silicon."""
        anchors = (
            TrustAnchor("snp", product, bytes.fromhex(digest), simulated=False)
            for product, digest in _AMD_ARKS.items()
        )
        return cls._of({anchor.fingerprint: anchor for anchor in anchors})

    @classmethod
    def _of(cls, anchors: dict[bytes, TrustAnchor]) -> TrustAnchors:
        # Product and kind follow from the certificate, so its fingerprint names the anchor.
        return cls(MappingProxyType(anchors), hashlib.sha256(b"".join(sorted(anchors))).digest())

    def with_simulated(self, root_pem: bytes) -> TrustAnchors:
        """Return these roots and the simulated ones in `root_pem`.

        Every result that rests on one of them says `simulated`. Raises `EvidenceError`
        `bad-trust-anchor` for a certificate that does not say in its name that it is simulated:
        this is no way to trust a further vendor.
        """
        anchors = dict(self._by_fingerprint)
        for der in parse_pem(root_pem, label="CERTIFICATE", limit=MAX_CERTIFICATES):
            certificate = parse_certificate(der)
            product = _simulated_product(certificate.subject_cn)
            anchors[certificate.fingerprint] = TrustAnchor(
                "snp", product, certificate.fingerprint, simulated=True
            )
        return TrustAnchors._of(anchors)

    def find(self, fingerprint: bytes) -> TrustAnchor | None:
        """Return the root with this certificate digest, if it is trusted."""
        return self._by_fingerprint.get(fingerprint)


def _simulated_product(common_name: str) -> str:
    for product in SNP_PRODUCTS:
        if common_name == f"{SIMULATED_PREFIX}ARK-{product.title()}":
            return product
    raise EvidenceError(Refusal.BAD_TRUST_ANCHOR, "root does not call itself simulated silicon")
