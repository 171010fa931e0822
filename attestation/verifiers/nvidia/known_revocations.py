"""Devices known to be revoked when this was released.

A short list inside the package, as browsers have one, because a verifier that is offline and was
given no OCSP response sees nothing else. It only ever refuses: what is not on it may have been
revoked since, and a hold that was lifted needs a newer release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.x509.certificate import Certificate

# SHA-256 of what the issuer signed -> why it must not count. Not of the whole certificate: anybody
# can write an ECDSA signature (r, s) as (r, n - s), which gives a device a second certificate.
KNOWN: Final[Mapping[bytes, Refusal]] = MappingProxyType(
    {
        # GH100 A01 GSP BROM, serial 41AD48FF92CDC93D9A. NVIDIA's OCSP responder says
        # certificateHold; NVIDIA/attestation-sdk 73c032e ships the device as that example
        # (common-test-data/serialized_test_evidence/hopper_evidence_cert_hold.json).
        bytes.fromhex(
            "a54d9baec13534e6e6f48fecd7bd3815a026a8553b945af3cf8c66e8fc2e2262"
        ): Refusal.CERT_ON_HOLD,
        # A simulated device, so that the vectors show the list at work.
        bytes.fromhex(
            "991817c706567686ddf4282dd58195de90142f0b221e040a99fd9cb0d27b3dfd"
        ): Refusal.CERT_ON_HOLD,
    }
)


def check_known(path: Iterable[Certificate]) -> None:
    """Refuse a certificate that was known to be revoked or on hold."""
    for certificate in path:
        code = KNOWN.get(hashlib.sha256(certificate.tbs).digest())
        if code is not None:
            raise EvidenceError(code, f"{certificate.subject_cn} is on the packaged list")
