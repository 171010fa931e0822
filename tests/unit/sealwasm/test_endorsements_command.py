"""`sealwasm endorsements`: fetched from fakes, listed, carried in one signed file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from attestation.bundle import Bundle, BundleDocument, parse_bundle
from attestation.simulated.snp.faults import Fault
from attestation.trust import TrustAnchors
from attestation.x509.pem import encode_pem
from sealing.keys import SigningKey
from sealwasm.cli import run_command
from sealwasm.evidence.endorsement_files import default_store, load_endorsements
from sealwasm.failure import CliError
from sealwasm.session import Session
from tests.fakes.intel import make_tdx
from tests.fakes.silicon import MEASUREMENT, REPORT_DATA, make_platform
from tests.fakes.vendor_services import VendorServices, vendor_services

ANCHORS = TrustAnchors.vendor()


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorServices]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    platform = make_platform(tmp_path / "tee", product="genoa", now=clock())
    for name in ("site", "stranger"):
        key = SigningKey.generate("ed25519")
        (tmp_path / f"{name}.key").write_bytes(key.to_pem(None))
        (tmp_path / f"{name}.key").chmod(0o600)
        (tmp_path / f"{name}.pub").write_bytes(key.public.to_pem())
    guest = platform.launch(MEASUREMENT).with_fault(Fault.NO_CERTIFICATE)
    wire = json.dumps(guest.attest(REPORT_DATA).to_wire())
    (tmp_path / "evidence.json").write_text(wire)
    with vendor_services() as running:
        running.serve_snp(platform.silicon)
        yield running


def run(line: str) -> int:
    return run_command(["endorsements", *line.split()], Session())


def shown(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def failure(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().err.splitlines()[-1])["error"]
    return found


def fetched(services: VendorServices, capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    line = f"fetch evidence.json --kds {services.base} --trust-simulated tee -o json"
    assert run(line) == 0
    found: list[dict[str, str]] = shown(capsys)
    return found


def test_what_evidence_needs_is_fetched_into_the_cache(
    services: VendorServices, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = fetched(services, capsys)
    assert sorted(one["what"] for one in found) == [
        "certificate SIMULATED-ARK-Genoa",
        "certificate SIMULATED-SEV-Genoa",
        "certificate SIMULATED-SEV-VCEK",
        "revocation list of SIMULATED-ARK-Genoa",
    ]
    assert {one["state"] for one in found} == {"fresh"}
    assert (tmp_path / "cache" / "sealwasm" / "endorsements" / "marks.json").exists()
    asked = len(services.asked)
    fetched(services, capsys)
    assert len(services.asked) == asked


def test_the_list_is_a_table_for_people(
    services: VendorServices, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched(services, capsys)
    assert run("list --trust-simulated tee") == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["kind", "what", "source", "fetched", "expires", "state"]
    assert len(rows) == 4


def test_a_product_is_fetched_whole(
    services: VendorServices, capsys: pytest.CaptureFixture[str]
) -> None:
    options = f"--kds {services.base} --trust-simulated tee --store store -o json"
    assert run(f"fetch --snp-product genoa {options}") == 0
    assert len(shown(capsys)) == 4
    assert len(services.asked) == 3
    assert run(f"fetch --snp-product genoa --renew {options}") == 0
    assert len(services.asked) == 6


def test_people_see_what_is_waited_for(
    services: VendorServices, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sealwasm.session.is_terminal", lambda: True)
    options = f"--kds {services.base} --trust-simulated tee"
    assert run(f"fetch --snp-product genoa {options}") == 0
    assert f"asking {services.base}/vcek/v1/Genoa/crl" in capsys.readouterr().err


def test_a_bundle_carries_a_store_to_another_site(
    services: VendorServices, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched(services, capsys)
    assert run("export out.bundle --sign-key site.key --trust-simulated tee -o json") == 0
    assert shown(capsys)["documents"] == 4
    other = "--store other --trust-simulated tee -o json"
    assert run(f"import out.bundle --key stranger.pub {other}") == 4
    assert failure(capsys)["code"] == "seal-signer-unknown"
    assert run(f"import out.bundle --unsafe-unsigned {other}") == 2
    assert failure(capsys)["code"] == "bundle-signed"
    assert not (tmp_path / "other").exists()
    assert run(f"import out.bundle --key site.pub --key stranger.pub {other}") == 0
    assert len(shown(capsys)) == 4
    assert run(f"list {other}") == 0
    assert {one["state"] for one in shown(capsys)} == {"fresh"}


def test_an_unsigned_bundle_has_to_be_wanted(
    services: VendorServices, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched(services, capsys)
    assert run("export out.bundle --trust-simulated tee -o json") == 2
    assert failure(capsys)["code"] == "bundle-key"
    assert run("export out.bundle --unsafe-unsigned --sign-key site.key -o json") == 2
    assert failure(capsys)["what"] == "signed or unsigned?"
    assert run("export out.bundle --unsafe-unsigned --trust-simulated tee") == 0
    assert len(parse_bundle((tmp_path / "out.bundle").read_bytes()).documents) == 4
    capsys.readouterr()
    assert run("import out.bundle --key site.pub --store other -o json") == 4
    capsys.readouterr()
    assert run("import out.bundle --unsafe-unsigned --store other") == 0
    assert run("export out.bundle --unsafe-unsigned -o json") == 6


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("fetch -o json", 2, "nothing-wanted"),
        ("fetch -o json --snp-product rome", 2, "usage"),
        ("fetch --fmspc ../../x --tee tdx -o json", 2, "endorsement-name"),
        ("fetch --fmspc 00806f000000 -o json", 2, "endorsement-name"),
        ("fetch --rim ../x -o json", 2, "endorsement-name"),
        ("fetch --snp-product genoa --kds http://kds.example -o json", 2, "service-url"),
        ("fetch missing.json -o json", 5, "file-not-found"),
        ("import missing --unsafe-unsigned -o json", 5, "file-not-found"),
        ("import evidence.json --unsafe-unsigned -o json", 4, "malformed"),
        ("export nowhere/out --sign-key site.key -o json", 5, "folder-not-found"),
    ],
)
def test_what_cannot_be_done_is_said(
    services: VendorServices,
    capsys: pytest.CaptureFixture[str],
    line: str,
    status: int,
    code: str,
) -> None:
    assert run(line) == status
    assert failure(capsys)["code"] == code


def test_what_a_vendor_does_not_have_is_said(
    services: VendorServices, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"fetch --snp-product milan --kds {services.base} --store store -o json"
    assert run(line) == 4
    assert failure(capsys)["code"] == "no-endorsement"


def test_every_form_of_endorsements_is_read(
    services: VendorServices, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched(services, capsys)
    assert run("export signed --sign-key site.key --trust-simulated tee") == 0
    collateral = make_tdx().silicon.collateral().to_json()
    bare = Bundle.of([BundleDocument("intel-collateral", collateral, "test")])
    crl = (tmp_path / "tee" / "crl.der").read_bytes()
    files = {
        "bare": bare.to_bytes(),
        "collateral.json": collateral,
        "rim.xml": b"<SoftwareIdentity/>",
        "crl.der": crl,
        "crl.pem": encode_pem("X509 CRL", crl),
        "chain.pem": (tmp_path / "tee" / "endorsements.pem").read_bytes(),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    def counts(*paths: str, **keys: Any) -> tuple[int, int, int]:
        found = load_endorsements(paths, anchors=ANCHORS, clock=clock, **keys)
        return len(found.certificates), len(found.crls), len(found.documents)

    assert counts(str(default_store())) == (3, 1, 0)
    assert counts("bare", "collateral.json", "rim.xml") == (0, 0, 3)
    assert counts("crl.der", "crl.pem") == (0, 2, 0)
    assert counts("chain.pem")[0] >= 2
    key = SigningKey.from_pem((tmp_path / "site.key").read_bytes(), None).public
    assert counts("signed", keys=[key]) == (3, 1, 0)
    with pytest.raises(CliError, match="bundle-signed"):
        counts("signed")
    with pytest.raises(CliError, match="not a bundle"):
        counts("bare", keys=[key])


def test_a_relative_cache_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", "/nobody")
    assert default_store() == Path("/nobody/.cache/sealwasm/endorsements")
