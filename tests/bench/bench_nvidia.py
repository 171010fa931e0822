"""NVIDIA verification against the bare sum of its primitives, chain and manifests remembered."""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from attestation.composite_attester import composite_attester
from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.policy import EvidencePolicy, NvidiaPolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated.nvidia.gpu import SimulatedGpu
from attestation.simulated.nvidia.models import MODELS
from attestation.simulated.nvidia.vendor import Vendor
from attestation.simulated.snp.guest import SimulatedGuest
from attestation.trust import TrustAnchors
from attestation.verifiers.nvidia import chain as chains
from attestation.verifiers.nvidia import rim as rims
from attestation.verifiers.nvidia.report import parse_report
from attestation.verify import verify
from attestation.x509 import path as paths
from attestation.x509.certificate import parse_certificate
from attestation.x509.pem import encode_pem
from tests.bench import bench_snp
from tests.bench.bench_snp import best_of, row
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA

VENDOR = Vendor(hashlib.sha384(b"bench").digest(), NOW, MODELS["hopper"])
GPU = SimulatedGpu(VENDOR)
EVIDENCE = GPU.attest(REPORT_DATA)
ANCHORS = TrustAnchors.vendor().with_simulated(
    b"".join(encode_pem("CERTIFICATE", one.certificate) for one in (VENDOR.root, VENDOR.rim_root))
)
RIMS = [GivenDocument.of(DocumentKind.NVIDIA_RIM, one) for one in VENDOR.rims()]
EXPECTED = ExpectedReportData(REPORT_DATA)


def verification(endorsements: Endorsements, policy: EvidencePolicy) -> None:
    verify(
        EVIDENCE,
        report_data=EXPECTED,
        endorsements=endorsements,
        policy=policy,
        anchors=ANCHORS,
        now=NOW,
    )


def from_nothing() -> None:
    for cache in (chains._chains, rims._rims, paths._paths):
        cache._items.clear()
    verification(Endorsements.parse([], [], RIMS), EvidencePolicy())


def bare_report() -> Callable[[], object]:
    """The report's signature, its key loaded."""
    report = parse_report(EVIDENCE.parts["report"])
    key = load_der_public_key(parse_certificate(GPU.device_key().chain[0]).spki)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    signature, scheme = encode_dss_signature(report.r, report.s), ec.ECDSA(hashes.SHA384())
    return lambda: key.verify(signature, report.signed, scheme)


def composite() -> tuple[Callable[[], object], Callable[[], object]]:
    """Return the verification of a processor with two GPUs, and its bare primitives.

    Three signatures; and the list of devices is JSON with base64 in it, which has to be read.
    """
    gpus = [GPU, SimulatedGpu(VENDOR, 1)]
    guest = SimulatedGuest(bench_snp.SILICON, lambda: bench_snp.SILICON, MEASUREMENT)
    evidence = composite_attester(guest, gpus).attest(REPORT_DATA)
    endorsements = Endorsements.parse(bench_snp.CHAIN, [bench_snp.SILICON.crl()])
    roots = [bench_snp.SILICON.root(), VENDOR.root.certificate]
    anchors = TrustAnchors.vendor().with_simulated(
        b"".join(encode_pem("CERTIFICATE", one) for one in roots)
    )
    policy, processor, device = EvidencePolicy(), bench_snp.bare_report(), bare_report()

    def whole() -> object:
        return verify(
            evidence,
            report_data=EXPECTED,
            endorsements=endorsements,
            policy=policy,
            anchors=anchors,
            now=NOW,
        )

    def bare() -> None:
        for listed in json.loads(evidence.parts["devices"]):
            for name in ("report", "chain"):
                binascii.a2b_base64(listed[name], strict_mode=True)
        for run in (processor, device, device):
            run()

    return whole, bare


def rows() -> list[dict[str, Any]]:
    """Return a row without and one with manifests, and one with nothing remembered."""
    plain, strict = EvidencePolicy(), EvidencePolicy(nvidia=NvidiaPolicy(require_rim=True))
    without, given = Endorsements.none(), Endorsements.parse([], [], RIMS)
    warm, checked, bare = best_of(
        lambda: verification(without, plain), lambda: verification(given, strict), bare_report()
    )
    together, parts = best_of(*composite())
    (cold,) = best_of(from_nothing)
    return [
        row("nvidia verification, chain remembered", warm, bare, 1.3),
        row("nvidia verification, chain and manifests remembered", checked, bare, 1.3),
        # Besides the three verifications, 22 KB of JSON are read exactly.
        row("composite of a processor and two GPUs", together, parts, 1.3),
        # Reads nine certificates and two manifests, and verifies twelve signatures.
        row("nvidia verification, from nothing", cold, bare, None),
    ]
