"""Every vector of docs/specs/evidence-tpm.md."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.keys import TrustedKey, load_public_key
from attestation.policy import CrlPolicy, EvidencePolicy, TpmPolicy
from attestation.report_data import ExpectedReportData
from attestation.trace import NO_TRACE, RecordedTrace, Trace
from attestation.trust import TrustAnchors
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from policies.claim_rows import common, tpm
from tests.vectors import generate_tpm

VECTORS = Path(__file__).parents[2] / "vectors"
SPEC = Path(__file__).parents[3] / "docs" / "specs" / "evidence-tpm.md"
CASES = sorted((VECTORS / "tpm").glob("*/case.json"))
REFUSED = [path for path in CASES if path.parent.name.endswith("_refused")]
STEPS = set(re.findall(r"\*\*([A-Z]\d+)\*\*", SPEC.read_text(encoding="utf-8")))
# The step of the main path that refused; the innermost of these names counts.
STAGES = {
    "parse_quote": "quote",
    "parse_pcrs": "pcrs",
    "find_keys": "key",
    "check_dates": "dates",
    "find_signer": "signature",
    "check_pcrs": "digest",
    "check_event_log": "event-log",
    "check_nonce": "freshness",
    "_measurement": "policy",
}


def policy_of(case: dict[str, Any]) -> EvidencePolicy:
    given = dict(case["policy"])
    if "event_log_pcrs" in given:
        given["event_log_pcrs"] = frozenset(given["event_log_pcrs"])
    return EvidencePolicy(crl=CrlPolicy(case["crl_policy"]), tpm=TpmPolicy(**given))


def run(path: Path, case: dict[str, Any], trace: Trace = NO_TRACE) -> VerifiedClaims:
    def read(name: str) -> bytes:
        return (path.parent / name).read_bytes()

    anchors = TrustAnchors.vendor()
    if case["anchors"] == "simulated":
        anchors = anchors.with_simulated(encode_pem("CERTIFICATE", read(case["root"])))
    keys = [TrustedKey(load_public_key(read(name)), simulated=True) for name in case["keys"]]
    return verify(
        UnverifiedEvidence("tpm", {name: read(file) for name, file in case["parts"].items()}),
        report_data=ExpectedReportData(bytes.fromhex(case["report_data"])),
        endorsements=Endorsements.parse(map(read, case["certificates"]), map(read, case["crls"])),
        policy=policy_of(case),
        anchors=anchors.with_keys("tpm", keys),
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
        assert claims.values.keys() <= {row.name for row in (*common.ROWS, *tpm.ROWS)}
        assert claims.values["measurement"] == claims.measurement.hex()
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
    # What the log says is looked at right after it was replayed.
    assert trace.checks[-1].step[0] in {case["why"][0], "E" if case["why"][0] == "L" else ""}


def test_folder_is_not_empty_and_most_cases_are_refusals() -> None:
    assert len(CASES) > 100
    assert 0.7 * len(CASES) <= len(REFUSED) < len(CASES)


def test_every_vector_cites_a_step_and_every_step_has_both() -> None:
    cited = {path: json.loads(path.read_bytes())["why"].split(":", 1)[0] for path in CASES}
    assert set(cited.values()) <= STEPS
    assert {cited[path] for path in REFUSED} == STEPS


def test_generating_again_changes_nothing(tmp_path: Path) -> None:
    generate_tpm.generate(tmp_path)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = (VECTORS / "tpm").rglob("*")
    assert made == {path.relative_to(VECTORS) for path in kept if path.is_file()}
    assert all((VECTORS / file).read_bytes() == (tmp_path / file).read_bytes() for file in made)


GOOD = VECTORS / "tpm" / "good" / "case.json"


def accepted_parts() -> dict[str, bytes]:
    case = json.loads(GOOD.read_bytes())
    return {name: (GOOD.parent / file).read_bytes() for name, file in case["parts"].items()}


@pytest.mark.parametrize("name", ["quote", "signature", "pcrs", "ak_public", "event_log"])
def test_no_bit_of_an_accepted_quote_is_free(name: str, tmp_path: Path) -> None:
    case, parts = json.loads(GOOD.read_bytes()), accepted_parts()
    anchors = TrustAnchors.vendor().with_simulated(
        encode_pem("CERTIFICATE", (GOOD.parent / case["root"]).read_bytes())
    )
    lists = [(GOOD.parent / file).read_bytes() for file in case["crls"]]
    endorsements = Endorsements.parse([], lists)
    accepted = []
    for bit in range(0, len(parts[name]) * 8, 3 if len(parts[name]) < 200 else 29):
        changed = bytearray(parts[name])
        changed[bit // 8] ^= 1 << bit % 8
        try:
            verify(
                UnverifiedEvidence("tpm", parts | {name: bytes(changed)}),
                report_data=ExpectedReportData(bytes.fromhex(case["report_data"])),
                endorsements=endorsements,
                policy=EvidencePolicy(),
                anchors=anchors,
                now=datetime.fromisoformat(case["now"]),
            )
        except EvidenceError:
            continue
        accepted.append(bit)
    assert all(is_free(name, parts[name], bit) for bit in accepted), accepted


def is_free(name: str, data: bytes, bit: int) -> bool:
    """Bits that mean nothing: unsigned notes of a log, attributes and schemes of the shown key."""
    if name == "event_log":
        return True
    # userWithAuth, adminWithPolicy, noDA and the like.
    return name == "ak_public" and 4 <= bit // 8 < 8


def test_policy_names_pcrs_that_exist() -> None:
    for changes in ({"measurement_pcr": 24}, {"event_log_pcrs": frozenset()}):
        with pytest.raises(ValueError, match="PCR does not exist"):
            replace(TpmPolicy(), **changes)
