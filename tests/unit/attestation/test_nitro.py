"""Nitro beyond its vectors: the device, the simulated platform, policy, real documents' traits."""

from __future__ import annotations

import ctypes
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attestation import cbor, nsm
from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.nsm import NsmAttester, NsmFile, attestation_document, attestation_request
from attestation.policy import EvidencePolicy, NitroPolicy
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.simulated.nitro.enclave import SimulatedEnclave
from attestation.simulated.nitro.faults import FAULTS, Fault
from attestation.simulated.nitro.platform import SimulatedNitroPlatform, system_clock
from attestation.simulated.platforms import load_platform
from attestation.trust import TrustAnchors
from attestation.verifiers.nitro.chain import _chains
from attestation.verifiers.nitro.document import parse_document
from attestation.verify import verify
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA
from tests.vectors.nitro_cases import GOOD, VENDOR, enclave, saying

PLATFORM = SimulatedNitroPlatform(VENDOR, lambda: NOW)
ANCHORS = TrustAnchors.vendor().with_simulated(PLATFORM.roots_pem())
ASK = {"user_data": None, "nonce": REPORT_DATA, "public_key": None}


def check(evidence: UnverifiedEvidence, **changes: Any) -> VerifiedClaims:
    given: dict[str, Any] = {
        "report_data": ExpectedReportData(REPORT_DATA),
        "endorsements": Endorsements.none(),
        "policy": EvidencePolicy(),
        "anchors": ANCHORS,
        "now": NOW,
    }
    return verify(evidence, **(given | changes))


def code_of(evidence: UnverifiedEvidence, **changes: Any) -> Refusal:
    with pytest.raises(EvidenceError) as caught:
        check(evidence, **changes)
    return caught.value.code


