"""Simulated TDX and SGX: folders, guests, and every fault refused for its own reason."""

from __future__ import annotations

import json
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attestation.attesters import Attester
from attestation.bundle import parse_bundle
from attestation.claims import VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, IntelPolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated.intel.faults import IntelFault
from attestation.simulated.platforms import load_platform
from attestation.simulated.sgx.faults import FAULTS as SGX_FAULTS
from attestation.simulated.sgx.faults import Fault as SgxFault
from attestation.simulated.sgx.platform import SimulatedSgxPlatform
from attestation.simulated.tdx.faults import FAULTS as TDX_FAULTS
from attestation.simulated.tdx.faults import Fault as TdxFault
from attestation.simulated.tdx.guest import QuoteForm
from attestation.simulated.tdx.platform import SimulatedTdxPlatform
from attestation.trust import TrustAnchors
from attestation.verify import verify
from tests.fakes.intel import entropy, make_sgx, make_tdx
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA
from tests.vectors.tdx_log_cases import log, rtmrs

# What both refuse for a fault they share; a fault of this name in each enumeration.
SHARED = {
    "debug": Refusal.DEBUG_ENABLED,
    "empty-report-data": Refusal.REPORT_DATA_MISMATCH,
    "replayed-nonce": Refusal.REPORT_DATA_MISMATCH,
    "wrong-qe-vendor": Refusal.QE_MISMATCH,
    "wrong-key-type": Refusal.ALG_MISMATCH,
    "unknown-version": Refusal.MALFORMED,
    "tampered": Refusal.SIGNATURE_INVALID,
    "unsigned": Refusal.SIGNATURE_INVALID,
    "trailing-data": Refusal.TRAILING_DATA,
    "wrong-attestation-key": Refusal.BINDING,
    "forged-qe-report": Refusal.SIGNATURE_INVALID,
    "other-qe-signer": Refusal.QE_MISMATCH,
    "other-qe-product": Refusal.QE_MISMATCH,
    "debug-qe": Refusal.QE_MISMATCH,
    "qe-out-of-date": Refusal.TCB_OUT_OF_DATE,
    "qe-revoked": Refusal.TCB_REVOKED,
    "qe-not-supported": Refusal.TCB_NOT_SUPPORTED,
    "expired-pck": Refusal.CERT_EXPIRED,
    "future-clock": Refusal.CERT_NOT_YET_VALID,
    "revoked-pck": Refusal.CERT_REVOKED,
    "pck-on-hold": Refusal.CERT_ON_HOLD,
    "revoked-pck-ca": Refusal.CERT_REVOKED,
    "signed-by-stranger": Refusal.UNTRUSTED_CHAIN,
    "sw-hardening-needed": Refusal.TCB_SW_HARDENING_NEEDED,
    "configuration-needed": Refusal.TCB_CONFIGURATION_NEEDED,
    "configuration-and-sw-hardening-needed": Refusal.TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
    "out-of-date": Refusal.TCB_OUT_OF_DATE,
    "out-of-date-configuration-needed": Refusal.TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
    "tcb-revoked": Refusal.TCB_REVOKED,
    "not-supported": Refusal.TCB_NOT_SUPPORTED,
    "no-collateral": Refusal.NO_ENDORSEMENT,
    "wrong-fmspc": Refusal.FMSPC_MISMATCH,
    "collateral-of-other-tee": Refusal.COLLATERAL_TEE_MISMATCH,
    "expired-collateral": Refusal.COLLATERAL_EXPIRED,
    "future-collateral": Refusal.COLLATERAL_NOT_YET_VALID,
    "tampered-collateral": Refusal.COLLATERAL_SIGNATURE_INVALID,
    "old-collateral": Refusal.COLLATERAL_ROLLBACK,
    "no-crl": Refusal.CRL_MISSING,
    "expired-crl": Refusal.CRL_EXPIRED,
    "crl-of-other-ca": Refusal.CRL_ISSUER_MISMATCH,
}
OF_TDX = {
    "migratable": Refusal.MIGRATABLE,
    "sept-ve-disable-clear": Refusal.SEPT_VE_DISABLE_CLEAR,
    "service-td-bound": Refusal.SERVICE_TD_BOUND,
    "other-event-log": Refusal.EVENT_LOG_MISMATCH,
    "old-tdx-microcode": Refusal.TCB_OUT_OF_DATE,
    "td-relaunch-advised": Refusal.TCB_TD_RELAUNCH_ADVISED,
    "td-relaunch-advised-configuration-needed": (
        Refusal.TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
    ),
    "unknown-module": Refusal.MODULE_MISMATCH,
    "other-module-signer": Refusal.MODULE_MISMATCH,
    "module-out-of-date": Refusal.TCB_OUT_OF_DATE,
    "module-revoked": Refusal.TCB_REVOKED,
    "module-not-supported": Refusal.TCB_NOT_SUPPORTED,
}
PLATFORMS: dict[str, Any] = {"tdx": SimulatedTdxPlatform, "sgx": SimulatedSgxPlatform}
# Collateral that was seen already is at least this new.
POLICY = EvidencePolicy(intel=IntelPolicy(minimum_tcb_evaluation_number=18))


