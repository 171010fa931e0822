"""No bit of an accepted device's evidence, nor of what its vendor signed, can change unnoticed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping

import pytest

from attestation.claims import VerifiedClaims
from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, NvidiaPolicy
from attestation.report_data import ExpectedReportData
from attestation.signed_xml.canonical import canonicalize
from attestation.signed_xml.tree import parse_xml
from attestation.simulated.nvidia.gpu import SimulatedGpu
from attestation.simulated.nvidia.models import MODELS
from attestation.simulated.nvidia.vendor import Vendor
from attestation.trust import TrustAnchors
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import NOW, REPORT_DATA

VENDOR = Vendor(hashlib.sha384(b"bits").digest(), NOW, MODELS["hopper"])
GPU = SimulatedGpu(VENDOR)
KEY = GPU.device_key()
# DER, so that every bit is one of a certificate.
PARTS = {"report": GPU.attest(REPORT_DATA).parts["report"], "chain": b"".join(KEY.chain)}
ANCHORS = TrustAnchors.vendor().with_simulated(
    b"".join(encode_pem("CERTIFICATE", one.certificate) for one in (VENDOR.root, VENDOR.rim_root))
)
RIMS, OCSP = VENDOR.rims(), VENDOR.ocsp_responses([0])
STRICT = EvidencePolicy(nvidia=NvidiaPolicy(require_rim=True, require_ocsp=True))


def verified(
    parts: Mapping[str, bytes],
    rims: list[bytes] = RIMS,
    ocsp: list[bytes] = OCSP,
    policy: EvidencePolicy = STRICT,
) -> VerifiedClaims:
    documents = [GivenDocument.of(DocumentKind.NVIDIA_RIM, one) for one in rims]
    documents += [GivenDocument.of(DocumentKind.OCSP, one) for one in ocsp]
    return verify(
        UnverifiedEvidence("nvidia", parts),
        report_data=ExpectedReportData(REPORT_DATA),
        endorsements=Endorsements.parse([], [], documents),
        policy=policy,
        anchors=ANCHORS,
        now=NOW,
    )


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def sample(data: bytes, count: int) -> list[int]:
    return sorted(random.Random(11).sample(range(len(data) * 8), count))


def test_the_untouched_evidence_is_accepted() -> None:
    claims = verified(PARTS)
    assert claims.values["gpu.rim-checked"] is True
    assert claims.values["gpu.ocsp-checked"] is True


@pytest.mark.parametrize("part", ["report", "chain"])
def test_any_flipped_bit_of_evidence_is_refused(part: str) -> None:
    plain = EvidencePolicy()
    for bit in sample(PARTS[part], 1200):
        with pytest.raises(EvidenceError):
            verified(PARTS | {part: flipped(PARTS[part], bit)}, [], [], plain)


def test_every_length_but_its_own_is_refused() -> None:
    report = PARTS["report"]
    for size in range(0, len(report), 41):
        with pytest.raises(EvidenceError):
            verified(PARTS | {"report": report[:size]}, [], [], EvidencePolicy())


def test_any_flipped_bit_of_an_ocsp_response_is_refused() -> None:
    # The device's own answer, which the policy demands: what does not speak of it is missing.
    for bit in sample(OCSP[0], 600):
        with pytest.raises(EvidenceError):
            verified(PARTS, RIMS, [flipped(OCSP[0], bit), *OCSP[1:]])


def test_any_flipped_bit_of_a_manifest_is_refused_or_means_the_same() -> None:
    """Some bits are no content: which kind of white space is in a tag or in base64, for one."""
    meant = canonicalize(parse_xml(RIMS[1]))
    free = 0
    for bit in sample(RIMS[1], 400):
        changed = flipped(RIMS[1], bit)
        try:
            claims = verified(PARTS, [RIMS[0], changed])
        except EvidenceError:
            continue
        free += 1
        assert claims.values["gpu.rim-checked"] is True
        signed = canonicalize(parse_xml(changed))
        body = meant.index(b"<ds:Signature ")
        assert signed[:body] == meant[:body]
    assert free < 8
