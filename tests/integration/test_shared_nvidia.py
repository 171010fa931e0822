"""Real NVIDIA reports and manifests, as they are and broken, where the shared folder is there."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from attestation.cases.case import Case
from attestation.cases.nvidia import run
from attestation.encoding import b64decode, b64encode
from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, NvidiaPolicy
from attestation.report_data import ExpectedNonce, UnsafeAnyReportData
from attestation.trust import TrustAnchors
from attestation.verifiers.nvidia.rim import parse_rim
from attestation.verify import verify
from attestation.x509.pem import parse_pem

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "evidence" / "nvidia"
NOW = datetime(2025, 6, 1, tzinfo=UTC)
REPORT, CHAIN = "sdk-hopper-report.report.bin", "sdk-hopper-report.chain.pem"
RIMS = ("NV_GPU_DRIVER_GH100_550.90.07.xml", "NV_GPU_VBIOS_1010_0200_882_96009F0001.xml")

pytestmark = pytest.mark.skipif(
    not (FOLDER / REPORT).is_file(),
    reason="real evidence is not beside this checkout (../shared/evidence)",
)


def read(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def run_list(devices: list[dict[str, Any]]) -> dict[str, Any]:
    return run(Case({"evidence": json.dumps(devices).encode()}, NOW))


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(EvidenceError) as caught:
        call()
    return caught.value.code.value


def check(report: bytes, chain: bytes, **options: Any) -> Any:
    arguments: dict[str, Any] = {
        "report_data": UnsafeAnyReportData(),
        "endorsements": Endorsements.none(),
        "policy": EvidencePolicy(),
        "anchors": TrustAnchors.vendor(),
        "now": NOW,
    }
    evidence = UnverifiedEvidence("nvidia", {"report": report, "chain": chain})
    return verify(evidence, **(arguments | options))


@pytest.mark.parametrize("name", ["sdk-hopper", "sdk-switch-ls10"])
def test_a_list_is_read_device_by_device(name: str) -> None:
    (device,) = json.loads(read(f"{name}.evidence.json"))
    (claims,) = run_list([device])["devices"]
    assert claims["report-data"] == device["nonce"]
    assert len(run_list([device, device])["devices"]) == 2
    assert not claims["simulated"]
    assert claims["gpu.unknown-fields"] == ""


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"nonce": "00" * 32}, "nonce-mismatch"),
        ({"arch": "BLACKWELL"}, "product-mismatch"),
        ({"arch": 7}, "malformed"),
        ({"evidence": "AA"}, "malformed"),
        ({"certificate": ""}, "malformed"),
        ({"more": ""}, "malformed"),
    ],
)
def test_a_changed_member_is_refused(changes: dict[str, Any], code: str) -> None:
    (device,) = json.loads(read("sdk-hopper.evidence.json"))
    assert code_of(lambda: run_list([device, device | changes])) == code


@pytest.mark.parametrize("document", ["{}", "[]", "[1]", '["a"]'])
def test_other_documents_are_no_evidence(document: str) -> None:
    assert code_of(lambda: run(Case({"evidence": document.encode()}, NOW))) == "malformed"


def test_the_real_nonce_is_compared() -> None:
    report, chain = read(REPORT), read(CHAIN)
    nonce = report[4:36]
    assert check(report, chain, report_data=ExpectedNonce(nonce)).report_data == nonce
    other = ExpectedNonce(bytes(31) + b"\1")
    assert code_of(lambda: check(report, chain, report_data=other)) == "nonce-mismatch"


def test_real_evidence_broken_anywhere_is_refused() -> None:
    report, chain = read(REPORT), read(CHAIN)
    for bit in random.Random(3).sample(range(len(report) * 8), 300):
        changed = bytearray(report)
        changed[bit // 8] ^= 1 << bit % 8
        code = code_of(lambda changed=changed: check(bytes(changed), chain))
        assert code in {"signature-invalid", "malformed"}
    assert code_of(lambda: check(report[:-1], chain)) == "malformed"
    assert code_of(lambda: check(report + b"\1", chain)) == "trailing-data"
    assert check(report + b"\0", chain)


def test_the_chain_in_der_and_without_its_root() -> None:
    ders = parse_pem(read(CHAIN), label="CERTIFICATE", limit=8)
    report = read(REPORT)
    assert check(report, b"".join(ders)).values["gpu.chip"] == "GH100"
    assert code_of(lambda: check(report, b"".join(ders[:-1]))) == "untrusted-chain"
    root = Endorsements.parse([read("roots/device-identity-root.pem")])
    assert check(report, b"".join(ders[:-1]), endorsements=root)
    assert code_of(lambda: check(report, b"".join(ders[1:]))) == "untrusted-chain"
    assert code_of(lambda: check(report, b"".join([ders[0], *ders[2:]]))) == "untrusted-chain"


def test_the_chain_of_another_device() -> None:
    (other,) = json.loads(read("sdk-hopper.evidence.json"))
    chain = b64decode(other["certificate"], what="certificate")
    assert code_of(lambda: check(read(REPORT), chain)) == "signature-invalid"


def test_a_held_device_is_refused_however_it_comes() -> None:
    (device,) = json.loads(read("sdk-hopper-cert-hold.evidence.json"))
    report = b64decode(device["evidence"], what="evidence")
    pem = b64decode(device["certificate"], what="certificate")
    ders = parse_pem(pem, label="CERTIFICATE", limit=8)
    assert code_of(lambda: check(report, pem)) == "cert-on-hold"
    assert code_of(lambda: check(report, b"".join(ders))) == "cert-on-hold"


@pytest.mark.parametrize(("name", "active"), [(RIMS[0], 21), (RIMS[1], 12)])
def test_real_manifests_verify(name: str, active: int) -> None:
    rim = parse_rim(read(f"rim/{name}"), anchors=TrustAnchors.vendor())
    assert (rim.product, rim.is_switch, len(rim.golden)) == ("GH100", False, active)
    assert not rim.path.anchor.simulated
    text = read(f"rim/{name}").decode()
    changed = text.replace('active="True"', 'active="False"', 1).encode()
    assert (
        code_of(lambda: parse_rim(changed, anchors=TrustAnchors.vendor()))
        == "collateral-signature-invalid"
    )


def test_manifests_of_other_versions_do_not_count() -> None:
    documents = [GivenDocument.of(DocumentKind.NVIDIA_RIM, read(f"rim/{name}")) for name in RIMS]
    given = Endorsements.parse([], [], documents)
    claims = check(read(REPORT), read(CHAIN), endorsements=given)
    assert claims.values["gpu.rim-checked"] is False
    wanted = EvidencePolicy(nvidia=NvidiaPolicy(require_rim=True))
    code = code_of(lambda: check(read(REPORT), read(CHAIN), endorsements=given, policy=wanted))
    assert code == "no-endorsement"


def test_evidence_survives_its_own_encoding() -> None:
    (device,) = json.loads(read("sdk-hopper.evidence.json"))
    report = b64decode(device["evidence"], what="evidence")
    assert run_list([device | {"evidence": b64encode(report + b"\0")}])["devices"]
