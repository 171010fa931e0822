"""Strict text encodings, evidence on the wire, report data, policy, limits of each."""

from __future__ import annotations

import pytest

from attestation.encoding import b64decode, b64encode, b64url_decode, b64url_encode, parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.limits import MAX_JSON_DEPTH, MAX_JSON_VALUES, MAX_PART_BYTES
from attestation.policy import EvidencePolicy, SnpPolicy
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData


def code_of(call, *args, **kwargs) -> Refusal:
    with pytest.raises(EvidenceError) as caught:
        call(*args, **kwargs)
    return caught.value.code


@pytest.mark.parametrize("text", ["AB==", "AA=", "AA", "A A=", "AA==\n", "é", "AA-_"])
def test_base64_has_one_spelling(text: str) -> None:
    assert code_of(b64decode, text, what="x") is Refusal.MALFORMED


@pytest.mark.parametrize("text", ["AB", "AA==", "A", "A+", "é", "A\n"])
def test_base64url_has_one_spelling(text: str) -> None:
    assert code_of(b64url_decode, text, what="x") is Refusal.MALFORMED


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff\xfe", bytes(range(256))])
def test_base64_round_trip(data: bytes) -> None:
    assert b64decode(b64encode(data), what="x") == data
    assert b64url_decode(b64url_encode(data), what="x") == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{} {}",
        b"\xff",
        b'{"a":1,"a":2}',
        b"NaN",
        b"-Infinity",
        b"[" * 100000,
        b"[" * (MAX_JSON_DEPTH + 1) + b"]" * (MAX_JSON_DEPTH + 1),
        b"1" * 5000,
    ],
)
def test_json_is_strict(data: bytes) -> None:
    assert code_of(parse_json, data, limit_bytes=1 << 20, what="x") is Refusal.MALFORMED


def test_json_limits_are_inclusive() -> None:
    assert parse_json(b"[1]", limit_bytes=3, what="x") == [1]
    assert code_of(parse_json, b"[1]", limit_bytes=2, what="x") is Refusal.MALFORMED
    deepest = b"[" * (MAX_JSON_DEPTH - 1) + b"1" + b"]" * (MAX_JSON_DEPTH - 1)
    assert parse_json(deepest, limit_bytes=100, what="x")
    lists = b"[" * MAX_JSON_DEPTH + b"]" * MAX_JSON_DEPTH
    assert parse_json(lists, limit_bytes=100, what="x")
    too_deep = b'{"a":' * MAX_JSON_DEPTH + b"1" + b"}" * MAX_JSON_DEPTH
    assert code_of(parse_json, too_deep, limit_bytes=100, what="x") is Refusal.MALFORMED
    most = b"[" + b"1," * (MAX_JSON_VALUES - 1) + b"1]"
    assert len(parse_json(most, limit_bytes=1 << 20, what="x")) == MAX_JSON_VALUES
    more = b"[1," + most[1:]
    assert code_of(parse_json, more, limit_bytes=1 << 20, what="x") is Refusal.MALFORMED


def test_evidence_round_trip() -> None:
    evidence = UnverifiedEvidence("snp", {"report": b"r", "vek": b"v"})
    wire = evidence.to_wire()
    assert wire == {"tee": "snp", "report": "cg==", "vek": "dg=="}
    assert UnverifiedEvidence.from_wire(wire) == evidence
    assert evidence.digest.startswith("sha256:")
    assert evidence.digest != UnverifiedEvidence("snp", {"report": b"r"}).digest
    assert "cg" not in repr(evidence)
    assert "b'r'" not in repr(evidence)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ([], Refusal.MALFORMED),
        ({}, Refusal.MALFORMED),
        ({"tee": 1}, Refusal.MALFORMED),
        ({"tee": "abacus"}, Refusal.UNSUPPORTED),
        ({"tee": "snp"}, Refusal.MALFORMED),
        ({"tee": "snp", "report": 1}, Refusal.MALFORMED),
        ({"tee": "snp", "report": "cg"}, Refusal.MALFORMED),
        ({"tee": "snp", "report": "cg==", "more": ""}, Refusal.MALFORMED),
        ({"tee": "snp", "report": b64encode(bytes(MAX_PART_BYTES + 3))}, Refusal.MALFORMED),
    ],
)
def test_evidence_on_the_wire_is_strict(document, code: Refusal) -> None:
    assert code_of(UnverifiedEvidence.from_wire, document) is code


def test_evidence_cannot_be_changed_from_outside() -> None:
    parts = {"report": b"r"}
    evidence = UnverifiedEvidence("snp", parts)
    parts["report"] = b"x"
    assert evidence.parts["report"] == b"r"
    with pytest.raises(TypeError):
        evidence.parts["report"] = b"x"


@pytest.mark.parametrize("value", [b"", bytes(63) + b"", bytes(64), b"x" * 65])
def test_an_empty_expectation_cannot_be_expressed(value: bytes) -> None:
    with pytest.raises(ValueError, match="report data"):
        ExpectedReportData(value)


def test_report_data_compares_every_byte() -> None:
    expected = ExpectedReportData(b"x" * 64)
    assert expected.matches(b"x" * 64)
    assert not expected.matches(b"x" * 63 + b"y")
    assert not expected.matches(b"y" + b"x" * 63)
    assert UnsafeAnyReportData().matches(b"anything")


@pytest.mark.parametrize(
    "values",
    [
        {"max_vmpl": 4},
        {"max_vmpl": -1},
        {"minimum_report_version": 4},
        {"products": frozenset()},
        {"products": frozenset({"rome"})},
        {"signing_keys": frozenset()},
        {"signing_keys": frozenset({"ark"})},
        {"minimum_tcb": {"rome": {}}},
        {"minimum_tcb": {"milan": {"bios": 1}}},
        {"minimum_tcb": {"milan": {"snp": 256}}},
        {"minimum_tcb": {"milan": {"snp": -1}}},
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(values: dict) -> None:
    with pytest.raises(ValueError, match=r"."):
        SnpPolicy(**values)


def test_policy_defaults_are_strict() -> None:
    policy = EvidencePolicy()
    assert policy.crl == "required"
    assert not policy.snp.allow_debug
    assert not policy.snp.allow_migration
    assert not policy.snp.allow_masked_chip_id
    assert policy.snp.max_vmpl == 0
