"""`evidence verify` shows both sides of every comparison, `evidence show` every field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attestation.errors import Refusal
from sealwasm.advice import advice_for
from sealwasm.cli import run_command
from sealwasm.evidence.advice import NEXT_OF_REFUSAL
from sealwasm.failure import Kind
from sealwasm.session import Session
from tests.fakes.silicon import MEASUREMENT, REPORT_DATA, make_platform

BOUND = ["--report-data", REPORT_DATA.hex()]


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    make_platform(tmp_path / "platform")
    return tmp_path / "platform"


def evidence_file(folder: Path, tmp_path: Path, **changes: bytes) -> str:
    from attestation.evidence import UnverifiedEvidence
    from attestation.simulated.snp.platform import SimulatedPlatform
    from tests.fakes.silicon import signer_of

    guest = SimulatedPlatform.load(folder, signer_of=signer_of).launch(MEASUREMENT)
    made = guest.attest(REPORT_DATA)
    path = tmp_path / "evidence.json"
    parts = {**made.parts, **changes}
    path.write_text(json.dumps(UnverifiedEvidence("snp", parts).to_wire()))
    return str(path)


def test_accepted(platform: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = evidence_file(platform, tmp_path)
    command = ["evidence", "verify", file, "--trust-simulated", str(platform), *BOUND, "-o", "json"]
    assert run_command([*command, "--at", "2026-11-22T12:00:00Z"], Session()) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["verdict"], shown["simulated"]) == ("accept", True)
    assert shown["claims"]["measurement"] == MEASUREMENT.hex()
    assert all(check["holds"] for check in shown["checks"])
    bound = next(check for check in shown["checks"] if check["check"] == "report data")
    assert bound["expected"] == bound["actual"] == REPORT_DATA.hex()


def test_refused_shows_where_and_what_to_do(
    platform: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = evidence_file(platform, tmp_path)
    other = "22" * 64
    command = ["evidence", "verify", file, "--trust-simulated", str(platform)]
    given = ["--report-data", other, "--at", "2026-11-22T12:00:00Z"]
    assert run_command([*command, *given], Session(exit_code_of_kind={Kind.EVIDENCE: 4})) == 4
    printed = capsys.readouterr()
    last = printed.out.splitlines()[-1].split()
    assert last[:4] == ["FAIL", "F1", "report", "data"]
    assert last[4].startswith(other[:20])
    assert "error[report-data-mismatch]" in printed.err
    assert "next: ask for evidence again over your own 64 bytes" in printed.err


def test_raw_report_is_recognised(
    platform: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from attestation.encoding import b64decode

    wire = json.loads(Path(evidence_file(platform, tmp_path)).read_text())
    raw = tmp_path / "report.bin"
    raw.write_bytes(b64decode(wire["report"], what="report"))
    assert run_command(["evidence", "show", str(raw), "-o", "json"], Session()) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["tee"], shown["verified"]) == ("snp", False)
    fields = {one["field"]: one for one in shown["fields"]}
    assert fields["measurement"]["value"] == MEASUREMENT.hex()
    assert fields["bit 19 DEBUG"]["value"] == "0"
    assert all(one["meaning"] for one in shown["fields"])


def test_collected_evidence_verifies(
    platform: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evidence", "collect", "--simulated-platform", str(platform), *BOUND]
    assert run_command(command, Session()) == 0
    file = tmp_path / "collected.json"
    file.write_text(capsys.readouterr().out)
    trusted = ["--trust-simulated", str(platform), "--at", "2026-11-22T12:00:00Z"]
    assert run_command(["evidence", "verify", str(file), *trusted, *BOUND], Session()) == 0


def test_nothing_is_collected_where_no_tee_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["evidence", "collect", *BOUND], Session()) != 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "error[attester-missing]" in printed.err
    assert "/dev/nsm" in printed.err


def test_most_refusals_have_advice_of_their_own() -> None:
    without = {
        code.value for code in Refusal if not advice_for(code.value, Kind.EVIDENCE).next_step
    }
    # What is left gets the advice of every refusal: collect fresh evidence.
    assert without <= {
        "signature-invalid",
        "alg-mismatch",
        "alg-not-allowed",
        "binding",
        "realm-platform-binding",
        "tcb-inconsistent",
        "report-version-too-old",
        "product-not-allowed",
        "signing-key-not-allowed",
        "chip-id-masked",
        "guest-policy-not-allowed",
        "platform-not-allowed",
        "missing-claims",
        "issuer-mismatch",
    }


def test_advice_is_for_codes_that_exist() -> None:
    assert NEXT_OF_REFUSAL.keys() <= {code.value for code in Refusal}
