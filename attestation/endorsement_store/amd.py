"""AMD Key Distribution Service: VCEKs, CA certificates, revocation lists.

AMD document 57230 (VCEK certificate and KDS interface), chapter 4; reference paths are those of
the VLEK endpoints as well.
"""

from __future__ import annotations

from typing import Final

from attestation.bundle import CERTIFICATE, CRL
from attestation.endorsement_store.fetched import Errand, Fetched, source_of
from attestation.endorsement_store.wanted import SnpCertificates, SnpChipKey, SnpRevocations
from attestation.errors import EvidenceError, Refusal
from attestation.verifiers.snp.products import PRODUCTS
from attestation.x509.pem import der_blobs

# How KDS calls the parts of a TCB in a query.
_SPL: Final = (
    ("fmc", "fmcSPL"),
    ("bootloader", "blSPL"),
    ("tee", "teeSPL"),
    ("snp", "snpSPL"),
    ("microcode", "ucodeSPL"),
)
_CHAIN_CERTIFICATES: Final = 2


def fetch_certificates(wanted: SnpCertificates, errand: Errand) -> list[Fetched]:
    """Return ASK or ASVK and ARK, in that order. Not checked: that they are that."""
    url = _url(errand, wanted.signing_key, wanted.product, "cert_chain")
    listed = der_blobs(errand.get(url).body, label="CERTIFICATE", limit=_CHAIN_CERTIFICATES)
    if len(listed) != _CHAIN_CERTIFICATES:
        raise EvidenceError(Refusal.MALFORMED, f"chain has {len(listed)} certificates, expected 2")
    return [Fetched(CERTIFICATE, one, source_of(url)) for one in listed]


def fetch_revocations(wanted: SnpRevocations, errand: Errand) -> list[Fetched]:
    """Return the revocation list of the product's ARK. Not checked: that it is that."""
    url = _url(errand, wanted.signing_key, wanted.product, "crl")
    return [Fetched(CRL, one, source_of(url)) for one in _one(errand, url, "X509 CRL")]


def fetch_chip_key(wanted: SnpChipKey, errand: Errand) -> list[Fetched]:
    """Return the VCEK certificate of a chip. Not checked: that it is that."""
    tcb = wanted.kind.tcb
    levels = (f"{name}={wanted.tcb[tcb[part]]:02d}" for part, name in _SPL if part in tcb)
    path = _url(errand, "vcek", wanted.product, wanted.chip_id.hex())
    url = f"{path}?{'&'.join(levels)}"
    return [Fetched(CERTIFICATE, one, source_of(url)) for one in _one(errand, url, "CERTIFICATE")]


def _url(errand: Errand, signing_key: str, product: str, last: str) -> str:
    return f"{errand.urls.amd_kds}/{signing_key}/v1/{PRODUCTS[product].title}/{last}"


def _one(errand: Errand, url: str, label: str) -> list[bytes]:
    return der_blobs(errand.get(url).body, label=label, limit=1)
