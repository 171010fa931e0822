"""`sealwasm key`: files of both kinds, shown, listed and converted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealing.keys import SigningKey, VerifyingKey
from sealing.signers.cosign_key import is_cosign_key
from sealwasm.cli import run_command
from sealwasm.session import Session

OLD, NEW = "battery staple", "correct horse"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("old", OLD), ("new", NEW)):
        Path(name).touch(0o600)
        Path(name).write_text(f"{text}\n")
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> Any:
        assert run_command(["key", *arguments, "-o", "json"], Session()) == 0
        return json.loads(capsys.readouterr().out)

    return call


@pytest.fixture
def fail(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> dict[str, Any]:
        assert run_command(["key", *arguments, "-o", "json"], Session()) != 0
        return json.loads(capsys.readouterr().err)["error"]

    return call


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
@pytest.mark.parametrize("form", ["pem", "cosign"])
def test_a_key_is_made_and_shown_in_every_form(run: Any, kind: str, form: str) -> None:
    made = run(
        "generate", "--out", "a.key", "--kind", kind, "--format", form, "--passphrase-file", "old"
    )
    assert is_cosign_key(Path("a.key").read_bytes()) is (form == "cosign")
    shown = run("show", "a.key", "--passphrase-file", "old")
    assert run("show", "a.key.pub") == shown
    assert VerifyingKey.from_pem(shown["pem"].encode()).key_id == made["key_id"]
    assert shown["kind"] == kind


@pytest.mark.parametrize("to", ["pem", "cosign"])
def test_a_key_is_converted_with_a_new_passphrase(run: Any, fail: Any, to: str) -> None:
    other = {"pem": "cosign", "cosign": "pem"}[to]
    made = run("generate", "--out", "a.key", "--format", other, "--passphrase-file", "old")
    new = ["--new-passphrase-file", "new"]
    run("export", "a.key", "--out", "b.key", "--format", to, "--passphrase-file", "old", *new)
    assert run("show", "b.key", "--passphrase-file", "new")["key_id"] == made["key_id"]
    assert Path("b.key").stat().st_mode & 0o777 == 0o600
    wrong = fail("show", "b.key", "--passphrase-file", "old")
    assert (wrong["code"], "passphrase" in wrong["next"]) == ("seal-key-passphrase", True)
    again = fail("export", "a.key", "--out", "b.key", "--passphrase-file", "old", *new)
    assert again["code"] == "file-exists"


def test_an_open_file_is_written_only_by_its_dangerous_name(run: Any, fail: Any) -> None:
    run("generate", "--out", "a.key", "--passphrase-file", "old")
    export = ["export", "a.key", "--out", "b.key", "--passphrase-file", "old"]
    assert fail(*export)["code"] == "passphrase-needed"
    both = fail(*export, "--unsafe-unencrypted", "--new-passphrase-file", "new")
    assert both["code"] == "passphrase-needed"
    assert not Path("b.key").exists()
    run(*export, "--unsafe-unencrypted")
    assert run("show", "b.key")["kind"] == "p256"
    to_cosign = fail(*export[:3], "c.key", *export[4:], "--unsafe-unencrypted", "--format=cosign")
    assert to_cosign["code"] == "passphrase-needed"


def test_a_folder_is_listed_without_opening_anything(run: Any, fail: Any) -> None:
    assert run("list") == []
    open_key = run("generate", "--out", "a.key")["key_id"]
    locked = run("generate", "--out", "b.key", "--passphrase-file", "old")["key_id"]
    cosign = run("generate", "--out", "c.key", "--format=cosign", "--passphrase-file=old")["key_id"]
    Path("c.key.pub").unlink()
    Path("broken.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    Path("large.pem").write_bytes(b"PRIVATE KEY" * 10_000)
    found = {(one["place"], one["form"], one["key_id"]) for one in run("list")}
    assert found == {
        ("a.key", "private", open_key),
        ("a.key.pub", "public", open_key),
        ("b.key", "private, encrypted", locked),
        ("b.key.pub", "public", locked),
        ("c.key", "cosign, encrypted", "-"),
    }
    assert cosign
    assert fail("list", "awskms:alias/a")["code"] == "seal-key-uri"


def test_a_folder_that_is_none_of_keys(fail: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealwasm.key_listing._FOLDER_ENTRIES", 1)
    assert fail("list")["code"] == "folder-too-large"


def test_without_a_terminal_nobody_is_asked(
    run: Any, fail: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.isatty", lambda _: False)
    run("generate", "--out", "a.key", "--passphrase-file", "old")
    error = fail("show", "a.key")
    assert error["code"] == "passphrase-needed"
    assert "--passphrase-file" in error["next"]


def test_a_person_is_asked_once(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run("generate", "--out", "a.key", "--passphrase-file", "old")
    questions = []

    def answer(question: str, **how: Any) -> str:
        questions.append((question, how["hide_input"]))
        return OLD

    monkeypatch.setattr("os.isatty", lambda _: True)
    monkeypatch.setattr("click.prompt", answer)
    run("show", "a.key")
    assert questions == [("Passphrase for a.key", True)]


@pytest.mark.parametrize(
    ("place", "code", "next_step"),
    [
        ("pkcs11:token=a;object=b?module-path=/x&pin-value=77", "seal-key-uri", "pkcs11:token="),
        ("pkcs11:token=a;object=b?module-path=/none.so", "seal-key-unavailable", "is there"),
        ("gcpkms:a", "seal-key-uri", "awskms:KEY"),
    ],
)
def test_a_uri_that_cannot_be_used(fail: Any, place: str, code: str, next_step: str) -> None:
    error = fail("show", place)
    assert (error["code"], next_step in error["next"]) == (code, True)
    assert "77" not in json.dumps(error)


def test_a_missing_extra_says_what_to_install(
    run: Any, fail: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("generate", "--out", "a.key", "--format=cosign", "--passphrase-file=old")
    monkeypatch.setitem(__import__("sys").modules, "nacl.secret", None)
    monkeypatch.setitem(__import__("sys").modules, "pkcs11", None)
    for place, extra in (
        ("a.key", "cosign"),
        ("pkcs11:token=a;object=b?module-path=/x", "pkcs11"),
    ):
        error = fail("show", place, "--passphrase-file", "old")
        assert error["code"] == "seal-extra-missing"
        assert f"pip install 'sealwasm[{extra}]'" in error["what"]


def test_a_private_key_file_that_others_can_read(fail: Any) -> None:
    Path("a.key").write_bytes(SigningKey.generate().to_pem())
    Path("a.key").chmod(0o644)
    error = fail("show", "a.key")
    assert (error["code"], error["next"]) == ("key-file-readable", "chmod 600 a.key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_passphrase_that_others_can_read(folder: Path, fail: Any, mode: int) -> None:
    Path("old").chmod(mode)
    error = fail("generate", "--out", "a.key", "--passphrase-file", "old")
    assert (error["code"], error["next"]) == ("key-file-readable", "chmod 600 old")
    assert not Path("a.key").exists()


def test_a_dry_run_makes_no_key_and_names_none(folder: Path, run: Any) -> None:
    told = run("generate", "--out", "a.key", "--dry-run")
    assert told == {
        "kind": "p256",
        "private": "a.key",
        "public": "a.key.pub",
        "encrypted": False,
    }
    assert not Path("a.key").exists()
