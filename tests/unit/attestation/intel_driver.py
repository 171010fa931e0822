"""What the drivers of the TDX and SGX vectors share."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from attestation.encoding import canonical_json
from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, IntelPolicy, SgxPolicy, TdxPolicy
from attestation.report_data import ExpectedReportData
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verify import verify
from attestation.x509.pem import encode_pem

VECTORS = Path(__file__).parents[2] / "vectors"
SPECS = Path(__file__).parents[3] / "docs" / "specs"
# Function of the main path -> stage; the first of these that is in the traceback refused.
STAGES = {
    "parse_quote": "quote",
    "parse_endorsed_key": "quote",
    "verify_attestation_key": "chain",
    "choose_collateral": "collateral",
    "_check_rollback": "collateral",
    "appraise_qe": "enclave",
    "appraise_module": "module",
    # Only a module that a relaunch would be under is refused there.
    "appraise_tdx": "module",
    "require_tcb": "policy",
    "check_identity": "policy",
    "check_td": "attributes",
    "check_enclave": "attributes",
    "check_event_log": "event-log",
    "check_report_data": "main",
    "check_validity": "chain",
    "verify_raw": "signature",
    # What the main path sees to itself: the kind of the quote, and report data.
    "verify_tdx": "main",
    "verify_sgx": "main",
}


def cases_of(tee: str) -> list[Path]:
    """Return the case files of one TEE."""
    return sorted((VECTORS / tee).glob("*/case.json"))


def read_case(path: Path) -> dict[str, Any]:
    """Return what a case file says."""
    case: dict[str, Any] = json.loads(path.read_bytes())
    return case


def policy_of(case: dict[str, Any]) -> EvidencePolicy:
    """Return the policy of a case."""
    intel = dict(case["policy"].get("intel", {}))
    for name in intel.keys() & {"accepted_statuses", "denied_advisories"}:
        intel[name] = frozenset(intel[name])
    sgx = dict(case["policy"].get("sgx", {}))
    if "signers" in sgx:
        sgx["signers"] = frozenset(map(bytes.fromhex, sgx["signers"]))
    tdx = TdxPolicy(**case["policy"].get("tdx", {}))
    return EvidencePolicy(intel=IntelPolicy(**intel), tdx=tdx, sgx=SgxPolicy(**sgx))


def quote_of(path: Path, case: dict[str, Any]) -> bytes:
    """Return the quote of a case."""
    return b"".join((path.parent / name).read_bytes() for name in case["quote"])


def collateral_of(path: Path, case: dict[str, Any]) -> list[bytes]:
    """Return the documents of a case: the honest one with other members, or a broken file."""
    honest = json.loads((path.parents[1] / "common" / "collateral.json").read_bytes())

    def document(given: Any) -> bytes:
        if isinstance(given, str):
            return (path.parent / given).read_bytes()
        changes = {name: (path.parent / file).read_text() for name, file in given.items()}
        return canonical_json(honest | changes)

    return [document(given) for given in case["collateral"]]


def run(tee: str, path: Path, case: dict[str, Any], *, trace: Trace = NO_TRACE) -> Any:
    """Return the claims of a case, or raise what refuses it."""
    parts = {"quote": quote_of(path, case)}
    if "event_log" in case:
        parts["event_log"] = (path.parent / case["event_log"]).read_bytes()
    anchors = TrustAnchors.vendor()
    if case["anchors"] == "simulated":
        for root in (case["root"], *case.get("more_roots", ())):
            pem = encode_pem("CERTIFICATE", (path.parent / root).read_bytes())
            anchors = anchors.with_simulated(pem)
    documents = [
        GivenDocument.of(DocumentKind.INTEL_COLLATERAL, data) for data in collateral_of(path, case)
    ]
    return verify(
        UnverifiedEvidence(tee, parts),
        report_data=ExpectedReportData(bytes.fromhex(case["report_data"])),
        endorsements=Endorsements.parse([], [], documents),
        policy=policy_of(case),
        anchors=anchors,
        now=datetime.fromisoformat(case["now"]),
        trace=trace,
    )


def stage_of(error: BaseException) -> str:
    """Return which part of the verification raised the error."""
    frames = set()
    trace = error.__traceback__
    while trace is not None:
        frames.add(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    return next(stage for name, stage in STAGES.items() if name in frames)


def outcome(tee: str, path: Path) -> tuple[str, str]:
    """Return (code or "accepted", stage) of a case."""
    try:
        run(tee, path, read_case(path))
    except EvidenceError as error:
        return error.code.value, stage_of(error)
    return "accepted", "claims"


def steps_of(tee: str) -> set[str]:
    """Return the steps of a page."""
    page = (SPECS / f"evidence-{tee}.md").read_text(encoding="utf-8")
    return set(re.findall(r"\*\*([A-Z]\d+)\*\*", page))


def steps_cited(cases: list[Path], *, refused: bool) -> set[str]:
    """Return the steps that accepted or refused cases are about."""
    chosen = (path for path in cases if path.parent.name.endswith("_refused") is refused)
    return {read_case(path)["why"].split(":", 1)[0] for path in chosen}
