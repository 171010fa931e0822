"""Every vector of docs/specs/evidence-composite.md."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from attestation.claims import VerifiedClaims
from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, NvidiaPolicy
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.trace import RecordedTrace
from attestation.trust import TrustAnchors
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from tests.vectors import generate_composite

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "evidence-composite.md"
CASES = sorted((VECTORS / "composite").glob("*/case.json"))


def run(path: Path, *, expected: Any = None, trace: Any = None) -> VerifiedClaims:
    case = json.loads(path.read_bytes())

    def read(name: str) -> bytes:
        return (path.parent / name).read_bytes()

    roots = b"".join(encode_pem("CERTIFICATE", read(name)) for name in case["roots"])
    policy = dict(case["policy"])
    if "architectures" in policy:
        policy["architectures"] = frozenset(policy["architectures"])
    return verify(
        UnverifiedEvidence(case["tee"], {name: read(file) for name, file in case["parts"].items()}),
        report_data=expected or ExpectedReportData(bytes.fromhex(case["report_data"])),
        endorsements=Endorsements.parse(
            map(read, case["certificates"]),
            map(read, case["crls"]),
            [GivenDocument.of(DocumentKind.NVIDIA_RIM, read(name)) for name in case["rims"]],
        ),
        policy=EvidencePolicy(nvidia=NvidiaPolicy(**policy)),
        anchors=TrustAnchors.vendor().with_simulated(roots),
        now=datetime.fromisoformat(case["now"]),
        trace=trace or RecordedTrace(),
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_bytes())
    if case["expect"] == "accepted":
        claims = run(path)
        assert claims.simulated
        assert claims.values | case.get("claims", {}) == claims.values
        assert len(claims.devices) == claims.values["devices.count"]
        assert rfc8785.dumps(dict(claims.values))
        return
    with pytest.raises(EvidenceError) as caught:
        run(path)
    assert caught.value.code == case["expect"], caught.value.detail


def case_of(name: str) -> Path:
    return VECTORS / "composite" / name / "case.json"


@pytest.mark.parametrize(
    ("name", "place"),
    [("device-tampered_refused", 1), ("device-for-other-place_refused", 0), ("nested_refused", 0)],
)
def test_refusals_name_the_device(name: str, place: int) -> None:
    with pytest.raises(EvidenceError) as caught:
        run(case_of(name))
    assert caught.value.detail.startswith(f"device {place}: ")


def test_comparisons_name_the_device() -> None:
    trace = RecordedTrace()
    run(case_of("two-gpus"), trace=trace)
    whats = [check.what for check in trace.checks]
    assert whats.count("device 0: nonce") == whats.count("device 1: nonce") == 1
    assert [check.step for check in trace.checks][-1] == "X5"


def test_archived_composites_can_be_looked_at() -> None:
    claims = run(case_of("other-request_refused"), expected=UnsafeAnyReportData())
    assert claims.values["devices.count"] == 2
    with pytest.raises(EvidenceError, match="device-binding"):
        run(case_of("same-device-twice_refused"), expected=UnsafeAnyReportData())


def test_claims_of_devices_keep_their_order() -> None:
    claims = run(case_of("three-differ"))
    assert [one.tee for one in claims.devices] == ["nvidia"] * 3
    assert len({one.values["gpu.device-id"] for one in claims.devices}) == 3
    assert len({one.report_data for one in claims.devices}) == 3


def test_what_devices_differ_in_is_not_said_of_all() -> None:
    values = run(case_of("switch-too")).values
    assert "devices.architecture" not in values
    assert "devices.vbios-version" not in values


def test_folder_is_not_empty_and_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) > 40
    assert 0.7 * len(CASES) <= refused < len(CASES)


def test_every_vector_cites_a_step_and_every_step_has_a_refusal() -> None:
    steps = set(re.findall(r"\*\*([A-Z]\d+)\*\*", SPEC.read_text(encoding="utf-8")))
    cited = {path: json.loads(path.read_bytes())["why"].split(":", 1)[0] for path in CASES}
    assert set(cited.values()) <= steps
    refused = {step for path, step in cited.items() if path.parent.name.endswith("_refused")}
    assert refused == steps


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_composite.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (VECTORS / "composite").rglob("*")
    assert made == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    assert all((VECTORS / file).read_bytes() == (tmp_path / file).read_bytes() for file in made)
