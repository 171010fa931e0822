"""Simulated CCA platforms in folders, and what their realms give."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attestation.errors import EvidenceError, Refusal
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated.cca.faults import Fault
from attestation.simulated.cca.guest import SimulatedRealm
from attestation.simulated.cca.platform import SimulatedCcaPlatform
from attestation.simulated.platforms import load_platform
from attestation.trust import TrustAnchors
from attestation.verify import verify
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA

EXPECTED = {
    Fault.DEBUG: Refusal.LIFECYCLE_NOT_SECURED,
    Fault.NON_ROT_DEBUG: Refusal.LIFECYCLE_NOT_SECURED,
    Fault.NOT_PROVISIONED: Refusal.LIFECYCLE_NOT_SECURED,
    Fault.DECOMMISSIONED: Refusal.LIFECYCLE_NOT_SECURED,
    Fault.EMPTY_REPORT_DATA: Refusal.REPORT_DATA_MISMATCH,
    Fault.REPLAYED_NONCE: Refusal.REPORT_DATA_MISMATCH,
    Fault.SIGNED_BY_STRANGER: Refusal.SIGNATURE_INVALID,
    Fault.OTHER_PLATFORM: Refusal.SIMULATED_NOT_TRUSTED,
    Fault.UNSIGNED: Refusal.SIGNATURE_INVALID,
    Fault.TAMPERED: Refusal.SIGNATURE_INVALID,
    Fault.TAMPERED_PLATFORM: Refusal.SIGNATURE_INVALID,
    Fault.NOT_MARKED: Refusal.NO_ENDORSEMENT,
    Fault.OTHER_REALM_KEY: Refusal.REALM_PLATFORM_BINDING,
    Fault.FORGED_REALM: Refusal.SIGNATURE_INVALID,
    Fault.UNKNOWN_PROFILE: Refusal.MALFORMED,
    Fault.NO_CHALLENGE: Refusal.MISSING_CLAIMS,
    Fault.TRAILING_DATA: Refusal.TRAILING_DATA,
}


@pytest.fixture
def platform(tmp_path: Path) -> SimulatedCcaPlatform:
    return SimulatedCcaPlatform.create(tmp_path / "cca", now=NOW)


def claims_of(platform: SimulatedCcaPlatform, realm: SimulatedRealm):
    return verify(
        realm.attest(REPORT_DATA),
        report_data=ExpectedReportData(REPORT_DATA),
        endorsements=platform.endorsements(),
        policy=EvidencePolicy(),
        anchors=TrustAnchors.vendor().with_simulated(platform.roots_pem()),
        now=NOW,
    )


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
def test_realm_is_what_was_launched(
    platform: SimulatedCcaPlatform, old: bool, wrapped: bool
) -> None:
    claims = claims_of(platform, platform.launch(MEASUREMENT, old=old, wrapped=wrapped))
    assert claims.simulated
    assert claims.measurement == platform.launch_value(MEASUREMENT)
    assert ("realm-profile" in claims.values) is not old


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_has_its_reason(platform: SimulatedCcaPlatform, fault: Fault) -> None:
    assert EXPECTED.keys() == set(Fault)
    with pytest.raises(EvidenceError) as caught:
        claims_of(platform, platform.with_fault(fault).launch(MEASUREMENT))
    assert caught.value.code is EXPECTED[fault]


@pytest.mark.parametrize(
    "verb", ["debug", "replayed_nonce", "signed_by_stranger", "other_realm_key", "tampered"]
)
def test_verbs_name_faults(platform: SimulatedCcaPlatform, verb: str) -> None:
    realm = getattr(platform.launch(MEASUREMENT), verb)()
    assert realm.faults == {Fault(verb.replace("_", "-"))}
    assert realm.tee == "cca"


def test_folder_keeps_platform_and_faults(tmp_path: Path) -> None:
    made = SimulatedCcaPlatform.create(tmp_path / "cca", now=NOW, faults=["debug"])
    loaded = load_platform(tmp_path / "cca")
    assert loaded == made
    assert (tmp_path / "cca" / "root.pem").read_bytes() == loaded.roots_pem()
    with pytest.raises(EvidenceError, match="lifecycle"):
        claims_of(made, loaded.launch(MEASUREMENT))


def test_wrong_lengths_are_the_callers_fault(platform: SimulatedCcaPlatform) -> None:
    with pytest.raises(ValueError, match="expected 48"):
        platform.launch(bytes(32))
    with pytest.raises(ValueError, match="expected 64"):
        platform.launch(MEASUREMENT).attest(bytes(32))


def test_folders_that_hold_none(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no simulated platform"):
        SimulatedCcaPlatform.load(tmp_path)
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(FileExistsError):
        SimulatedCcaPlatform.create(tmp_path, now=NOW)
    with pytest.raises(ValueError, match="nonsense"):
        SimulatedCcaPlatform.create(tmp_path / "new", now=NOW, faults=["nonsense"])


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"tee": "snp"}, "not one of cca"),
        ({"faults": ["nonsense"]}, "state"),
        ({"created": 1}, "state"),
    ],
)
def test_changed_state_is_refused(tmp_path: Path, change: dict, detail: str) -> None:
    SimulatedCcaPlatform.create(tmp_path / "cca", now=NOW)
    state = tmp_path / "cca" / "state.json"
    state.write_text(json.dumps(json.loads(state.read_bytes()) | change))
    with pytest.raises(EvidenceError, match=detail):
        SimulatedCcaPlatform.load(tmp_path / "cca")


def test_lost_secret_is_refused(tmp_path: Path) -> None:
    SimulatedCcaPlatform.create(tmp_path / "cca", now=NOW)
    (tmp_path / "cca" / "platform.secret").unlink()
    with pytest.raises(EvidenceError, match="secret"):
        SimulatedCcaPlatform.load(tmp_path / "cca")
