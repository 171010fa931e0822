"""Every vector of docs/specs/evidence-snp.md."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import CrlPolicy, EvidencePolicy, SnpPolicy
from attestation.report_data import ExpectedReportData
from attestation.trust import TrustAnchors
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from tests.vectors import generate_snp

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "evidence-snp.md"
CASES = sorted((VECTORS / "snp").glob("*/case.json"))
# The step of the main path that refused, as `verify_snp` calls it; report data it checks itself.
STAGES = {
    "parse_report": "report",
    "verify_chain": "chain",
    "check_validity": "validity",
    "check_revocation": "revocation",
    "_verify_signature": "signature",
    "_check_binding": "binding",
    "check_policy": "policy",
    "verify_snp": "freshness",
}


def policy_of(case: dict[str, Any]) -> EvidencePolicy:
    given = dict(case["policy"])
    kinds = {"products": frozenset, "signing_keys": frozenset, "minimum_abi": tuple}
    for name in given.keys() & kinds.keys():
        given[name] = kinds[name](given[name])
    return EvidencePolicy(crl=CrlPolicy(case["crl_policy"]), snp=SnpPolicy(**given))


def run(path: Path, case: dict[str, Any]) -> Any:
    def read(name: str) -> bytes:
        return (path.parent / name).read_bytes()

    anchors = TrustAnchors.vendor()
    if case["anchors"] == "simulated":
        anchors = anchors.with_simulated(encode_pem("CERTIFICATE", read(case["root"])))
    return verify(
        UnverifiedEvidence("snp", {name: read(file) for name, file in case["parts"].items()}),
        report_data=ExpectedReportData(bytes.fromhex(case["report_data"])),
        endorsements=Endorsements.parse(map(read, case["certificates"]), map(read, case["crls"])),
        policy=policy_of(case),
        anchors=anchors,
        now=datetime.fromisoformat(case["now"]),
    )


def stage_of(error: BaseException) -> str:
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    inside = [name for name in frames if name in STAGES]
    return STAGES[inside[0] if len(inside) == 1 else inside[1]]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_bytes())
    if case["expect"] == "accepted":
        claims = run(path, case)
        assert claims.simulated
        assert claims.values["simulated"] is True
        assert claims.values | case.get("claims", {}) == claims.values
        assert rfc8785.dumps(dict(claims.values))
        return
    with pytest.raises(EvidenceError) as caught:
        run(path, case)
    assert (caught.value.code, stage_of(caught.value)) == (case["expect"], case["stage"])


def test_folder_is_not_empty_and_most_cases_are_refusals() -> None:
    refused = sum(path.parent.name.endswith("_refused") for path in CASES)
    assert len(CASES) > 100
    assert 0.7 * len(CASES) <= refused < len(CASES)


def test_every_vector_cites_a_step_and_every_step_has_a_refusal() -> None:
    steps = set(re.findall(r"\*\*([A-Z]\d+)\*\*", SPEC.read_text(encoding="utf-8")))
    cited = {path: json.loads(path.read_bytes())["why"].split(":", 1)[0] for path in CASES}
    assert set(cited.values()) <= steps
    refused = {step for path, step in cited.items() if path.parent.name.endswith("_refused")}
    assert refused == steps


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_snp.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (VECTORS / "snp").rglob("*")
    assert made == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    assert all((VECTORS / file).read_bytes() == (tmp_path / file).read_bytes() for file in made)