def check(
    evidence: UnverifiedEvidence,
    of: Any,
    endorsements: Endorsements | None = None,
    now: datetime = NOW,
) -> VerifiedClaims:
    return verify(
        evidence,
        report_data=ExpectedReportData(REPORT_DATA),
        endorsements=endorsements or of.endorsements(),
        policy=POLICY,
        anchors=TrustAnchors.vendor().with_simulated(of.roots_pem()),
        now=now,
    )


def refusal_of(evidence: UnverifiedEvidence, of: Any) -> Refusal:
    with pytest.raises(EvidenceError) as caught:
        check(evidence, of)
    return caught.value.code


def create(tee: str, folder: Path, **options: Any) -> Any:
    return PLATFORMS[tee].create(folder, now=NOW, entropy=entropy, **options)


@pytest.mark.parametrize("form", QuoteForm)
def test_every_form_of_a_tdx_quote(form: QuoteForm) -> None:
    platform = make_tdx()
    guest: Attester = platform.launch(MEASUREMENT, form=form)
    claims = check(guest.attest(REPORT_DATA), platform)
    assert claims.simulated
    assert claims.measurement == platform.launch_value(MEASUREMENT) == MEASUREMENT
    assert claims.values["tee"] == guest.tee == "tdx"


def test_a_guest_with_the_log_of_its_boot() -> None:
    platform = make_tdx()
    guest = platform.launch(MEASUREMENT, event_log=log())
    evidence = guest.attest(REPORT_DATA)
    values = check(evidence, platform).values
    assert [bytes.fromhex(str(values[f"rtmr{index}"])) for index in range(4)] == list(rtmrs())
    wrong = guest.with_fault(TdxFault.OTHER_EVENT_LOG).attest(REPORT_DATA)
    assert wrong.parts["quote"] == evidence.parts["quote"]
    assert refusal_of(wrong, platform) is Refusal.EVENT_LOG_MISMATCH


@pytest.mark.parametrize("version", [3, 4, 5])
def test_every_form_of_an_sgx_quote(version: int) -> None:
    platform = make_sgx()
    enclave: Attester = platform.launch(MEASUREMENT, version=version, isv_prod_id=7, isv_svn=9)
    claims = check(enclave.attest(REPORT_DATA), platform)
    assert claims.simulated
    assert claims.measurement == platform.launch_value(MEASUREMENT)
    assert (claims.values["isv-prod-id"], claims.values["isv-svn"]) == (7, 9)
    assert claims.values["tee"] == enclave.tee == "sgx"


@pytest.mark.parametrize("fault", TdxFault)
@pytest.mark.parametrize("form", QuoteForm)
def test_every_fault_of_tdx_has_its_own_refusal(fault: TdxFault, form: QuoteForm) -> None:
    platform = make_tdx().with_fault(fault)
    evidence = platform.launch(MEASUREMENT, form=form).attest(REPORT_DATA)
    assert refusal_of(evidence, platform) is (SHARED | OF_TDX)[fault.value]


@pytest.mark.parametrize("fault", SgxFault)
def test_every_fault_of_sgx_has_its_own_refusal(fault: SgxFault) -> None:
    platform = make_sgx().with_fault(fault)
    evidence = platform.launch(MEASUREMENT).attest(REPORT_DATA)
    assert refusal_of(evidence, platform) is SHARED[fault.value]


def test_the_lists_of_faults_are_whole() -> None:
    shared = {fault.value for fault in IntelFault}
    assert shared == set(SHARED) == set(SGX_FAULTS)
    assert set(TDX_FAULTS) == shared | set(OF_TDX)


def test_a_guest_can_go_wrong_alone() -> None:
    tdx, sgx = make_tdx(), make_sgx()
    guest, enclave = tdx.launch(MEASUREMENT), sgx.launch(MEASUREMENT)
    wrong = guest.with_fault(TdxFault.DEBUG).attest(REPORT_DATA)
    assert refusal_of(wrong, tdx) is Refusal.DEBUG_ENABLED
    wrong = enclave.with_fault(SgxFault.DEBUG).attest(REPORT_DATA)
    assert refusal_of(wrong, sgx) is Refusal.DEBUG_ENABLED
    check(guest.attest(REPORT_DATA), tdx)
    check(enclave.attest(REPORT_DATA), sgx)


@pytest.mark.parametrize("tee", PLATFORMS)
def test_nobody_trusts_it_unasked(tee: str, tmp_path: Path) -> None:
    platform = create(tee, tmp_path)
    with pytest.raises(EvidenceError) as caught:
        verify(
            platform.launch(MEASUREMENT).attest(REPORT_DATA),
            report_data=ExpectedReportData(REPORT_DATA),
            endorsements=platform.endorsements(),
            policy=POLICY,
            anchors=TrustAnchors.vendor(),
            now=NOW,
        )
    assert caught.value.code is Refusal.SIMULATED_NOT_TRUSTED


