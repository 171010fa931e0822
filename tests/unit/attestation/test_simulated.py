"""Simulated silicon: every fault is refused for its own reason, and nothing else is wrong."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from attestation.attesters import Attester
from attestation.claims import VerifiedClaims
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, SnpPolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated import FAULTS, Fault, SimulatedPlatform, measure_files
from attestation.simulated.signers import RsaSigner
from attestation.simulated.snp import platform
from attestation.simulated.store import FolderStore
from attestation.trust import TrustAnchors
from attestation.verify import verify
from tests.fakes.silicon import (
    MEASUREMENT,
    NOW,
    REPORT_DATA,
    make_platform,
    private_key,
    signer_of,
)

EXPECTED = {
    Fault.DEBUG: Refusal.DEBUG_ENABLED,
    Fault.MIGRATABLE: Refusal.MIGRATABLE,
    Fault.WRONG_VMPL: Refusal.VMPL_NONZERO,
    Fault.HOST_REQUESTED: Refusal.VMPL_NONZERO,
    Fault.WRONG_CHIP: Refusal.CHIP_ID_MISMATCH,
    Fault.MASKED_CHIP_ID: Refusal.CHIP_ID_MASKED,
    Fault.EMPTY_REPORT_DATA: Refusal.REPORT_DATA_MISMATCH,
    Fault.OLD_TCB: Refusal.TCB_BELOW_MINIMUM,
    Fault.TCB_OUT_OF_ORDER: Refusal.TCB_INCONSISTENT,
    Fault.REPLAYED_NONCE: Refusal.REPORT_DATA_MISMATCH,
    Fault.SIGNED_BY_STRANGER: Refusal.UNTRUSTED_CHAIN,
    Fault.UNSIGNED: Refusal.SIGNATURE_INVALID,
    Fault.TAMPERED: Refusal.SIGNATURE_INVALID,
    Fault.WRONG_TCB_CERTIFICATE: Refusal.TCB_MISMATCH,
    Fault.EXPIRED_VEK: Refusal.CERT_EXPIRED,
    Fault.FUTURE_CLOCK: Refusal.CERT_NOT_YET_VALID,
    Fault.NO_CERTIFICATE: Refusal.NO_ENDORSEMENT,
    Fault.EXPIRED_ASK: Refusal.CERT_EXPIRED,
    Fault.REVOKED_ASK: Refusal.CERT_REVOKED,
}


def check(evidence: UnverifiedEvidence, of: SimulatedPlatform) -> VerifiedClaims:
    return verify(
        evidence,
        report_data=ExpectedReportData(REPORT_DATA),
        endorsements=of.endorsements(),
        policy=EvidencePolicy(snp=SnpPolicy(minimum_tcb={of.product: of.tcb})),
        anchors=TrustAnchors.vendor().with_simulated(of.roots_pem()),
        now=NOW,
    )


def refusal_of(evidence: UnverifiedEvidence, of: SimulatedPlatform) -> Refusal:
    with pytest.raises(EvidenceError) as caught:
        check(evidence, of)
    return caught.value.code


@pytest.mark.parametrize("product", ["milan", "genoa", "turin"])
@pytest.mark.parametrize("version", [2, 3, 5])
@pytest.mark.parametrize("key", ["vcek", "vlek"])
def test_every_product_key_and_version(
    tmp_path: Path, product: str, version: int, key: str
) -> None:
    made = make_platform(tmp_path, product=product, signing_keys=("vcek", "vlek"))
    guest = made.launch(MEASUREMENT, signing_key=key, report_version=version, host_data=b"h" * 32)
    claims = check(guest.attest(REPORT_DATA), made)
    assert claims.simulated
    assert claims.measurement == MEASUREMENT
    assert claims.report_data == REPORT_DATA
    wanted = {"product": product, "signing-key": key, "report-version": version, "tee": "snp"}
    assert {name: claims.values[name] for name in wanted} == wanted
    assert claims.values["host-data"] == b"h".hex() * 32
    assert ("csp-id" in claims.values) == (key == "vlek")
    assert ("tcb.launch.fmc" in claims.values) == (product == "turin")
    assert claims.values["chip-id-masked"] == (key == "vlek")


@pytest.mark.parametrize("product", ["milan", "genoa", "turin"])
@pytest.mark.parametrize("fault", EXPECTED)
def test_every_fault_has_its_own_refusal(tmp_path: Path, product: str, fault: Fault) -> None:
    made = make_platform(tmp_path, product=product).with_fault(fault)
    assert refusal_of(made.launch(MEASUREMENT).attest(REPORT_DATA), made) is EXPECTED[fault]


def test_the_list_of_faults_is_whole() -> None:
    assert set(EXPECTED) == set(Fault)
    assert set(FAULTS) == {fault.value for fault in Fault}


@pytest.mark.parametrize(
    "verb",
    [
        "debug",
        "migratable",
        "wrong_vmpl",
        "host_requested",
        "old_tcb",
        "wrong_chip",
        "masked_chip_id",
        "empty_report_data",
        "replayed_nonce",
        "signed_by_stranger",
        "tampered",
        "wrong_tcb_certificate",
        "expired_vek",
        "future_clock",
    ],
)
def test_verbs_of_a_guest(tmp_path: Path, verb: str) -> None:
    made = make_platform(tmp_path)
    guest = made.launch(MEASUREMENT)
    broken = getattr(guest, verb)()
    assert refusal_of(broken.attest(REPORT_DATA), made) is EXPECTED[Fault(verb.replace("_", "-"))]
    check(guest.attest(REPORT_DATA), made)


def test_verbs_of_a_platform(tmp_path: Path) -> None:
    made = make_platform(tmp_path)
    evidence = made.launch(MEASUREMENT).attest(REPORT_DATA)
    assert refusal_of(evidence, made.expired_ask()) is Refusal.CERT_EXPIRED
    assert refusal_of(evidence, made.revoked_ask()) is Refusal.CERT_REVOKED
    check(evidence, made)


def test_nobody_trusts_it_unasked(tmp_path: Path) -> None:
    made = make_platform(tmp_path)
    with pytest.raises(EvidenceError) as caught:
        verify(
            made.launch(MEASUREMENT).attest(REPORT_DATA),
            report_data=ExpectedReportData(REPORT_DATA),
            endorsements=made.endorsements(),
            policy=EvidencePolicy(),
            anchors=TrustAnchors.vendor(),
            now=NOW,
        )
    assert caught.value.code is Refusal.SIMULATED_NOT_TRUSTED


def test_the_folder_is_the_platform(tmp_path: Path) -> None:
    made = make_platform(tmp_path / "p", product="turin", faults=["debug"])
    loaded = SimulatedPlatform.load(tmp_path / "p", signer_of=None)
    assert loaded.product == "turin"
    assert loaded.faults == {Fault.DEBUG}
    assert loaded.chip_id == made.chip_id
    assert len(loaded.chip_id) == 8
    # Everything a guest needs was issued at creation: no CA key is loaded here.
    evidence = loaded.launch(MEASUREMENT).attest(REPORT_DATA)
    assert evidence.parts["vek"] == made.launch(MEASUREMENT).attest(REPORT_DATA).parts["vek"]
    assert refusal_of(evidence, loaded) is Refusal.DEBUG_ENABLED


def test_files_are_private_and_say_what_they_are(tmp_path: Path) -> None:
    make_platform(tmp_path / "p")
    files = [path for path in (tmp_path / "p").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert (tmp_path / "p" / "SIMULATED.txt").read_text().startswith("SIMULATED")
    assert json.loads((tmp_path / "p" / "state.json").read_bytes())["simulated"] is True
    assert {"root.pem", "endorsements.pem", "crl.der"} <= {path.name for path in files}


def test_stored_keys_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[RsaSigner] = []

    def generate() -> RsaSigner:
        made.append(RsaSigner(private_key(("ark", "ask")[len(made) % 2])))
        return made[-1]

    monkeypatch.setattr(RsaSigner, "generate", generate)
    created = SimulatedPlatform.create(tmp_path, now=NOW)
    assert len(made) == 2
    loaded = SimulatedPlatform.load(tmp_path)
    # Certificates for other firmware need the key again, not another one.
    old = loaded.launch(MEASUREMENT).old_tcb().attest(REPORT_DATA)
    assert refusal_of(old, loaded) is Refusal.TCB_BELOW_MINIMUM
    assert len(made) == 2
    assert created.roots_pem() == loaded.roots_pem()
    refusal_of(loaded.launch(MEASUREMENT).signed_by_stranger().attest(REPORT_DATA), loaded)
    assert len(made) == 3


def test_creation_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="product"):
        make_platform(tmp_path, product="rome")
    with pytest.raises(ValueError, match="no-such-fault"):
        make_platform(tmp_path / "f", faults=["no-such-fault"])
    assert not (tmp_path / "f").exists()
    make_platform(tmp_path / "p")
    with pytest.raises(FileExistsError):
        make_platform(tmp_path / "p")


def test_a_copy_is_the_same_chip_with_other_faults(tmp_path: Path) -> None:
    made = make_platform(tmp_path / "a")
    copy = SimulatedPlatform.copy(tmp_path / "a", tmp_path / "b", faults=[Fault.DEBUG])
    assert (copy.chip_id, copy.faults) == (made.chip_id, {Fault.DEBUG})
    assert refusal_of(copy.launch(MEASUREMENT).attest(REPORT_DATA), made) is Refusal.DEBUG_ENABLED
    with pytest.raises(FileExistsError):
        SimulatedPlatform.copy(tmp_path / "a", tmp_path / "b", faults=[])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("state.json", None),
        ("state.json", b"{"),
        ("state.json", b"[]"),
        ("state.json", b"{}"),
        ("state.json", b'{"product":"milan","platform":"x","created":"now"}'),
        ("chip.secret", None),
        ("chip.secret", b"short"),
    ],
)
def test_a_broken_folder_is_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    make_platform(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EvidenceError):
        SimulatedPlatform.load(tmp_path)


def test_ca_keys_come_back_and_other_files_do_not() -> None:
    pem = signer_of("ark").to_pem()
    assert RsaSigner.from_pem(pem).spki == signer_of("ark").spki
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    for data in (b"", other):
        with pytest.raises(EvidenceError):
            RsaSigner.from_pem(data)


def test_a_new_ca_key_is_rsa_4096(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, int] = {}

    def fake(**options: int) -> rsa.RSAPrivateKey:
        asked.update(options)
        return private_key("ark")

    monkeypatch.setattr(rsa, "generate_private_key", fake)
    RsaSigner.generate()
    assert asked == {"public_exponent": 65537, "key_size": 4096}


def test_guests_take_exact_sizes(tmp_path: Path) -> None:
    made = make_platform(tmp_path)
    for size in (0, 47, 49):
        with pytest.raises(ValueError, match="measurement"):
            made.launch(bytes(size))
    guest: Attester = made.launch(MEASUREMENT)
    assert guest.tee == "snp"
    for size in (0, 63, 65):
        with pytest.raises(ValueError, match="report data"):
            guest.attest(bytes(size))


def test_a_store_never_leaves_half_a_file(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.save("deep/name", b"one")
    store.save("deep/name", b"two")
    assert store.load("deep/name") == b"two"
    assert store.load("other") is None
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["name"]


def test_lists_go_out_of_date(tmp_path: Path) -> None:
    made = make_platform(tmp_path, now=NOW - timedelta(days=400))
    evidence = made.launch(MEASUREMENT).attest(REPORT_DATA)
    assert refusal_of(evidence, made) is Refusal.CRL_EXPIRED


def test_measurement_covers_names_digests_and_facts() -> None:
    files = {"runner/run.py": b"a" * 32, "sealing/seal.py": b"b" * 32}
    base = measure_files(files, {"engine": "50"})
    assert len(base) == 48
    assert base == measure_files(dict(reversed(files.items())), {"engine": "50"})
    assert base != measure_files(files, {"engine": "51"})
    assert base != measure_files(files, {})
    assert base != measure_files(files | {"runner/run.py": b"c" * 32}, {"engine": "50"})
    assert base != measure_files(files | {"x": b"c" * 32}, {"engine": "50"})
    for bad in ({}, {"x": b"short"}):
        with pytest.raises(ValueError, match="file"):
            measure_files(bad, {})


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    made = make_platform(tmp_path)
    secret = (tmp_path / "chip.secret").read_bytes()
    shown = repr(made) + repr(made.silicon.identity) + repr(made.launch(MEASUREMENT))
    assert repr(secret)[2:12] not in shown
    assert platform.__doc__
