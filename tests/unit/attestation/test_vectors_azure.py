"""Every vector of docs/specs/evidence-azure.md."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from attestation.bundle import parse_bundle
from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, SnpPolicy, TdxPolicy, TpmPolicy
from attestation.report_data import ExpectedReportData
from attestation.trace import NO_TRACE, RecordedTrace, Trace
from attestation.trust import TrustAnchors
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from policies.claim_rows import azure_snp, azure_tdx, common, devices
from tests.vectors import generate_azure

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "evidence-azure.md"
CASES = sorted((VECTORS / "azure").glob("*/case.json"))
REFUSED = [path for path in CASES if path.parent.name.endswith("_refused")]
STEPS = set(re.findall(r"\*\*([A-Z]\d+)\*\*", SPEC.read_text(encoding="utf-8")))
ROWS = {"azure-snp": azure_snp.ROWS, "azure-tdx": azure_tdx.ROWS}
# The step of the main path that refused; the innermost of these names counts.
STAGES = {
    "parse_given": "hcl-report",
    "parse_parts": "quote",
    "authenticate": "hardware",
    "authenticate_quote": "hardware",
    "require_same_td": "hardware",
    "require_bound": "binding",
    "parse_runtime": "binding",
    "find_signer": "signature",
    "check_pcrs": "pcrs",
    "check_event_log": "pcrs",
    "check_nonce": "freshness",
    "check_policy": "policy",
    "check_td": "policy",
    "appraise_platform": "policy",
}
POLICIES = {"snp": SnpPolicy, "tdx": TdxPolicy, "tpm": TpmPolicy}


def policy_of(case: dict[str, Any]) -> EvidencePolicy:
    given = case["policy"]
    members: dict[str, Any] = {
        name: POLICIES[name](
            **{key: frozenset(one) if isinstance(one, list) else one for key, one in part.items()}
        )
        for name, part in given.items()
    }
    return EvidencePolicy(**members)


def endorsements_of(path: Path, case: dict[str, Any]) -> Endorsements:
    def read(name: str) -> bytes:
        return (path.parent / name).read_bytes()

    if case["bundle"]:
        return parse_bundle(read(case["bundle"])).to_endorsements()
    return Endorsements.parse(map(read, case["certificates"]), map(read, case["crls"]))


def run(
    path: Path, case: dict[str, Any], trace: Trace = NO_TRACE, **changes: bytes
) -> VerifiedClaims:
    parts = {name: (path.parent / file).read_bytes() for name, file in case["parts"].items()}
    anchors = TrustAnchors.vendor()
    if case["anchors"] == "simulated":
        root = (path.parent / case["root"]).read_bytes()
        anchors = anchors.with_simulated(encode_pem("CERTIFICATE", root))
    return verify(
        UnverifiedEvidence(case["tee"], parts | changes),
        report_data=ExpectedReportData(bytes.fromhex(case["report_data"])),
        endorsements=endorsements_of(path, case),
        policy=policy_of(case),
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
        assert claims.tee == case["tee"] == claims.values["tee"]
        assert claims.values | case.get("claims", {}) == claims.values
        rows = (*common.ROWS, *devices.ROWS, *ROWS[case["tee"]])
        assert claims.values.keys() <= {row.name for row in rows}
        assert rfc8785.dumps(dict(claims.values))
        return
    with pytest.raises(EvidenceError) as caught:
        run(path, case)
    assert (caught.value.code, stage_of(caught.value)) == (case["expect"], case["stage"])


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.parent.name)
def test_noting_comparisons_changes_nothing(path: Path) -> None:
    case, trace = json.loads(path.read_bytes()), RecordedTrace()
    with pytest.raises(EvidenceError) as caught:
        run(path, case, trace)
    assert caught.value.code == case["expect"]
    assert trace.checks


def test_folder_is_not_empty_and_most_cases_are_refusals() -> None:
    assert len(CASES) > 80
    assert 0.7 * len(CASES) <= len(REFUSED) < len(CASES)


def test_every_vector_cites_a_step_and_every_step_has_a_refusal() -> None:
    cited = {path: json.loads(path.read_bytes())["why"].split(":", 1)[0] for path in CASES}
    assert set(cited.values()) <= STEPS
    assert {cited[path] for path in REFUSED} == STEPS


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_azure.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (VECTORS / "azure").rglob("*")
    assert made == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    assert all((VECTORS / file).read_bytes() == (tmp_path / file).read_bytes() for file in made)


# Bytes of a TDREPORT that a quote does not repeat: version, CPUSVN, MAC.
FREE = {"snp-good": set(), "tdx-good": {34, *range(48, 64), *range(256, 288)}}


@pytest.mark.parametrize("good", FREE)
@pytest.mark.parametrize("name", ["hcl_report", "quote", "signature", "pcrs"])
def test_no_bit_of_accepted_evidence_is_free(good: str, name: str) -> None:
    path = VECTORS / "azure" / good / "case.json"
    case = json.loads(path.read_bytes())
    data = (path.parent / case["parts"][name]).read_bytes()
    accepted = set()
    for bit in range(0, len(data) * 8, 13 if len(data) < 1000 else 41):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            run(path, case, **{name: bytes(changed)})
        except EvidenceError:
            continue
        accepted.add(bit // 8)
    assert accepted <= (FREE[good] if name == "hcl_report" else set())
