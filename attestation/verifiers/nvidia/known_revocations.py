"""Devices known to be revoked when this was released.

A short list inside the package, as browsers have one, because a verifier that is offline and was
given no OCSP response sees nothing else. It only ever refuses: what is not on it may have been
revoked since, and a hold that was lifted needs a newer release.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.x509.certificate import Certificate

# SHA-256 of the whole certificate -> why it must not count.
KNOWN: Final[Mapping[bytes, Refusal]] = MappingProxyType(
    {
        # GH100 A01 GSP BROM, serial 41AD48FF92CDC93D9A. NVIDIA's OCSP responder says
        # certificateHold; NVIDIA/attestation-sdk 73c032e ships the device as that example
        # (common-test-data/serialized_test_evidence/hopper_evidence_cert_hold.json).
        bytes.fromhex(
            "e6f738a059710cc5d0ac362661caf54bce599e92e2b325c956ab83147d3e3b44"
        ): Refusal.CERT_ON_HOLD,
        # A simulated device, so that the vectors show the list at work.
        bytes.fromhex(
            "b5335fbf4a88fcdb7dfd728e1f6c35565e7af6f626870ea3147fb1c6eb8aa68b"
        ): Refusal.CERT_ON_HOLD,
    }
)


def check_known(path: Iterable[Certificate]) -> None:
    """Refuse a certificate that was known to be revoked or on hold."""
    for certificate in path:
        code = KNOWN.get(certificate.fingerprint)
        if code is not None:
            raise EvidenceError(code, f"{certificate.subject_cn} is on the packaged list")
