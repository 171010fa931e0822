"""`evidence token`: what must be said, and what a token of a service is worth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealwasm.cli import run_command
from sealwasm.session import Session

VECTORS = Path(__file__).parents[2] / "vectors" / "tokens"


@pytest.mark.parametrize("service", ["gcs", "maa", "ita", "nras"])
def test_a_good_token_is_accepted_and_a_changed_nonce_is_not(
    capsys: pytest.CaptureFixture[str], service: str
) -> None:
    folder = VECTORS / f"{service}-good"
    case = json.loads((folder / "case.json").read_bytes())
    keys = str(folder / case["keys"])
    command = ["evidence", "token", service, str(folder / case["token"]), "--key", keys]
    for name in ("issuer", "audience"):
        command += [f"--{name}", case["policy"][name]] if name in case["policy"] else []
    command += ["--at", case["now"], "-o", "json"]
    nonce = case["policy"]["nonce"]
    assert run_command([*command, "--nonce", nonce], Session()) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["verdict"], shown["service"]) == ("accept", service)
    assert run_command([*command, "--nonce", "another"], Session()) != 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["reason"] == "nonce-mismatch"


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["gcs", "--nonce", "n"], "--audience"),
        (["gcs", "--audience", "a"], "--nonce"),
        (["maa", "--nonce", "n"], "--issuer"),
        (["ita", "--nonce", "n"], "--issuer"),
        (["nras"], "--nonce"),
    ],
)
def test_expectations_must_be_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], missing: str
) -> None:
    (tmp_path / "token").write_text("a.b.c")
    (tmp_path / "keys").write_bytes(
        b'{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",'
        b'"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}'
    )
    service, *options = arguments
    files = [str(tmp_path / "token"), "--key", str(tmp_path / "keys")]
    assert run_command(["evidence", "token", service, *files, *options], Session()) == 2
    assert f"{missing} " in capsys.readouterr().err