@pytest.mark.parametrize("tee", PLATFORMS)
@pytest.mark.parametrize("pck_ca", ["platform", "processor"])
def test_a_platform_in_a_folder(tee: str, pck_ca: str, tmp_path: Path) -> None:
    made = create(tee, tmp_path, pck_ca=pck_ca)
    assert b"SIMULATED" in (tmp_path / "SIMULATED.txt").read_bytes()
    assert stat.S_IMODE((tmp_path / "platform.secret").stat().st_mode) == 0o600
    state = json.loads((tmp_path / "state.json").read_bytes())
    assert (state["tee"], state["faults"], state["simulated"]) == (tee, [], True)
    loaded: Any = load_platform(tmp_path)
    assert isinstance(loaded, PLATFORMS[tee])
    evidence = loaded.launch(MEASUREMENT).attest(REPORT_DATA)
    assert evidence.parts == made.launch(MEASUREMENT).attest(REPORT_DATA).parts
    published = parse_bundle((tmp_path / "endorsements.json").read_bytes()).to_endorsements()
    assert (tmp_path / "root.pem").read_bytes() == loaded.roots_pem()
    assert check(evidence, loaded, published).values["pck-ca"] == pck_ca


@pytest.mark.parametrize("tee", PLATFORMS)
def test_its_collateral_counts_for_a_year(tee: str, tmp_path: Path) -> None:
    platform = create(tee, tmp_path)
    evidence = platform.launch(MEASUREMENT).attest(REPORT_DATA)
    check(evidence, platform, now=NOW + timedelta(days=364))
    with pytest.raises(EvidenceError) as caught:
        check(evidence, platform, now=NOW + timedelta(days=366))
    assert caught.value.code is Refusal.COLLATERAL_EXPIRED


@pytest.mark.parametrize("tee", PLATFORMS)
def test_faults_are_kept(tee: str, tmp_path: Path) -> None:
    create(tee, tmp_path, faults=["debug", "no-collateral"])
    loaded: Any = load_platform(tmp_path)
    assert loaded.faults == {"debug", "no-collateral"}
    assert loaded.launch(MEASUREMENT).faults == loaded.faults
    assert parse_bundle((tmp_path / "endorsements.json").read_bytes()).documents == ()


@pytest.mark.parametrize("tee", PLATFORMS)
def test_two_platforms_share_no_key(tee: str, tmp_path: Path) -> None:
    one = create(tee, tmp_path / "one")
    two = PLATFORMS[tee].create(tmp_path / "two", now=NOW)
    assert one.roots_pem() != two.roots_pem()
    evidence = two.launch(MEASUREMENT).attest(REPORT_DATA)
    assert refusal_of(evidence, one) is Refusal.SIMULATED_NOT_TRUSTED


@pytest.mark.parametrize("tee", PLATFORMS)
def test_what_cannot_be_created(tee: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Fault"):
        create(tee, tmp_path, faults=["unheard-of"])
    with pytest.raises(ValueError, match="pck_ca"):
        create(tee, tmp_path, pck_ca="root")
    create(tee, tmp_path)
    with pytest.raises(FileExistsError):
        create(tee, tmp_path)


@pytest.mark.parametrize("tee", PLATFORMS)
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("tee", "snp"),
        ("faults", ["unheard-of"]),
        ("pck_ca", "root"),
        ("created", "yesterday"),
        ("platform", None),
    ],
)
def test_folders_that_hold_no_platform(
    tee: str, member: str, value: object, tmp_path: Path
) -> None:
    create(tee, tmp_path)
    state = json.loads((tmp_path / "state.json").read_bytes())
    changed = {name: one for name, one in (state | {member: value}).items() if one is not None}
    (tmp_path / "state.json").write_text(json.dumps(changed))
    with pytest.raises(EvidenceError) as caught:
        PLATFORMS[tee].load(tmp_path)
    assert caught.value.code is Refusal.MALFORMED


@pytest.mark.parametrize("tee", PLATFORMS)
@pytest.mark.parametrize("file", ["state.json", "platform.secret"])
def test_folders_that_lost_a_file(tee: str, file: str, tmp_path: Path) -> None:
    create(tee, tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(EvidenceError) as caught:
        PLATFORMS[tee].load(tmp_path)
    assert caught.value.code is Refusal.MALFORMED


def test_lengths_that_no_hardware_takes() -> None:
    for platform in (make_tdx(), make_sgx()):
        with pytest.raises(ValueError, match="expected 48"):
            platform.launch(bytes(47))
        with pytest.raises(ValueError, match="expected 64"):
            platform.launch(MEASUREMENT).attest(bytes(63))


def test_secrets_are_not_shown() -> None:
    platform = make_tdx()
    for shown in (repr(platform), repr(platform.launch(MEASUREMENT)), repr(platform.silicon.pck())):
        assert platform.silicon.identity.secret.hex() not in shown
        assert "secret" not in shown
