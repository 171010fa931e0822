"""`sealwasm reference`: measurements computed, kept in documents, taken from makers' manifests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from attestation.reference import ReferenceValues
from attestation.simulated.platforms import PLATFORMS
from runner.measure import runner_measurement
from sealing.keys import SigningKey
from sealwasm.cli import run_command
from sealwasm.session import Session
from tests.fakes.firmware import firmware
from tests.vectors.corim_world import SNP_DIGEST

CORIM = Path(__file__).parents[2] / "vectors" / "corim"
VALUE = ["--tee", "snp", "--measurement", "ab" * 48, "--name", "runner 1.0"]
# Computed once by `sev-snp-measure` 0.0.13 for the image of tests.fakes.firmware.
KNOWN = {
    "bare": (
        "bccb6f146116c5e104c33057f9635c32429c8be4b4bca4c0"
        "870004d66f84dea93d2859406bd5dcfcc14466193ecfbf1e"
    ),
    "kernel": (
        "02d2d30b30337b33bdf2f9a2becbb83dcdaa69abe4cb64a8"
        "a3c47a453b5f48040f1a4e7ee1c904e40e0d198d40793a3a"
    ),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("site", "other"):
        key = SigningKey.generate("ed25519")
        Path(f"{name}.key").write_bytes(key.to_pem(None))
        Path(f"{name}.key").chmod(0o600)
        Path(f"{name}.pub").write_bytes(key.public.to_pem())
    Path("ovmf.fd").write_bytes(firmware())
    Path("kernel").write_bytes(b"kernel")
    Path("initrd").write_bytes(b"initrd")
    return tmp_path


def run(*arguments: str) -> int:
    return run_command(["reference", *arguments], Session())


def shown(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(*arguments, "-o", "json") != 0
    found: dict[str, Any] = json.loads(capsys.readouterr().err.splitlines()[-1])["error"]
    assert found["next"]
    return found


SNP = ["measure", "--snp", "--firmware", "ovmf.fd", "--vcpus", "2", "--vcpu-type", "EPYC-v4"]
WITH_KERNEL = [*SNP, "--kernel", "kernel", "--initrd", "initrd", "--append", "console=ttyS0"]


@pytest.mark.parametrize(("name", "line"), [("bare", SNP), ("kernel", WITH_KERNEL)])
def test_launch_digest_is_that_of_the_librarys_own_command(
    name: str, line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*line, "-o", "json") == 0
    digest = shown(capsys)["measurement"]
    options = [one for one in line[2:] if one != "--snp"]
    options = ["--ovmf" if one == "--firmware" else one for one in options]
    tool = [sys.executable, "-m", "sevsnpmeasure.cli", "--mode", "snp", *options]
    theirs = subprocess.run(tool, capture_output=True, check=True, text=True).stdout.strip()
    assert digest == theirs == KNOWN[name]


def test_launch_digest_changes_with_what_is_launched(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        SNP,
        WITH_KERNEL,
        [*WITH_KERNEL[:-1], "console=ttyS1"],
        [*SNP[:-3], "3", *SNP[-2:]],
        [*SNP[:-1], "EPYC-Genoa"],
        [*SNP, "--guest-features", "0x21"],
        [*SNP, "--vmm", "gce"],
    ]
    found = set()
    for line in lines:
        assert run(*line, "-o", "json") == 0
        found.add(shown(capsys)["measurement"])
    assert len(found) == len(lines)


def test_launch_digest_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*SNP, "--document", "guest") == 0
    (value,) = ReferenceValues.parse(capsys.readouterr().out.encode()).values
    assert (value.tee, value.measurement.hex(), value.name) == ("snp", KNOWN["bare"], "guest")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["measure", "--snp"], "usage"),
        ([*SNP, "--tee", "tdx"], "usage"),
        ([*SNP, "--files"], "usage"),
        ([*SNP, "--path", "."], "usage"),
        ([*SNP, "--guest-features", "x"], "usage"),
        ([*SNP, "--guest-features", "1" + "0" * 16], "usage"),
        ([*SNP[:-3], "0", *SNP[-2:]], "vcpus-invalid"),
        ([*SNP[:-1], "Z80"], "vcpu-type-unknown"),
        ([*SNP, "--append", "x"], "kernel-missing"),
        ([*SNP, "--kernel", "none"], "file-not-found"),
        (["measure", "--firmware", "ovmf.fd"], "usage"),
    ],
)
def test_launch_that_makes_no_sense(
    arguments: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failure(capsys, *arguments)["code"] == code


@pytest.mark.parametrize(
    "image",
    [
        b"",
        bytes(4096),
        firmware(metadata_version=2),
        firmware(kernel_hashes=False),
    ],
)
def test_firmware_that_is_none(image: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("ovmf.fd").write_bytes(image)
    assert failure(capsys, *WITH_KERNEL)["code"] == "firmware-unsuitable"


def test_files_that_are_too_large(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealwasm.evidence.launch_digest.FIRMWARE_BYTES", 1)
    assert failure(capsys, *SNP)["code"] == "file-too-large"


@pytest.mark.parametrize("tee", ["snp", "sgx", "cca"])
def test_runner_measures_as_evidence_will_show(
    tee: str, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = runner_measurement().digest
    assert run("measure", "--tee", tee, "-o", "json") == 0
    found = shown(capsys)
    assert found["measurement"] == PLATFORMS[tee].launch_value(digest).hex()
    assert run("measure", "--tee", tee, "--document", "runner") == 0
    (value,) = ReferenceValues.parse(capsys.readouterr().out.encode()).values
    assert (value.tee, value.measurement.hex()) == (tee, found["measurement"])
    assert run("measure", "--tee", tee, "--files") == 0
    assert "attestation/" in capsys.readouterr().out


def test_values_are_added_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "r.json", *VALUE, "-o", "json") == 0
    assert shown(capsys)["signed"] is False
    more = ["--tee", "sgx", "--measurement", "cd" * 32, "--name", "enclave"]
    assert run("add", "r.json", *more, "-o", "json") == 0
    assert shown(capsys)["values"] == 2
    assert run("list", "r.json", "-o", "json") == 0
    assert shown(capsys) == [
        {"tee": "sgx", "measurement": "cd" * 32, "name": "enclave"},
        {"tee": "snp", "measurement": "ab" * 48, "name": "runner 1.0"},
    ]
    assert failure(capsys, "add", "r.json", *VALUE)["code"] == "reference-known"


@pytest.mark.parametrize(
    "change",
    [
        ["--tee", "abacus"],
        ["--measurement", "ab" * 32],
        ["--measurement", "AB" * 48],
        ["--name", ""],
    ],
)
def test_values_that_are_none(change: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert failure(capsys, "add", "r.json", *VALUE, *change)["code"] == "malformed"
    assert not Path("r.json").exists()


def test_signed_documents_stay_signed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "r.json", *VALUE, "--sign-key", "site.key") == 0
    more = ["--tee", "sgx", "--measurement", "cd" * 32, "--name", "enclave"]
    assert failure(capsys, "add", "r.json", *more)["code"] == "references-signed"
    stranger = failure(capsys, "add", "r.json", *more, "--sign-key", "other.key")
    assert stranger["code"] == "seal-signer-unknown"
    both = ["--sign-key", "other.key", "--signer", "site.pub"]
    assert run("add", "r.json", *more, *both) == 0
    assert failure(capsys, "list", "r.json")["code"] == "references-signed"
    assert failure(capsys, "list", "r.json", "--signer", "site.pub")["code"] != ""
    capsys.readouterr()
    assert run("list", "r.json", "--signer", "other.pub", "-o", "json") == 0
    assert len(shown(capsys)) == 2


def test_bare_document_is_signed_by_who_adds_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "r.json", *VALUE) == 0
    more = ["--tee", "sgx", "--measurement", "cd" * 32, "--name", "enclave"]
    assert run("add", "r.json", *more, "--sign-key", "site.key") == 0
    capsys.readouterr()
    assert run("list", "r.json", "--signer", "site.pub", "-o", "json") == 0
    assert len(shown(capsys)) == 2


FROM_CORIM = ["from-corim", str(CORIM / "good" / "corim.cbor"), "--out", "r.json"]
MAKER = ["--key", str(CORIM / "good" / "key.json")]


def test_values_from_a_makers_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*FROM_CORIM, *MAKER, "--sign-key", "site.key", "-o", "json") == 0
    assert shown(capsys)["values"] == 1
    assert run("list", "r.json", "--signer", "site.pub", "-o", "json") == 0
    (value,) = shown(capsys)
    assert (value["tee"], value["measurement"]) == ("snp", SNP_DIGEST.hex())
    assert failure(capsys, *FROM_CORIM, *MAKER)["code"] == "file-exists"


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("unsigned_refused", "signature-invalid"),
        ("other-key_refused", "signature-invalid"),
        ("manifest-expired_refused", "collateral-expired"),
        ("coswid", "corim-no-references"),
    ],
)
def test_manifests_that_give_none(case: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["from-corim", str(CORIM / case / "corim.cbor"), "--out", "r.json", *MAKER]
    assert failure(capsys, *line)["code"] == code
    assert not Path("r.json").exists()
