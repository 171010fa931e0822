"""What a file is taken for, and what is said when its parts do not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from attestation.errors import EvidenceError
from attestation.evidence import PARTS
from attestation.policy.intel import TCB_STATUSES as ALL_STATUSES
from attestation.policy.intel import IntelPolicy
from attestation.recognise import recognise
from attestation.simulated.platforms import PLATFORMS
from sealwasm.cli import run_command
from sealwasm.commands.evidence import TCB_STATUSES
from sealwasm.commands.simulate import TEES
from sealwasm.evidence.inputs import MAIN_PARTS
from sealwasm.session import Session
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA, make_platform

ROOT = Path(__file__).resolve().parents[3]
DATA = ["--report-data", REPORT_DATA.hex()]


def parts_of(tee: str, folder: Path) -> dict[str, bytes]:
    machine = make_platform(folder) if tee == "snp" else PLATFORMS[tee].create(folder, now=NOW)
    return dict(machine.launch(MEASUREMENT).attest(REPORT_DATA).parts)


@pytest.mark.parametrize("tee", sorted(PLATFORMS))
def test_raw_evidence_is_recognised(tee: str, tmp_path: Path) -> None:
    main = MAIN_PARTS[tee]
    assert recognise(parts_of(tee, tmp_path / "p")[main]) == (tee, main)


def test_a_psa_token_is_no_nitro_document() -> None:
    folder = ROOT / "tests" / "vectors" / "psa"
    token = next(folder.rglob("token*.cbor"), None) or next(folder.rglob("*.bin"))
    assert recognise(token.read_bytes()) == ("psa", "token")


def test_anything_else_is_not_guessed() -> None:
    with pytest.raises(EvidenceError, match="unsupported"):
        recognise(b"Hello, TEE")


def test_every_kind_has_a_main_part() -> None:
    assert MAIN_PARTS.keys() == PARTS.keys()
    assert all(part in PARTS[tee][0] for tee, part in MAIN_PARTS.items())


def test_the_tee_that_is_named_decides_what_a_file_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quote = tmp_path / "quote.bin"
    quote.write_bytes(parts_of("tdx", tmp_path / "p")["quote"])
    assert run_command(["evidence", "show", str(quote), "--tee", "tdx"], Session()) == 0
    capsys.readouterr()
    assert run_command(["evidence", "show", str(quote), "--tee", "tpm"], Session()) == 2
    told = capsys.readouterr().err
    assert "required: pcrs, quote, signature" in told
    assert "--part pcrs=FILE" in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--report-data", "00" * 64], "all zeros"),
        (["--report-data", "11"], "1 bytes, 64 are needed"),
        (["--report-data", "zz"], "not hex"),
        ([], "is not said"),
        ([*DATA, "--at", "2025-07-04"], "--at 2025-07-04T00:00:00Z"),
        ([*DATA, "--at", "yesterday"], "--at 2026-11-22T12:00:00Z"),
        ([*DATA, "--accept-tcb", "Foo"], "SWHardeningNeeded"),
    ],
)
def test_wrong_options_say_what_would_be_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    quote = tmp_path / "quote.bin"
    quote.write_bytes(parts_of("tdx", tmp_path / "p")["quote"])
    assert run_command(["evidence", "verify", str(quote), *options], Session()) == 2
    assert told in capsys.readouterr().err


def test_the_statuses_offered_are_those_a_policy_may_accept() -> None:
    for status in ALL_STATUSES:
        if status in TCB_STATUSES:
            IntelPolicy(accepted_statuses=frozenset({"UpToDate", status}))
        elif status != "UpToDate":
            with pytest.raises(ValueError, match="accepted_statuses"):
                IntelPolicy(accepted_statuses=frozenset({"UpToDate", status}))


@pytest.mark.parametrize("tee", TEES)
def test_every_simulated_folder_has_one_file_with_all_its_vendor_publishes(
    tee: str, tmp_path: Path
) -> None:
    from attestation.bundle import parse_bundle

    folder = tmp_path / "platform"
    assert run_command(["simulate", "platform", str(folder), "--tee", tee], Session()) == 0
    bundle = parse_bundle((folder / "endorsements.json").read_bytes())
    assert bool(bundle.documents) == (tee not in {"nitro", "cca"})


def test_no_command_shows_the_help_and_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([], Session()) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("Usage: ")
    assert printed.err == ""


def test_the_command_of_a_library_install_says_which_extra_it_needs() -> None:
    program = (
        "import sys; sys.modules['click'] = None; sys.path.insert(0, sys.argv.pop(1))\n"
        "from sealwasm.entry import main; main()"
    )
    command = [sys.executable, "-I", "-c", program, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install '.[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_step_that_is_not_played_is_not_called_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    from sealwasm.demo import play
    from sealwasm.demo.stage import StepNotPlayed
    from sealwasm.demo.story import Step

    def skipped(_stage: object) -> str:
        raise StepNotPlayed("no stage for it")

    monkeypatch.setattr(play, "STEPS", (Step("attack", skipped), Step("job", lambda _s: "done")))
    played = play.play(keep=False, tee="nitro")
    assert [one.state for one in played] == ["skipped", "ok"]
    assert "skipped" in play.as_text(played)
    assert json.loads(json.dumps(play.as_document(played)))["steps"][0]["played"] is False
