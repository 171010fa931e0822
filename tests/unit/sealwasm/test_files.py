"""Files that the command line writes: whole, private where they must be, never over another."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from sealing.keys import SigningKey
from sealwasm import files
from sealwasm.cli import run_command
from sealwasm.failure import CliError
from sealwasm.files import read_file, write_file
from sealwasm.session import Session


def code_of(call, *args, **options) -> str:
    with pytest.raises(CliError) as caught:
        call(*args, **options)
    return caught.value.code


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_private_file_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_file(tmp_path / "key", b"secret", mode=0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_link_that_appears_meanwhile_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, out = tmp_path / "victim", tmp_path / "out"
    victim.write_bytes(b"keep")
    link = os.link

    def raced(source: Path, target: Path) -> None:
        target.symlink_to(victim)
        link(source, target)

    monkeypatch.setattr(files.os, "link", raced)
    assert code_of(write_file, out, b"secret", mode=0o600) == "file-exists"
    assert victim.read_bytes() == b"keep"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "victim"]


def test_a_dangling_link_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    assert code_of(write_file, tmp_path / "out", b"x") == "file-exists"
    assert not (tmp_path / "nowhere").exists()


def test_replacing_a_link_leaves_what_it_named(tmp_path: Path) -> None:
    victim, out = tmp_path / "victim", tmp_path / "out"
    victim.write_bytes(b"keep")
    out.symlink_to(victim)
    write_file(out, b"new", replace=True)
    assert (victim.read_bytes(), out.read_bytes()) == (b"keep", b"new")


def test_a_file_without_end_is_left_unread() -> None:
    assert code_of(read_file, "/dev/zero") == "file-too-large"


def test_a_receipt_has_its_place_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no second one: a run whose receipt cannot be written must not start."""
    owner = tmp_path / "owner.pub"
    owner.write_bytes(SigningKey.generate("ed25519").public.to_pem())
    receipt = str(tmp_path / "missing" / "receipt.json")
    line = ["run", "oci:nowhere:x", "--owner", str(owner), "--receipt", receipt]
    assert run_command(line, Session(output="json")) == 142
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "folder-not-found"
