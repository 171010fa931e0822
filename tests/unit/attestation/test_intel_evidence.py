"""TDX and SGX beside the vectors: flipped bits, many documents, memories, traces, claims."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from attestation.claims import VerifiedClaims
from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.intel import ecdsa
from attestation.intel.quote import parse_quote
from attestation.intel.reports import parse_sgx_report, parse_td_report
from attestation.limits import MAX_PART_BYTES
from attestation.policy import EvidencePolicy, IntelPolicy
from attestation.report_data import ExpectedReportData
from attestation.trace import RecordedTrace
from attestation.trust import TrustAnchors
from attestation.verifiers.tdx.appraised import authenticate_td_quote
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from policies.claim_rows import common, devices, sgx, tdx
from tests.unit.attestation import intel_driver as driver

ROWS = {"tdx": tdx.ROWS, "sgx": sgx.ROWS}
BOTH = pytest.mark.parametrize("tee", ["tdx", "sgx"])


@dataclass(frozen=True)
class Good:
    """What the vector `good` of a TEE is made of."""

    tee: str
    quote: bytes
    document: bytes
    report_data: bytes
    anchors: TrustAnchors
    now: datetime

    def verify(self, *documents: bytes, **changed: Any) -> VerifiedClaims:
        given = [
            GivenDocument.of(DocumentKind.INTEL_COLLATERAL, one)
            for one in documents or [self.document]
        ]
        return verify(
            UnverifiedEvidence(self.tee, {"quote": changed.pop("quote", self.quote)}),
            report_data=ExpectedReportData(self.report_data),
            endorsements=Endorsements.parse([], [], given),
            policy=changed.pop("policy", EvidencePolicy()),
            anchors=self.anchors,
            now=changed.pop("now", self.now),
            **changed,
        )

    def refusal(self, *documents: bytes, **changed: Any) -> Refusal:
        with pytest.raises(EvidenceError) as caught:
            self.verify(*documents, **changed)
        return caught.value.code


def good(tee: str) -> Good:
    folder = driver.VECTORS / tee / "good"
    case = driver.read_case(folder / "case.json")
    root = (folder / case["root"]).read_bytes()
    return Good(
        tee,
        driver.quote_of(folder / "case.json", case),
        driver.collateral_of(folder / "case.json", case)[0],
        bytes.fromhex(case["report_data"]),
        TrustAnchors.vendor().with_simulated(encode_pem("CERTIFICATE", root)),
        datetime.fromisoformat(case["now"]),
    )


def vector_document(tee: str, name: str) -> bytes:
    """The collateral of another vector of this TEE."""
    path = driver.VECTORS / tee / name / "case.json"
    return driver.collateral_of(path, driver.read_case(path))[0]


@BOTH
def test_any_flipped_bit_of_a_quote_is_refused(tee: str) -> None:
    one = good(tee)
    assert one.verify().simulated
    free = {at for at in range(len(one.quote)) if one.quote[at : at + 1] == b"\n"}
    # White space around certificates is signed by nobody; so is how much zero padding follows.
    free |= set(range(len(one.quote.rstrip(b"\0")), len(one.quote)))
    for at in sorted(set(range(0, len(one.quote), 5)) - free):
        changed = bytearray(one.quote)
        changed[at] ^= 1 << at % 8
        assert one.refusal(quote=bytes(changed)), at


@BOTH
def test_any_flipped_bit_of_signed_collateral_is_refused(tee: str) -> None:
    one = good(tee)
    document = json.loads(one.document)
    for name, text in document.items():
        for at in range(0, len(text), 61):
            if text[at] in "\n ":
                continue
            other = chr(ord(text[at]) ^ 1)
            changed = json.dumps(document | {name: text[:at] + other + text[at + 1 :]})
            assert one.refusal(changed.encode()), (name, at)


@BOTH
def test_every_claim_has_a_row_of_its_kind(tee: str) -> None:
    rows = {row.name: row for row in (*common.ROWS, *devices.ROWS, *ROWS[tee])}
    for path in driver.cases_of(tee):
        case = driver.read_case(path)
        if case["expect"] != "accepted":
            continue
        values = driver.run(tee, path, case).values
        assert values.keys() <= rows.keys()
        for name, value in values.items():
            row = rows[name]
            if row.kind == "hex":
                assert len(bytes.fromhex(value)) in row.sizes, name
            elif row.kind == "choice":
                assert value in row.choices, name
            else:
                assert type(value) is {"boolean": bool, "integer": int, "text": str}[row.kind]


@BOTH
def test_a_broken_document_does_not_stand_in_the_way_of_a_good_one(tee: str) -> None:
    one = good(tee)
    forged = json.loads(one.document)
    forged["tcb_info"] = forged["tcb_info"].replace("OutOfDate", "UpToDate ")
    broken = [b"{}", b"\xff", json.dumps(forged).encode(), good_of_other(tee)]
    expected = one.verify().values
    assert one.verify(*broken, one.document).values == expected
    assert one.verify(one.document, *broken).values == expected


def good_of_other(tee: str) -> bytes:
    return good("sgx" if tee == "tdx" else "tdx").document


@BOTH
def test_the_document_that_came_furthest_says_what_is_wrong(tee: str) -> None:
    one = good(tee)
    late = one.now + timedelta(days=800)
    wrong_tee = good_of_other(tee)
    broken = b"{}"
    assert one.refusal(wrong_tee) is Refusal.COLLATERAL_TEE_MISMATCH
    assert one.refusal(wrong_tee, broken) is Refusal.MALFORMED
    assert one.refusal(broken, wrong_tee) is Refusal.MALFORMED
    assert one.refusal(broken, one.document, wrong_tee, now=late) is Refusal.COLLATERAL_EXPIRED


@BOTH
def test_dates_count_although_everything_else_is_remembered(tee: str) -> None:
    one = good(tee)
    for _ in range(2):
        assert one.verify()
        late, early = one.now + timedelta(days=800), one.now - timedelta(days=800)
        assert one.refusal(now=late) is Refusal.COLLATERAL_EXPIRED
        assert one.refusal(now=early) in {
            Refusal.CERT_NOT_YET_VALID,
            Refusal.COLLATERAL_NOT_YET_VALID,
        }


@BOTH
def test_policies_count_although_everything_else_is_remembered(tee: str) -> None:
    one = good(tee)
    assert one.verify()
    never = EvidencePolicy(intel=IntelPolicy(minimum_tcb_evaluation_number=10**6))
    assert one.refusal(policy=never) is Refusal.COLLATERAL_ROLLBACK
    assert one.verify()


@BOTH
def test_only_the_quote_is_verified_again(tee: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = good(tee)
    one.verify()
    asked: list[str] = []
    genuine = ecdsa.verify_raw

    def counted(*arguments: Any) -> None:
        asked.append(arguments[-1])
        genuine(*arguments)

    for module in ("appraisal", "attestation_key", "collateral"):
        monkeypatch.setattr(f"attestation.intel.{module}.verify_raw", counted)
    one.verify()
    assert asked == ["the quote"]


@BOTH
def test_the_last_comparison_noted_is_of_the_step_that_refused(tee: str) -> None:
    for path in driver.cases_of(tee):
        case = driver.read_case(path)
        if case["expect"] == "accepted":
            continue
        trace = RecordedTrace()
        with pytest.raises(EvidenceError):
            driver.run(tee, path, case, trace=trace)
        step, last = case["why"].split(":")[0], trace.checks[-1].step
        # Statuses are judged together; what is read before anything is compared comes first.
        if last == "P1":
            assert step[0] in "EMTP", case["why"]
        elif step not in {"Q7", "Q9", "T4"}:
            assert last[0] == step[0], (path.parent.name, case["why"], last)


def test_a_trace_of_good_evidence_names_every_part() -> None:
    trace = RecordedTrace()
    good("tdx").verify(trace=trace)
    assert [check.step[0] for check in trace.checks] == sorted(
        (check.step[0] for check in trace.checks), key="QCGFAKEMTP".index
    )
    assert {check.step[0] for check in trace.checks} >= set("QCGFAKEMP")


def test_a_quote_may_be_bound_in_another_way() -> None:
    one = good("tdx")
    given = GivenDocument.of(DocumentKind.INTEL_COLLATERAL, one.document)
    arguments: dict[str, Any] = {
        "endorsements": Endorsements.parse([], [], [given]),
        "policy": EvidencePolicy(),
        "anchors": one.anchors,
        "now": one.now,
    }
    td = authenticate_td_quote(one.quote, **arguments)
    assert td.report.report_data == one.report_data
    assert td.simulated

    def refuse(report: object) -> None:
        raise EvidenceError(Refusal.BINDING, "not this one")

    with pytest.raises(EvidenceError) as caught:
        authenticate_td_quote(one.quote, **arguments, check_binding=refuse)
    assert caught.value.code is Refusal.BINDING


def test_quotes_of_the_other_tee_are_refused() -> None:
    tdx_good, sgx_good = good("tdx"), good("sgx")
    assert tdx_good.refusal(quote=sgx_good.quote) is not Refusal.COLLATERAL_TEE_MISMATCH
    assert sgx_good.refusal(quote=tdx_good.quote) is not Refusal.COLLATERAL_TEE_MISMATCH


@pytest.mark.parametrize("size", [0, 383, 385, 583, 649])
def test_reports_have_exact_lengths(size: int) -> None:
    for parse in (parse_sgx_report, parse_td_report):
        with pytest.raises(EvidenceError):
            parse(bytes(size))


def test_quotes_of_any_length_are_refused_at_once() -> None:
    with pytest.raises(EvidenceError):
        parse_quote(bytes(MAX_PART_BYTES + 1))


def test_hex_has_no_white_space() -> None:
    one = good("tdx")
    document = json.loads(one.document)
    for name in ("root_ca_crl", "tcb_info_signature"):
        changed = json.dumps(document | {name: f" {document[name]}"}).encode()
        assert one.refusal(changed) is Refusal.MALFORMED
