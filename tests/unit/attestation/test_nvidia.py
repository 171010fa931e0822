"""NVIDIA devices and composites: what vectors do not show."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.x509 import ocsp

from attestation.appraise import appraise
from attestation.bundle import parse_bundle
from attestation.cases.case import Case
from attestation.cases.nvidia import run
from attestation.claims import VerifiedClaims
from attestation.composite import encode_devices
from attestation.composite_attester import composite_attester
from attestation.encoding import b64encode, canonical_json
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.limits import MAX_DEVICES, MAX_SUBMODS
from attestation.policy import EvidencePolicy, NvidiaPolicy
from attestation.reference import ReferenceValue, ReferenceValues
from attestation.report_data import ExpectedNonce, ExpectedReportData
from attestation.simulated.nvidia.devices import SimulatedDevices
from attestation.simulated.nvidia.faults import FAULTS, Fault
from attestation.simulated.nvidia.gpu import SimulatedGpu
from attestation.simulated.nvidia.models import MODELS
from attestation.simulated.snp.guest import SimulatedGuest
from attestation.trust import TrustAnchors
from attestation.trust_vector import Tier
from attestation.verifiers.nvidia.chain import parse_chain
from attestation.verifiers.nvidia.known_revocations import check_known
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from policies.claim_rows import devices as device_rows
from policies.claims import CLAIMS_OF
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA, make_silicon

STRICT = EvidencePolicy(nvidia=NvidiaPolicy(require_rim=True, require_ocsp=True))
REFUSED_AS = {
    Fault.REPLAYED_NONCE: "nonce-mismatch",
    Fault.OTHER_FIRMWARE: "no-endorsement",
    Fault.WRONG_MEASUREMENT: "measurement-mismatch",
    Fault.WRONG_FIRMWARE_ID: "binding",
    Fault.TRAILING_DATA: "trailing-data",
    Fault.TAMPERED: "signature-invalid",
    Fault.SIGNED_BY_OTHER_KEY: "signature-invalid",
    Fault.DEBUG: "debug-enabled",
    Fault.EXPIRED_LEAF: "cert-expired",
    Fault.FUTURE_LEAF: "cert-not-yet-valid",
    Fault.SIGNED_BY_STRANGER: "untrusted-chain",
    Fault.OTHER_DEVICE_KEY: "binding",
    Fault.MISSING_ISSUER: "untrusted-chain",
    Fault.DEVICE_ON_HOLD: "cert-on-hold",
    Fault.DEVICE_REVOKED: "cert-revoked",
}


def make(folder: Path, **options: Any) -> SimulatedDevices:
    return SimulatedDevices.create(
        folder, now=NOW, entropy=lambda size: hashlib.shake_256(b"x").digest(size), **options
    )


def check(
    made: SimulatedDevices,
    evidence: UnverifiedEvidence,
    expected: Any = None,
    policy: EvidencePolicy = STRICT,
) -> VerifiedClaims:
    return verify(
        evidence,
        report_data=expected or ExpectedReportData(REPORT_DATA),
        endorsements=made.endorsements(),
        policy=policy,
        anchors=TrustAnchors.vendor().with_simulated(made.roots_pem()),
        now=NOW,
    )


@pytest.mark.parametrize("model", MODELS)
def test_devices_of_every_model_verify_strictly(tmp_path: Path, model: str) -> None:
    made = make(tmp_path, model=model)
    claims = check(made, made.gpus[0].attest(REPORT_DATA))
    assert (claims.values["gpu.rim-checked"], claims.values["gpu.ocsp-checked"]) == (True, True)


def test_every_fault_is_refused_for_its_own_reason(tmp_path: Path) -> None:
    assert set(REFUSED_AS) == set(Fault)
    for fault, code in REFUSED_AS.items():
        model = "blackwell" if fault is Fault.DEBUG else "hopper"
        made = make(tmp_path / fault, model=model, faults=[fault])
        with pytest.raises(EvidenceError) as caught:
            check(made, made.gpus[0].attest(REPORT_DATA))
        assert caught.value.code == code, fault
    assert set(FAULTS) == {fault.value for fault in Fault}


def test_a_folder_keeps_its_devices(tmp_path: Path) -> None:
    made = make(tmp_path, count=2, faults=["debug"])
    again = SimulatedDevices.load(tmp_path)
    assert again.gpus[1].attest(REPORT_DATA).parts == made.gpus[1].attest(REPORT_DATA).parts
    assert (tmp_path / "root.pem").read_bytes() == again.roots_pem()
    bundle = parse_bundle((tmp_path / "endorsements.json").read_bytes())
    assert bundle.to_endorsements().documents == made.endorsements().documents
    with pytest.raises(FileExistsError):
        make(tmp_path)
    (tmp_path / "vendor.secret").write_bytes(b"")
    with pytest.raises(EvidenceError, match="lost"):
        SimulatedDevices.load(tmp_path)
    (tmp_path / "state.json").write_bytes(b"{}")
    with pytest.raises(EvidenceError, match="state"):
        SimulatedDevices.load(tmp_path)
    with pytest.raises(EvidenceError, match="holds no"):
        SimulatedDevices.load(tmp_path / "nowhere")


@pytest.mark.parametrize("options", [{"model": "none"}, {"count": 0}, {"faults": ["none"]}])
def test_devices_that_cannot_be_simulated(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        make(tmp_path, **options)


def test_devices_take_their_own_sizes_only(tmp_path: Path) -> None:
    gpu = make(tmp_path).gpus[0]
    with pytest.raises(ValueError, match="64"):
        gpu.attest(bytes(32))
    with pytest.raises(ValueError, match="32"):
        gpu.attest_nonce(bytes(64))


@pytest.mark.parametrize("nonce", [bytes(32), b"short"])
def test_an_empty_nonce_is_no_expectation(nonce: bytes) -> None:
    with pytest.raises(ValueError):
        ExpectedNonce(nonce)
    assert ExpectedNonce(b"n" * 32).shown == (b"n" * 32).hex()


@pytest.mark.parametrize("names", [frozenset(), frozenset({"ampere"})])
def test_policy_names_known_architectures(names: frozenset[str]) -> None:
    with pytest.raises(ValueError, match="architectures"):
        NvidiaPolicy(architectures=names)


def test_revocation_is_checked_when_the_chain_is_remembered(tmp_path: Path) -> None:
    made = make(tmp_path / "good")
    held = make(tmp_path / "held", faults=[Fault.DEVICE_ON_HOLD])
    evidence = made.gpus[0].attest(REPORT_DATA)
    check(made, evidence)
    with pytest.raises(EvidenceError, match="cert-on-hold"):
        check(held, evidence)
    with pytest.raises(EvidenceError, match="collateral-expired"):
        verify(
            evidence,
            report_data=ExpectedReportData(REPORT_DATA),
            endorsements=made.endorsements(),
            policy=STRICT,
            anchors=TrustAnchors.vendor().with_simulated(made.roots_pem()),
            now=NOW + timedelta(days=366),
        )


def test_simulated_responses_are_read_by_another_implementation(tmp_path: Path) -> None:
    vendor = make(tmp_path).vendor
    for status, name in (("good", "GOOD"), (6, "REVOKED"), ("unknown", "UNKNOWN")):
        device = vendor.device_authority(0).certificate
        data = vendor.ocsp(device, vendor.provisioner[0], status=status)
        read = ocsp.load_der_ocsp_response(data)
        assert read.certificate_status.name == name
        assert read.serial_number == x509.load_der_x509_certificate(device).serial_number
    assert (
        ocsp.load_der_ocsp_response(
            vendor.ocsp(device, vendor.provisioner[0], status=6)
        ).revocation_reason
        is x509.ReasonFlags.certificate_hold
    )


def composite(tmp_path: Path, **options: Any) -> VerifiedClaims:
    made = make(tmp_path, count=2)
    silicon = make_silicon()
    guest = SimulatedGuest(silicon, lambda: silicon, MEASUREMENT)
    roots = made.roots_pem() + x509_pem(silicon.root())
    documents = made.endorsements().documents if options.pop("documents", True) else ()
    return verify(
        composite_attester(guest, made.gpus).attest(REPORT_DATA),
        report_data=ExpectedReportData(REPORT_DATA),
        endorsements=Endorsements.parse(
            [silicon.intermediate("vcek"), silicon.root()], [silicon.crl()], documents
        ),
        policy=EvidencePolicy(),
        anchors=TrustAnchors.vendor().with_simulated(roots),
        now=NOW,
    )


def x509_pem(der: bytes) -> bytes:
    return encode_pem("CERTIFICATE", der)


def test_every_device_is_appraised(tmp_path: Path) -> None:
    known = ReferenceValues.of([ReferenceValue("snp", MEASUREMENT, "ours")])
    result = appraise(composite(tmp_path / "checked"), known)
    assert list(result.submods) == ["snp", "gpu-0", "gpu-1"]
    assert result.submods["gpu-0"].vector["executables"] == 3
    assert (result.status, result.simulated) == (Tier.WARNING, True)
    unchecked = appraise(composite(tmp_path / "unchecked", documents=False), known)
    assert unchecked.submods["gpu-0"].vector["executables"] == 0
    assert MAX_SUBMODS == MAX_DEVICES + 1


def test_the_worst_device_counts(tmp_path: Path) -> None:
    claims = composite(tmp_path, documents=False)
    known = ReferenceValues.of([ReferenceValue("snp", MEASUREMENT, "ours")])
    real = replace(claims, simulated=False)
    assert appraise(replace(real, devices=()), known).status is Tier.AFFIRMING
    devices = tuple(replace(one, simulated=False) for one in claims.devices)
    assert appraise(replace(real, devices=devices), known).status is Tier.NONE


def test_a_known_device_measurement_counts_as_checked(tmp_path: Path) -> None:
    claims = composite(tmp_path, documents=False)
    gpu = claims.devices[0]
    known = ReferenceValues.of([ReferenceValue("nvidia", gpu.measurement, "gpu")])
    assert appraise(claims, known).submods["gpu-0"].reference == "gpu"
    other = ReferenceValues.of([ReferenceValue("nvidia", bytes(48), "gpu")])
    assert appraise(claims, other).submods["gpu-0"].vector["executables"] == 33


def test_the_list_of_devices_is_canonical_json(tmp_path: Path) -> None:
    reports = [gpu.attest(REPORT_DATA) for gpu in make(tmp_path, count=2).gpus]
    wires = [one.to_wire() for one in reports]
    assert encode_devices(reports) == canonical_json(wires)
    assert encode_devices([]) == canonical_json([])


def test_processors_without_room_for_devices(tmp_path: Path) -> None:
    gpu = make(tmp_path).gpus[0]
    with pytest.raises(ValueError, match="nvidia has no devices"):
        composite_attester(gpu, [gpu])
    silicon = make_silicon()
    guest = SimulatedGuest(silicon, lambda: silicon, MEASUREMENT)
    for count in (0, MAX_DEVICES + 1):
        with pytest.raises(ValueError, match=f"{count} devices"):
            composite_attester(guest, [gpu] * count)


def test_policies_know_every_claim_about_devices(tmp_path: Path) -> None:
    values = composite(tmp_path).values
    said = {name for name in values if name.startswith("devices.")}
    assert said == {row.name for row in device_rows.ROWS}
    assert said <= CLAIMS_OF["snp"].keys()


def test_other_devices_are_not_the_same(tmp_path: Path) -> None:
    one = make(tmp_path).gpus[0]
    other = SimulatedGpu(one.vendor, 1)
    assert one.attest(REPORT_DATA).parts["chain"] != other.attest(REPORT_DATA).parts["chain"]


def listed(tmp_path: Path, **changes: Any) -> list[dict[str, Any]]:
    parts = make(tmp_path).gpus[0].attest(REPORT_DATA).parts
    device = {
        "arch": "HOPPER",
        "certificate": b64encode(parts["chain"]),
        "evidence": b64encode(parts["report"]),
        "nonce": hashlib.sha256(REPORT_DATA).hexdigest(),
    }
    return [device | changes]


def test_cases_trust_no_simulated_device(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="simulated-not-trusted"):
        run(Case({"evidence": json.dumps(listed(tmp_path)).encode()}, NOW))
    with pytest.raises(EvidenceError, match="malformed"):
        run(Case({"report": b"", "chain": b""}, NOW))


@pytest.mark.parametrize("document", [{}, [], [7], [{"arch": "HOPPER"}]])
def test_cases_are_lists_of_devices(document: Any) -> None:
    with pytest.raises(EvidenceError, match="malformed"):
        run(Case({"evidence": json.dumps(document).encode()}, NOW))


def test_members_of_a_case_are_texts(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no string"):
        run(Case({"evidence": json.dumps(listed(tmp_path, nonce=7)).encode()}, NOW))


def test_known_device_with_its_certificate_spelled_in_the_other_way() -> None:
    """(r, s) and (r, n - s) are both signatures by the issuer; the device is the same."""
    vectors = Path(__file__).parents[2] / "vectors" / "nvidia"
    (chain,) = (vectors / "common").glob("c991a911916c2028.chain.bin")
    device = parse_chain(chain.read_bytes())[1]
    order = 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D
    r, s = decode_dss_signature(device.signature)
    other = replace(device, signature=encode_dss_signature(r, order - s), fingerprint=bytes(32))
    for one in (device, other):
        with pytest.raises(EvidenceError, match="cert-on-hold"):
            check_known([one])