class Device:
    """Answers every request with the same bytes and keeps what it was asked."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[bytes] = []

    def exchange(self, request: bytes) -> bytes:
        self.asked.append(request)
        return self.answer


def test_the_attester_asks_for_the_report_data_as_nonce() -> None:
    device = Device(cbor.encode({"Attestation": {"document": GOOD}}))
    attester = NsmAttester(device, b"key", b"data")
    evidence = attester.attest(REPORT_DATA)
    assert (attester.tee, evidence.tee, evidence.parts["document"]) == ("nitro", "nitro", GOOD)
    asked = {"user_data": b"data", "nonce": REPORT_DATA, "public_key": b"key"}
    assert [cbor.decode(one, what="request") for one in device.asked] == [{"Attestation": asked}]


def test_the_request_is_written_in_one_way() -> None:
    assert attestation_request(nonce=b"\1").hex() == (
        "a16b4174746573746174696f6ea3656e6f6e6365410169757365725f64617461f66a7075626c69635f6b6579f6"
    )


def test_a_refusal_of_the_module_says_why() -> None:
    with pytest.raises(OSError, match="the NSM refused: InvalidArgument"):
        NsmAttester(Device(cbor.encode({"Error": "InvalidArgument"}))).attest(REPORT_DATA)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", Refusal.MALFORMED),
        (cbor.encode("Success"), Refusal.MALFORMED),
        (cbor.encode({"Attestation": {}}), Refusal.MALFORMED),
        (cbor.encode({"Attestation": {"document": b""}}), Refusal.MALFORMED),
        (cbor.encode({"Attestation": {"document": "text"}}), Refusal.MALFORMED),
        (cbor.encode({"Attestation": [GOOD]}), Refusal.MALFORMED),
        (cbor.encode({"Attestation": {"document": GOOD, "more": 1}}), Refusal.MALFORMED),
        (cbor.encode({"Error": 3}), Refusal.MALFORMED),
        (cbor.encode({"Attestation": {"document": GOOD}, "Error": "x"}), Refusal.MALFORMED),
        (cbor.encode({"Attestation": {"document": GOOD}}) + b"\0", Refusal.TRAILING_DATA),
    ],
)
def test_an_answer_that_is_none_is_refused(answer: bytes, code: Refusal) -> None:
    with pytest.raises(EvidenceError) as caught:
        attestation_document(answer)
    assert caught.value.code is code


@pytest.mark.parametrize(
    "members", [{"public_key": b""}, {"public_key": bytes(1025)}, {"user_data": bytes(513)}]
)
def test_what_the_module_would_refuse_is_a_fault_of_the_caller(members: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="bytes"):
        NsmAttester(Device(b""), **members)


def test_report_data_has_64_bytes() -> None:
    with pytest.raises(ValueError, match="expected 64"):
        NsmAttester(Device(b"")).attest(bytes(63))


class Kernel:
    """Does what the kernel does with an `nsm_raw`: reads and writes at the addresses in it."""

    def __init__(self, module: nsm.NsmDevice, length: int | None = None) -> None:
        self.module = module
        self.length = length
        self.numbers: list[int] = []

    def ioctl(self, descriptor: int, number: int, message: Any) -> int:
        self.numbers.append(number)
        assert descriptor > 2
        request = ctypes.string_at(message.request_address, message.request_length)
        answer = self.module.exchange(request)
        assert len(answer) <= message.response_length == 12288
        ctypes.memmove(message.response_address, answer, len(answer))
        message.response_length = len(answer) if self.length is None else self.length
        return 0


def test_the_device_file_is_asked_by_its_ioctl(tmp_path: Path) -> None:
    (tmp_path / "nsm").touch()
    kernel = Kernel(enclave().device)
    device = NsmFile(tmp_path / "nsm", kernel.ioctl)
    assert NsmAttester(device).attest(REPORT_DATA).parts["document"] == GOOD
    assert kernel.numbers == [0xC0200A00]


def test_a_device_that_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        NsmAttester(NsmFile(tmp_path / "nsm")).attest(REPORT_DATA)


def test_a_device_that_is_no_device_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "nsm").touch()
    with pytest.raises(OSError, match="ioctl"):
        NsmAttester(NsmFile(tmp_path / "nsm")).attest(REPORT_DATA)


def test_a_length_beyond_the_buffer_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "nsm").touch()
    with pytest.raises(OSError, match="longer than its buffer"):
        NsmFile(tmp_path / "nsm", Kernel(enclave().device, 12289).ioctl).exchange(b"")


def test_a_request_that_the_device_would_not_read_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="4097 bytes"):
        NsmFile().exchange(bytes(4097))


@pytest.mark.parametrize(
    ("request_bytes", "word"),
    [
        (b"", "InvalidArgument"),
        (bytes(4097), "InputTooLarge"),
        (cbor.encode("DescribeNSM"), "InvalidOperation"),
        (cbor.encode({"DescribePCR": {"index": 0}}), "InvalidOperation"),
        (cbor.encode({"Attestation": None}), "InvalidArgument"),
        (cbor.encode({"Attestation": {"salt": b""}}), "InvalidArgument"),
        (cbor.encode({"Attestation": ASK | {"nonce": "text"}}), "InvalidArgument"),
        (cbor.encode({"Attestation": ASK | {"nonce": bytes(513)}}), "InputTooLarge"),
        (cbor.encode({"Attestation": ASK | {"public_key": bytes(1025)}}), "InputTooLarge"),
    ],
)
def test_the_simulated_module_refuses_as_the_real_one(request_bytes: bytes, word: str) -> None:
    assert cbor.decode(enclave().device.exchange(request_bytes), what="answer") == {"Error": word}


def test_the_simulated_module_takes_requests_without_optional_members() -> None:
    answer = enclave().device.exchange(cbor.encode({"Attestation": {}}))
    assert parse_document(attestation_document(answer)).nonce is None


def test_user_data_public_key_and_pcrs_become_claims() -> None:
    guest = PLATFORM.launch(MEASUREMENT, user_data=b"\1", public_key=b"\2")
    signer = bytes([8]) * 48
    values = check(guest.with_pcrs({8: signer, 16: signer}).attest(REPORT_DATA)).values
    assert (values["user-data"], values["public-key"]) == ("01", "02")
    assert values["pcr.8"] == values["pcr.16"] == signer.hex()
    assert values["measurement"] == values["pcr.0"] == MEASUREMENT.hex()
    assert values["timestamp"] == int(NOW.timestamp() * 1000)


def test_tagged_and_indefinite_documents_say_the_same() -> None:
    guest = enclave()
    device = replace(guest.device, tagged=True, indefinite=True)
    document = replace(guest, device=device).attest(REPORT_DATA)
    plain = check(guest.attest(REPORT_DATA))
    assert check(document).values == plain.values
    assert document.parts["document"][:1] == b"\xd2"


def test_a_chain_is_remembered_and_its_dates_are_not() -> None:
    evidence = enclave().attest(REPORT_DATA)
    check(evidence)
    size = len(_chains)
    check(evidence)
    assert len(_chains) == size
    old = NitroPolicy(max_age_seconds=24 * 3600)
    late = {"now": NOW + timedelta(hours=4), "policy": EvidencePolicy(nitro=old)}
    assert code_of(evidence, **late) is Refusal.CERT_EXPIRED


def test_a_remembered_chain_counts_under_its_own_roots_only() -> None:
    evidence = enclave().attest(REPORT_DATA)
    check(evidence)
    assert code_of(evidence, anchors=TrustAnchors.vendor()) is Refusal.SIMULATED_NOT_TRUSTED


def test_a_document_without_nonce_passes_only_where_nobody_asks() -> None:
    evidence = UnverifiedEvidence("nitro", {"document": saying(nonce=None)})
    assert code_of(evidence) is Refusal.NONCE_MISMATCH
    assert check(evidence, report_data=UnsafeAnyReportData()).report_data == b""


def test_evidence_without_a_document_is_malformed() -> None:
    assert code_of(UnverifiedEvidence("nitro", {})) is Refusal.MALFORMED


def test_an_age_that_is_not_positive_cannot_be_meant() -> None:
    with pytest.raises(ValueError, match="max_age_seconds"):
        NitroPolicy(max_age_seconds=0)


def test_a_platform_in_a_folder_comes_back(tmp_path: Path) -> None:
    made = SimulatedNitroPlatform.create(tmp_path / "p", now=NOW, faults=["debug"])
    loaded = SimulatedNitroPlatform.load(tmp_path / "p")
    assert loaded == made
    assert (tmp_path / "p" / "root.pem").read_bytes() == made.roots_pem()
    assert "SIMULATED" in (tmp_path / "p" / "SIMULATED.txt").read_text(encoding="utf-8")
    assert isinstance(load_platform(tmp_path / "p"), SimulatedNitroPlatform)
    anchors = TrustAnchors.vendor().with_simulated(loaded.roots_pem())
    guest = loaded.with_clock(lambda: NOW).launch(MEASUREMENT)
    assert guest.tee == "nitro"
    assert loaded.launch_value(MEASUREMENT) == MEASUREMENT
    refused = code_of(guest.attest(REPORT_DATA), anchors=anchors)
    assert refused is Refusal.DEBUG_ENABLED


def test_a_platform_works_for_years(tmp_path: Path) -> None:
    made = SimulatedNitroPlatform.create(tmp_path / "p", now=NOW)
    later = NOW + timedelta(days=3650)
    guest = made.launch(MEASUREMENT).with_clock(lambda: later)
    anchors = TrustAnchors.vendor().with_simulated(made.roots_pem())
    claims = check(
        guest.attest(REPORT_DATA), anchors=anchors, now=later, endorsements=made.endorsements()
    )
    assert claims.simulated


def test_a_platform_needs_an_empty_folder_and_known_faults(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no-such-fault"):
        SimulatedNitroPlatform.create(tmp_path / "p", now=NOW, faults=["no-such-fault"])
    SimulatedNitroPlatform.create(tmp_path / "p", now=NOW)
    with pytest.raises(FileExistsError):
        SimulatedNitroPlatform.create(tmp_path / "p", now=NOW)


@pytest.mark.parametrize("change", [{"faults": ["x"]}, {"created": "x"}, {"platform": None}])
def test_a_folder_that_holds_no_platform_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    SimulatedNitroPlatform.create(tmp_path, now=NOW)
    state = json.loads((tmp_path / "state.json").read_bytes())
    changed = {name: value for name, value in (state | change).items() if value is not None}
    (tmp_path / "state.json").write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(EvidenceError, match="state of simulated platform"):
        SimulatedNitroPlatform.load(tmp_path)


def test_a_folder_without_state_or_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no simulated platform"):
        SimulatedNitroPlatform.load(tmp_path)
    SimulatedNitroPlatform.create(tmp_path, now=NOW)
    (tmp_path / "vendor.secret").unlink()
    with pytest.raises(EvidenceError, match="lost its secret"):
        SimulatedNitroPlatform.load(tmp_path)


def test_a_measurement_has_48_bytes() -> None:
    with pytest.raises(ValueError, match="expected 48"):
        PLATFORM.launch(bytes(47))


VERBS = {
    "debug": SimulatedEnclave.debug,
    "replayed-nonce": SimulatedEnclave.replayed_nonce,
    "expired-leaf": SimulatedEnclave.expired_leaf,
    "signed-by-stranger": SimulatedEnclave.signed_by_stranger,
    "tampered": SimulatedEnclave.tampered,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_refused(fault: str) -> None:
    guest = PLATFORM.with_fault(Fault(fault)).launch(MEASUREMENT)
    if fault in VERBS:
        assert VERBS[fault](enclave()).device.faults == guest.device.faults
    code_of(guest.attest(REPORT_DATA))


def test_the_system_clock_has_a_time_zone() -> None:
    assert system_clock().tzinfo is UTC
    assert system_clock() > datetime(2026, 1, 1, tzinfo=UTC)
