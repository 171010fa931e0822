"""Chains of Intel: to the pinned root, under the names Intel gives. Dates are not looked at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_CACHED_LINKS, MAX_PATH_CERTIFICATES
from attestation.trust import SIMULATED_PREFIX, TrustAnchors
from attestation.x509.certificate import Certificate, is_ca, parse_certificate
from attestation.x509.path import PathProfile, VerifiedPath, verify_path
from attestation.x509.pem import decode_block, split_pem
from attestation.x509.signatures import ECDSA_SHA256

_LABEL: Final = "CERTIFICATE"
PCK: Final = "Intel SGX PCK Certificate"
TCB_SIGNING: Final = "Intel SGX TCB Signing"
ROOT: Final = "Intel SGX Root CA"
# Common name of a PCK CA -> the short name Intel's services use.
PCK_CAS: Final = {
    "Intel SGX PCK Platform CA": "platform",
    "Intel SGX PCK Processor CA": "processor",
}
QUOTE_CHAIN: Final = PathProfile("intel", (ECDSA_SHA256,))
COLLATERAL_CHAIN: Final = PathProfile(
    "intel", (ECDSA_SHA256,), refusal=Refusal.COLLATERAL_SIGNATURE_INVALID
)


def parse_chain(pem: bytes) -> tuple[Certificate, ...]:
    """Return the certificates of a PEM chain as they come, leaf first; raise `EvidenceError`.

    Zero bytes may follow: in quotes the text ends as C strings do.
    """
    blocks = split_pem(pem.rstrip(b"\0"), label=_LABEL, limit=MAX_PATH_CERTIFICATES)
    return tuple(map(_parse, blocks))


@lru_cache(maxsize=MAX_CACHED_LINKS)
def _parse(block: bytes) -> Certificate:
    # Quote and collateral bring the same CA certificates.
    return parse_certificate(decode_block(block, label=_LABEL))


def verify_chain(
    path: Sequence[Certificate],
    names: Sequence[frozenset[str]],
    *,
    profile: PathProfile,
    anchors: TrustAnchors,
) -> VerifiedPath:
    """Return the path if it leads to a pinned root under these common names, leaf first.

    Names carry `SIMULATED-` if and only if the root is simulated. Not checked: dates, revocation.
    Raises `EvidenceError`.
    """
    found = verify_path(path, profile=profile, anchors=anchors)
    prefix = SIMULATED_PREFIX if found.anchor.simulated else ""
    if len(path) != len(names):
        raise _untrusted(f"chain has {len(path)} certificates, expected {len(names)}")
    for certificate, allowed in zip(path, names, strict=True):
        if not certificate.subject_cn.startswith(prefix):
            raise _untrusted("chain has a name that does not say it is simulated")
        if certificate.subject_cn[len(prefix) :] not in allowed:
            raise _untrusted(f"chain has an unexpected name: {certificate.subject_cn}")
    return found


def require_leaf(certificate: Certificate) -> None:
    """Refuse a certificate that may sign others where a leaf belongs."""
    if is_ca(certificate):
        raise _untrusted("leaf of the chain is a CA")


def _untrusted(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.UNTRUSTED_CHAIN, detail)
