"""Every vector of docs/specs/evidence-nvidia.md."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, NvidiaPolicy
from attestation.report_data import ExpectedReportData
from attestation.trust import TrustAnchors
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import REPORT_DATA
from tests.vectors import generate_nvidia

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "evidence-nvidia.md"
CASES = sorted((VECTORS / "nvidia").glob("*/case.json"))
# The step of the main path that refused, as `verify_nvidia` calls it; the nonce it checks itself.
STAGES = {
    "_parse": "report",
    "verify_chain": "chain",
    "check_validity": "validity",
    "check_revocation": "revocation",
    "_verify_signature": "signature",
    "_check_binding": "binding",
    "rims_of": "manifest",
    "check_measurements": "measurements",
    "_check_policy": "policy",
}


def run(path: Path, case: dict[str, Any]) -> Any:
    def read(name: str) -> bytes:
        return (path.parent / name).read_bytes()

    anchors = TrustAnchors.vendor()
    if case["anchors"] == "simulated":
        roots = b"".join(encode_pem("CERTIFICATE", read(name)) for name in case["roots"])
        anchors = anchors.with_simulated(roots)
    documents = [
        GivenDocument.of(DocumentKind(kind), read(name))
        for kind, names in case["documents"].items()
        for name in names
    ]
    policy = dict(case["policy"])
    if "architectures" in policy:
        policy["architectures"] = frozenset(policy["architectures"])
    return verify(
        UnverifiedEvidence("nvidia", {name: read(file) for name, file in case["parts"].items()}),
        report_data=ExpectedReportData(REPORT_DATA),
        endorsements=Endorsements.parse(map(read, case["certificates"]), [], documents),
        policy=EvidencePolicy(nvidia=NvidiaPolicy(**policy)),
        anchors=anchors,
        now=datetime.fromisoformat(case["now"]),
    )


def stage_of(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_name
        if name in STAGES:
            return STAGES[name]
        trace = trace.tb_next
    return "freshness"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_bytes())
    if case["expect"] == "accepted":
        claims = run(path, case)
        assert claims.simulated
        assert claims.values | case.get("claims", {}) == claims.values
        assert rfc8785.dumps(dict(claims.values))
        return
    with pytest.raises(EvidenceError) as caught:
        run(path, case)
    found = (caught.value.code, stage_of(caught.value))
    assert found == (case["expect"], case["stage"]), caught.value.detail


def test_folder_is_not_empty_and_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) > 150
    assert 0.7 * len(CASES) <= refused < len(CASES)


def test_every_vector_cites_a_step_and_every_step_has_both_kinds() -> None:
    steps = set(re.findall(r"\*\*([A-Z]\d+)\*\*", SPEC.read_text(encoding="utf-8")))
    refused, accepted = set(), set()
    for path in CASES:
        step = json.loads(path.read_bytes())["why"].split(":", 1)[0]
        (refused if path.parent.name.endswith("_refused") else accepted).add(step)
    assert refused == steps
    assert accepted <= steps


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_nvidia.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (VECTORS / "nvidia").rglob("*")
    assert made == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    assert all((VECTORS / file).read_bytes() == (tmp_path / file).read_bytes() for file in made)
