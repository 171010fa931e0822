"""NVIDIA: reports, chains, manifests, OCSP responses; and the list of devices of a composite."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from attestation.composite import parse_devices
from attestation.composite_attester import composite_attester
from attestation.signed_xml.canonical import canonicalize
from attestation.signed_xml.signature import parse_signature
from attestation.signed_xml.tree import parse_xml
from attestation.simulated.nvidia.gpu import SimulatedGpu
from attestation.simulated.nvidia.models import MODELS
from attestation.simulated.nvidia.vendor import Vendor
from attestation.simulated.snp.guest import SimulatedGuest
from attestation.trust import TrustAnchors
from attestation.verifiers.nvidia.chain import parse_chain
from attestation.verifiers.nvidia.fields import read_fields
from attestation.verifiers.nvidia.fwid import firmware_of
from attestation.verifiers.nvidia.report import parse_report
from attestation.verifiers.nvidia.rim import parse_rim
from attestation.x509.certificate import parse_certificate
from attestation.x509.ocsp import parse_ocsp
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA, make_silicon
from tests.fuzz.target import Target

VENDORS = [Vendor(hashlib.sha384(b"fuzz").digest(), NOW, model) for model in MODELS.values()]
HOPPER = VENDORS[0]
ANCHORS = TrustAnchors.vendor().with_simulated(
    encode_pem("CERTIFICATE", HOPPER.rim_root.certificate)
)


def _parts(name: str) -> Callable[[], list[bytes]]:
    return lambda: [SimulatedGpu(one).attest(REPORT_DATA).parts[name] for one in VENDORS]


def _report(data: bytes) -> object:
    return read_fields(parse_report(data).opaque)


def _xml(data: bytes) -> object:
    root = parse_xml(data)
    return canonicalize(root), parse_signature(root)


def _rim(data: bytes) -> object:
    return parse_rim(data, anchors=ANCHORS)


def _firmware(data: bytes) -> object:
    return firmware_of(parse_certificate(data))


def _devices() -> list[bytes]:
    silicon = make_silicon()
    guest = SimulatedGuest(silicon, lambda: silicon, MEASUREMENT)
    gpus = [SimulatedGpu(HOPPER, number) for number in range(2)]
    return [composite_attester(guest, gpus).attest(REPORT_DATA).parts["devices"]]


TARGETS = [
    Target("nvidia-report", _report, _parts("report")),
    Target("nvidia-chain", parse_chain, _parts("chain")),
    Target(
        "nvidia-firmware",
        _firmware,
        lambda: [SimulatedGpu(one).device_key().chain[0] for one in VENDORS],
    ),
    Target("signed-xml", _xml, lambda: [HOPPER.rim("vbios")]),
    Target("nvidia-rim", _rim, HOPPER.rims),
    Target("ocsp", parse_ocsp, lambda: HOPPER.ocsp_responses([0])),
    Target("composite-devices", parse_devices, _devices),
]
