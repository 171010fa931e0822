"""Every vector of docs/specs/evidence-nitro.md."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, NitroPolicy
from attestation.report_data import ExpectedReportData
from attestation.trace import NO_TRACE, RecordedTrace, Trace
from attestation.trust import TrustAnchors
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from policies.claim_rows import common, nitro
from tests.vectors import generate_nitro

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "evidence-nitro.md"
CASES = sorted((VECTORS / "nitro").glob("*/case.json"))
REFUSED = [path for path in CASES if path.parent.name.endswith("_refused")]
STEPS = set(re.findall(r"\*\*([A-Z]\d+)\*\*", SPEC.read_text(encoding="utf-8")))
# The step of the main path that refused; the innermost of these names counts.
STAGES = {
    "parse_document": "document",
    "leaf_key": "signature",
    "verify_sign1": "signature",
    "verify_chain": "chain",
    "check_validity": "validity",
    "check_revocation": "revocation",
    "_check_age": "age",
    "verify_nitro": "freshness",
    "_check_measured": "policy",
}


def run(path: Path, case: dict[str, Any], trace: Trace = NO_TRACE) -> VerifiedClaims:
    def read(name: str) -> bytes:
        return (path.parent / name).read_bytes()

    anchors = TrustAnchors.vendor()
    if case["anchors"] == "simulated":
        anchors = anchors.with_simulated(encode_pem("CERTIFICATE", read(case["root"])))
    return verify(
        UnverifiedEvidence("nitro", {"document": read(case["document"])}),
        report_data=ExpectedReportData(bytes.fromhex(case["report_data"])),
        endorsements=Endorsements.parse([], map(read, case["crls"])),
        policy=EvidencePolicy(nitro=NitroPolicy(**case["policy"])),
        anchors=anchors,
        now=datetime.fromisoformat(case["now"]),
        trace=trace,
    )


def stage_of(error: BaseException) -> str:
    stage, trace = "", error.__traceback__
    while trace is not None:
        stage = STAGES.get(trace.tb_frame.f_code.co_name, stage)
        trace = trace.tb_next
    return stage


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_bytes())
    if case["expect"] == "accepted":
        claims = run(path, case)
        assert claims.simulated
        assert claims.values["simulated"] is True
        assert claims.values | case.get("claims", {}) == claims.values
        assert claims.values.keys() <= {row.name for row in (*common.ROWS, *nitro.ROWS)}
        assert rfc8785.dumps(dict(claims.values))
        return
    with pytest.raises(EvidenceError) as caught:
        run(path, case)
    assert (caught.value.code, stage_of(caught.value)) == (case["expect"], case["stage"])


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.parent.name)
def test_the_last_comparison_is_the_one_that_failed(path: Path) -> None:
    case, trace = json.loads(path.read_bytes()), RecordedTrace()
    with pytest.raises(EvidenceError):
        run(path, case, trace)
    assert {check.step for check in trace.checks} <= STEPS
    assert trace.checks[-1].step[0] == case["why"][0]


def test_folder_is_not_empty_and_most_cases_are_refusals() -> None:
    assert len(CASES) > 100
    assert 0.7 * len(CASES) <= len(REFUSED) < len(CASES)


def test_every_vector_cites_a_step_and_every_step_has_a_refusal() -> None:
    cited = {path: json.loads(path.read_bytes())["why"].split(":", 1)[0] for path in CASES}
    assert set(cited.values()) <= STEPS
    refused = {step for path, step in cited.items() if path.parent.name.endswith("_refused")}
    assert refused == STEPS


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_nitro.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (VECTORS / "nitro").rglob("*")
    assert made == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    assert all((VECTORS / file).read_bytes() == (tmp_path / file).read_bytes() for file in made)
