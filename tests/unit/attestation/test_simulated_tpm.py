"""Simulated machines with a TPM and simulated Azure hosts, as they are kept in folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attestation.bundle import parse_bundle
from attestation.claims import VerifiedClaims
from attestation.errors import EvidenceError, Refusal
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated.azure import faults as azure_faults
from attestation.simulated.azure.platform import (
    SimulatedAzureSnpPlatform,
    SimulatedAzureTdxPlatform,
)
from attestation.simulated.platforms import load_platform
from attestation.simulated.tpm import faults as tpm_faults
from attestation.simulated.tpm.machine import SimulatedTpmMachine
from attestation.simulated.tpm.platform import SimulatedTpmPlatform
from attestation.trust import TrustAnchors
from attestation.verify import verify
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA
from tests.fakes.tpm import VENDOR, azure_keys, make_azure_platform, make_tpm_platform

TEES = ("tpm", "azure-snp", "azure-tdx")
# What the policy has to ask for, or the owner to compare.
NOT_REFUSED = {tpm_faults.Fault.NO_EVENT_LOG, tpm_faults.Fault.OTHER_RUNNER}
FAULTS = [
    *(("tpm", one) for one in tpm_faults.Fault if one not in NOT_REFUSED),
    *(("azure-snp", one) for one in azure_faults.Fault),
    *(("azure-tdx", one) for one in azure_faults.Fault),
]


def make(folder: Path, tee: str, **options):
    if tee == "tpm":
        return make_tpm_platform(folder, **options)
    return make_azure_platform(folder, tee, **options)


def result(platform) -> VerifiedClaims:
    guest = platform.launch(MEASUREMENT)
    return verify(
        guest.attest(REPORT_DATA),
        report_data=ExpectedReportData(REPORT_DATA),
        endorsements=platform.endorsements(),
        policy=EvidencePolicy(),
        anchors=TrustAnchors.vendor().with_simulated(platform.roots_pem()),
        now=NOW,
    )


@pytest.mark.parametrize("tee", TEES)
def test_platform_in_a_folder(tmp_path: Path, tee: str) -> None:
    made = make(tmp_path / "platform", tee)
    claims = result(made)
    assert (claims.tee, claims.simulated) == (tee, True)
    assert claims.measurement == made.launch_value(MEASUREMENT)
    loaded = load_platform(tmp_path / "platform")
    assert loaded.roots_pem() == made.roots_pem() == (tmp_path / "platform/root.pem").read_bytes()
    assert result(loaded).values == claims.values
    assert made.launch(MEASUREMENT).tee == tee


@pytest.mark.parametrize(("tee", "fault"), FAULTS)
def test_each_fault_is_refused(tmp_path: Path, tee: str, fault: str) -> None:
    platform = make(tmp_path / "platform", tee, faults=[fault])
    with pytest.raises(EvidenceError):
        result(platform)


@pytest.mark.parametrize("tee", TEES)
def test_folders_that_hold_something_else(tmp_path: Path, tee: str) -> None:
    folder = tmp_path / "platform"
    kind = type(make(folder, tee))
    with pytest.raises(FileExistsError):
        make(folder, tee)
    with pytest.raises(ValueError, match="no-such"):
        make(tmp_path / "other", tee, faults=["no-such"])
    state = json.loads((folder / "state.json").read_bytes())
    for wrong in ({"faults": ["no-such"]}, {"faults": 1}):
        (folder / "state.json").write_text(json.dumps(state | wrong))
        with pytest.raises(EvidenceError, match="state of simulated platform"):
            kind.load(folder)
    with pytest.raises(EvidenceError, match="holds no simulated platform"):
        kind.load(tmp_path)


def test_tpm_platform_that_lost_its_secret(tmp_path: Path) -> None:
    make_tpm_platform(tmp_path / "x")
    (tmp_path / "x" / "vendor.secret").unlink()
    with pytest.raises(EvidenceError, match="lost its secret"):
        SimulatedTpmPlatform.load(tmp_path / "x")


def test_azure_platform_of_the_other_kind_or_with_other_keys(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    make_azure_platform(folder, "azure-tdx")
    with pytest.raises(EvidenceError, match="not one of azure-snp"):
        SimulatedAzureSnpPlatform.load(folder)
    key = folder / "keys" / "ak.pem"
    key.write_bytes(b"not a key")
    with pytest.raises(EvidenceError, match="unreadable"):
        SimulatedAzureTdxPlatform.load(folder)
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    pem = VENDOR.ak().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key.write_bytes(pem)
    with pytest.raises(EvidenceError, match="not RSA"):
        SimulatedAzureTdxPlatform.load(folder)


def test_keys_are_made_where_none_are_given(tmp_path: Path) -> None:
    platform = SimulatedAzureTdxPlatform.create(tmp_path / "x", now=NOW)
    assert platform.keys.ak.key_size == 2048
    assert platform.keys.ak.private_numbers() != azure_keys().ak.private_numbers()


def test_vendor_publishes_what_verification_needs(tmp_path: Path) -> None:
    platform = make_tpm_platform(tmp_path / "x")
    published = parse_bundle((tmp_path / "x" / "endorsements.json").read_bytes())
    assert published.to_endorsements().digest == platform.endorsements().digest


def test_verbs_of_machines_and_hosts(tmp_path: Path) -> None:
    machine = make_tpm_platform(tmp_path / "tpm").launch(MEASUREMENT)
    for wrong, code in (
        (machine.replayed_nonce(), Refusal.REPORT_DATA_MISMATCH),
        (machine.signed_by_stranger(), Refusal.UNTRUSTED_CHAIN),
        (machine.tampered(), Refusal.SIGNATURE_INVALID),
        (machine.wrong_pcrs(), Refusal.PCR_DIGEST_MISMATCH),
    ):
        platform = make_tpm_platform(tmp_path / code.value)
        with pytest.raises(EvidenceError) as caught:
            verify(
                wrong.attest(REPORT_DATA),
                report_data=ExpectedReportData(REPORT_DATA),
                endorsements=platform.endorsements(),
                policy=EvidencePolicy(),
                anchors=TrustAnchors.vendor().with_simulated(platform.roots_pem()),
                now=NOW,
            )
        assert caught.value.code is code
    broken = make_azure_platform(tmp_path / "azure").with_fault(azure_faults.Fault.TAMPERED)
    with pytest.raises(EvidenceError):
        result(broken)
    faulty = make_tpm_platform(tmp_path / "faulty").with_fault(tpm_faults.Fault.TAMPERED)
    with pytest.raises(EvidenceError):
        result(faulty)


def test_lengths_are_exact() -> None:
    with pytest.raises(ValueError, match="measurement"):
        SimulatedTpmMachine(VENDOR, bytes(32))
    with pytest.raises(ValueError, match="report data"):
        SimulatedTpmMachine(VENDOR, MEASUREMENT).attest(bytes(32))


def test_azure_guest_takes_64_bytes(tmp_path: Path) -> None:
    guest = make_azure_platform(tmp_path / "x").launch(MEASUREMENT)
    with pytest.raises(ValueError, match="report data"):
        guest.attest(bytes(32))
