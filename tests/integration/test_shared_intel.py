"""Real quotes of TDX and SGX with real collateral, where the project's shared folder is there."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.intel.appraisal import AppraisedPlatform, appraise_platform, authenticate_quote
from attestation.intel.pck import PCK_EXTENSION, parse_pck_extension
from attestation.intel.quote import PCK_CHAIN, parse_endorsed_key, parse_quote
from attestation.intel.reports import SgxReport, TdReport
from attestation.policy import EvidencePolicy, IntelPolicy, SgxPolicy, TdxPolicy
from attestation.policy.intel import TCB_STATUSES
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.trust import TrustAnchors
from attestation.vectors import run_manifest
from attestation.verify import verify

EVIDENCE = Path(__file__).resolve().parents[2].parent / "shared" / "evidence"
ANCHORS = TrustAnchors.vendor()
LENIENT = EvidencePolicy(
    tdx=TdxPolicy(
        allow_debug=True,
        allow_migration=True,
        allow_service_td=True,
        require_sept_ve_disable=False,
    ),
    sgx=SgxPolicy(allow_debug=True),
    intel=IntelPolicy(accepted_statuses=frozenset(TCB_STATUSES) - {"Revoked", "NotSupported"}),
)

pytestmark = pytest.mark.skipif(
    not (EVIDENCE / "MANIFEST.toml").is_file(),
    reason="real evidence is not beside this checkout (../shared/evidence)",
)


def read_cases() -> dict[str, dict]:
    path = EVIDENCE / "MANIFEST.toml"
    if not path.is_file():
        return {}
    cases = tomllib.loads(path.read_text())["case"]
    return {case["id"]: case for case in cases if case["tee"] in {"tdx", "sgx"}}


CASES = read_cases()
APPRAISED = [name for name, case in CASES.items() if "qe_status" in case]


@pytest.fixture(scope="module")
def results() -> dict[str, dict]:
    return {result["id"]: result for result in run_manifest(EVIDENCE)}


def given(case: dict) -> Endorsements:
    data = (EVIDENCE / case["inputs"]["collateral"]).read_bytes()
    return Endorsements.parse([], [], [GivenDocument.of(DocumentKind.INTEL_COLLATERAL, data)])


def quote_of(case: dict) -> bytes:
    """The quote of a case without what a test file has behind its end."""
    data = (EVIDENCE / case["inputs"]["quote"]).read_bytes()
    return data[:4935] if "spr-e4" in case["inputs"]["quote"] else data


def when(case: dict, bounds: str = "") -> datetime:
    return datetime.fromisoformat(case[bounds] if bounds else case["at"])


def appraised(case: dict) -> AppraisedPlatform:
    # The expired and the future case have their statuses too.
    endorsements, now = given(case), when(case, "collateral_valid_from")
    kind = TdReport if case["tee"] == "tdx" else SgxReport
    quote, _, key = authenticate_quote(
        quote_of(case), kind, endorsements=endorsements, anchors=ANCHORS, now=now
    )
    return appraise_platform(
        quote,
        key,
        endorsements=endorsements,
        policy=IntelPolicy(),
        anchors=ANCHORS,
        now=now,
    )


@pytest.mark.parametrize("name", CASES)
def test_verdict_and_reason(name: str, results: dict) -> None:
    assert results[name]["verdict"] == CASES[name]["verdict"]
    if CASES[name]["verdict"] == "reject":
        assert results[name]["reason"] in CASES[name]["reasons"]


@pytest.mark.parametrize("name", APPRAISED)
def test_how_current_the_platform_is(name: str) -> None:
    case = CASES[name]
    tcb = appraised(case).tcb
    assert tcb.status == case["tcb_status"]
    assert tcb.qe_status == case["qe_status"]
    assert list(tcb.advisories) == case["advisories"]
    if "tcb_sgx_level" in case:
        assert tcb.sgx_status == case["tcb_sgx_level"]
    assert tcb.tdx_status == case.get("tcb_tdx_level", "")
    assert tcb.module_status == case.get("tdx_module_status", "")


@pytest.mark.parametrize("name", APPRAISED)
def test_until_when_the_collateral_counts(name: str) -> None:
    case, collateral = CASES[name], appraised(CASES[name]).collateral
    assert collateral.valid_from == when(case, "collateral_valid_from")
    assert collateral.valid_to == when(case, "collateral_valid_to")


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name]["verdict"] == "accept"])
def test_claims(name: str, results: dict) -> None:
    ours, theirs = results[name]["claims"], dict(CASES[name]["claims"])
    assert ours["measurement"] == theirs.pop("mrtd")
    assert ours["product"] == {"tdx10": "tdx-1.0", "tdx15": "tdx-1.5"}[theirs.pop("kind")]
    names = {"pck_ca", "pck_valid_from", "pck_valid_to", "qe_mrsigner", "qe_isvprodid"}
    names |= {"trailing_bytes", "trailing_nonzero", "pck_pcesvn", "qe_isvsvn"}
    assert ours["pcesvn"] == theirs["pck_pcesvn"]
    assert ours["qe-isvsvn"] == theirs["qe_isvsvn"]
    assert ours["pck-ca"] in theirs["pck_ca"].lower()
    for member in theirs.keys() - names:
        assert ours[member.replace("_", "-")] == theirs[member], member


@pytest.mark.parametrize(
    "path", sorted((EVIDENCE / "tdx").glob("*.quote.bin")), ids=lambda p: p.name
)
def test_every_quote_is_readable_to_the_last_byte(path: Path) -> None:
    data = path.read_bytes()
    if "spr-e4" in path.name:
        with pytest.raises(EvidenceError) as caught:
            parse_quote(data)
        assert caught.value.code is Refusal.TRAILING_DATA
        data = data[:-39]
    endorsed = parse_endorsed_key(parse_quote(data))
    assert endorsed.certification_type == PCK_CHAIN


def verify_case(name: str, *, collateral: list[bytes], policy: EvidencePolicy = LENIENT, **more):
    case = CASES[name]
    documents = [GivenDocument.of(DocumentKind.INTEL_COLLATERAL, one) for one in collateral]
    return verify(
        UnverifiedEvidence(case["tee"], {"quote": quote_of(case)}),
        report_data=more.get("report_data", UnsafeAnyReportData()),
        endorsements=Endorsements.parse([], [], documents),
        policy=policy,
        anchors=ANCHORS,
        now=more.get("now", when(case)),
    )


def refusal_of(name: str, **arguments) -> Refusal:
    with pytest.raises(EvidenceError) as caught:
        verify_case(name, **arguments)
    return caught.value.code


def every_document() -> list[bytes]:
    return [path.read_bytes() for path in sorted(EVIDENCE.glob("*/collateral/*.json"))]


def test_the_right_one_of_all_collateral_is_found() -> None:
    for name in ("tdx-phala-v4-uptodate", "tdx-go-tdx-guest-v5-uptodate"):
        alone = (EVIDENCE / CASES[name]["inputs"]["collateral"]).read_bytes()
        expected = verify_case(name, collateral=[alone]).values
        assert verify_case(name, collateral=every_document()).values == expected
        assert verify_case(name, collateral=every_document()[::-1]).values == expected


def test_without_collateral_nothing_is_known_of_the_platform() -> None:
    assert refusal_of("tdx-phala-v4-uptodate", collateral=[]) is Refusal.NO_ENDORSEMENT
    assert refusal_of("sgx-phala-v3-config-sw-hardening", collateral=[]) is Refusal.NO_ENDORSEMENT


def test_collateral_does_not_go_backwards() -> None:
    policy = replace(LENIENT, intel=replace(LENIENT.intel, minimum_tcb_evaluation_number=18))
    arguments = {"collateral": every_document(), "policy": policy}
    assert refusal_of("tdx-phala-v4-uptodate", **arguments) is Refusal.COLLATERAL_ROLLBACK
    assert verify_case("tdx-go-tdx-guest-v5-uptodate", **arguments)


def test_denied_advisories_outweigh_an_accepted_status() -> None:
    intel = replace(LENIENT.intel, denied_advisories=frozenset({"INTEL-SA-00615"}))
    arguments = {"collateral": every_document(), "policy": replace(LENIENT, intel=intel)}
    refused = refusal_of("sgx-phala-v3-config-sw-hardening", **arguments)
    assert refused is Refusal.ADVISORY_NOT_ACCEPTED


def test_an_enclave_is_accepted_where_the_policy_says_so() -> None:
    claims = verify_case("sgx-phala-v3-config-sw-hardening", collateral=every_document())
    theirs = CASES["sgx-phala-v3-config-sw-hardening"]["claims"]
    assert claims.measurement.hex() == theirs["mrenclave"]
    assert claims.values["advisories"] == "INTEL-SA-00289,INTEL-SA-00615"
    assert claims.values["cpu-svn"] == theirs["cpu_svn"]
    assert claims.values["attributes"] + claims.values["xfrm"] == theirs["attributes"]


def test_report_data_is_compared() -> None:
    actual = bytes.fromhex(CASES["tdx-phala-v4-uptodate"]["claims"]["report_data"])
    arguments = {"collateral": every_document(), "report_data": ExpectedReportData(actual)}
    assert verify_case("tdx-phala-v4-uptodate", **arguments).report_data == actual
    other = actual[:-1] + bytes([actual[-1] ^ 1])
    arguments["report_data"] = ExpectedReportData(other)
    assert refusal_of("tdx-phala-v4-uptodate", **arguments) is Refusal.REPORT_DATA_MISMATCH


def test_a_real_event_log_adds_up_to_the_registers() -> None:
    case = CASES["tdx-go-tdx-guest-v4-cos113-uptodate"]
    log = (EVIDENCE / "tdx" / "go-tdx-guest-cos113.ccel_data.bin").read_bytes()
    arguments = {
        "report_data": UnsafeAnyReportData(),
        "endorsements": given(case),
        "policy": EvidencePolicy(),
        "anchors": ANCHORS,
        "now": when(case),
    }
    assert verify(
        UnverifiedEvidence("tdx", {"quote": quote_of(case), "event_log": log}), **arguments
    )
    changed = bytearray(log)
    changed[log.index(bytes.fromhex("0c00"), 200) + 4] ^= 1
    with pytest.raises(EvidenceError):
        verify(
            UnverifiedEvidence("tdx", {"quote": quote_of(case), "event_log": bytes(changed)}),
            **arguments,
        )


def test_pck_of_a_real_platform() -> None:
    quote, _, key = authenticate_quote(
        quote_of(CASES["tdx-phala-v4-uptodate"]),
        TdReport,
        endorsements=Endorsements.none(),
        anchors=ANCHORS,
        now=when(CASES["tdx-phala-v4-uptodate"]),
    )
    assert quote.version == 4
    leaf = key.pck.path.leaf
    assert parse_pck_extension(leaf.extensions[PCK_EXTENSION].value) == key.pck.platform
    assert key.pck.platform.components[:8] == bytes([3, 3, 2, 2, 4, 1, 0, 5])
    assert key.pck.platform.sgx_type == 1


@pytest.mark.parametrize("member", ["tcb_info", "qe_identity"])
@pytest.mark.parametrize("step", [7, 31])
def test_signed_text_counts_as_exact_bytes(member: str, step: int) -> None:
    name = "tdx-phala-v4-uptodate"
    document = json.loads((EVIDENCE / CASES[name]["inputs"]["collateral"]).read_bytes())
    text = document[member]
    reserialised = json.dumps(json.loads(text), indent=1)
    for changed in (reserialised, text + " ", text[:-step] + "0" + text[-step + 1 :]):
        made = json.dumps(document | {member: changed}).encode()
        refused = refusal_of(name, collateral=[made])
        assert refused is Refusal.COLLATERAL_SIGNATURE_INVALID
