"""Credentials in files and in helper programs, which are small scripts here."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sealing.canonical import b64encode
from sealing.errors import SealRefusal
from sealing.oci import limits
from sealing.oci.registry.credential_files import CredentialFile
from sealing.oci.registry.credential_helper import CredentialHelpers
from sealing.oci.registry.credentials import Credential, FirstOf, IdentityToken, NoCredentials
from sealing.oci.registry.settings import BasicCredentials
from tests.unit.sealing.oci.samples import refusal

HOST = "registry.example.com"
ALICE = BasicCredentials("alice", "s3cr3t")
BOB = BasicCredentials("bob", "s3cr3t")
ANSWER = '{"ServerURL":"x","Username":"alice","Secret":"s3cr3t"}'
UNUSABLE = SealRefusal.CREDENTIALS_UNUSABLE


def no_helper(name: str, server: str) -> Credential | None:
    pytest.fail(f"{name} was asked about {server}")


class TestHelpers:
    @pytest.fixture
    def helpers(self, tmp_path: Path) -> CredentialHelpers:
        environment = {"PATH": os.environ["PATH"], "VAULT": "open"}
        return CredentialHelpers([tmp_path], environment, time.monotonic)

    def install(self, folder: Path, script: str, name: str = "test") -> Path:
        path = folder / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def test_is_asked_as_docker_asks(self, helpers: CredentialHelpers, tmp_path: Path) -> None:
        self.install(tmp_path, f"echo \"$* $(cat) $VAULT\" > {tmp_path}/asked; echo '{ANSWER}'")
        assert helpers.ask("test", HOST) == ALICE
        assert (tmp_path / "asked").read_text() == f"get {HOST} open\n"

    def test_gives_an_identity(self, helpers: CredentialHelpers, tmp_path: Path) -> None:
        self.install(tmp_path, """echo '{"Username":"<token>","Secret":"abc"}'""")
        assert helpers.ask("test", HOST) == IdentityToken("abc")

    def test_reads_no_question(self, helpers: CredentialHelpers, tmp_path: Path) -> None:
        self.install(tmp_path, f"exec 0<&-; echo '{ANSWER}'")
        assert helpers.ask("test", HOST) == ALICE

    def test_knows_nothing(self, helpers: CredentialHelpers, tmp_path: Path) -> None:
        self.install(tmp_path, "echo credentials not found in native keychain; exit 1")
        assert helpers.ask("test", HOST) is None

    @pytest.mark.parametrize(
        "script",
        [
            "exit 1",
            "echo s3cr3t; exit 1",
            "echo s3cr3t >&2; exit 2",
            "echo credentials not found in native keychain",
            "echo s3cr3t",
            f"echo '{ANSWER}{ANSWER}'",
            "kill -9 $$",
            f"head -c {limits.HELPER_BYTES + 1} /dev/zero",
            "cat /dev/zero",
        ],
    )
    def test_fails(self, helpers: CredentialHelpers, tmp_path: Path, script: str) -> None:
        self.install(tmp_path, script)
        with pytest.raises(Exception) as caught:
            helpers.ask("test", HOST)
        assert caught.value.code is UNUSABLE
        assert "s3cr3t" not in str(caught.value)

    @pytest.mark.parametrize(
        "script", ["sleep 600", f"echo '{ANSWER}'; sleep 600", "exec 1>&-; sleep 600"]
    )
    def test_hangs(self, helpers: CredentialHelpers, tmp_path: Path, script: str) -> None:
        self.install(tmp_path, f"echo $$ > {tmp_path}/pid; {script}")
        assert refusal(replace(helpers, seconds=0.5).ask, "test", HOST) is UNUSABLE
        pid = int((tmp_path / "pid").read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    def test_is_not_there(self, helpers: CredentialHelpers, tmp_path: Path) -> None:
        self.install(tmp_path, "exit 0", "other").chmod(0o644)
        (tmp_path / "docker-credential-folder").mkdir()
        for name in ("test", "other", "folder"):
            assert refusal(helpers.ask, name, HOST) is UNUSABLE

    def test_cannot_be_run(self, helpers: CredentialHelpers, tmp_path: Path) -> None:
        (tmp_path / "docker-credential-test").write_bytes(b"\x7fELF not really")
        (tmp_path / "docker-credential-test").chmod(0o755)
        assert refusal(helpers.ask, "test", HOST) is UNUSABLE

    def test_relative_folders_are_passed_over(
        self, helpers: CredentialHelpers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.install(tmp_path, f"echo '{ANSWER}'")
        monkeypatch.chdir(tmp_path)
        here = replace(helpers, folders=[Path(), Path("."), Path("..") / tmp_path.name])
        assert refusal(here.ask, "test", HOST) is UNUSABLE

    def test_environment_is_not_shown(self, helpers: CredentialHelpers) -> None:
        assert "VAULT" not in repr(helpers)


def no_warning(path: Path) -> None:
    pytest.fail(f"warned about {path}")


def file(path: Path) -> CredentialFile:
    return CredentialFile(path, no_helper, no_warning)


def write(path: Path, **entries: Credential) -> Path:
    """Write docker's file with a person for each registry."""
    auths = {}
    for name, one in entries.items():
        assert isinstance(one, BasicCredentials)
        text = b64encode(f"{one.username}:{one.password}".encode())
        auths[name.replace("_", ".")] = {"auth": text}
    path.touch(0o600)
    path.write_text(json.dumps({"auths": auths}))
    return path


class TestFiles:
    def test_plain(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.json", registry_example_com=ALICE)
        assert file(path).find(HOST, "a") == ALICE
        assert file(path).find("other.example.com", "a") is None

    def test_absent(self, tmp_path: Path) -> None:
        for path in (tmp_path / "absent", tmp_path):
            assert file(path).find(HOST, "a") is None
            with pytest.raises(FileNotFoundError):
                file(path).read()

    def test_docker_folder(self, tmp_path: Path) -> None:
        write(tmp_path / "config.json", registry_example_com=ALICE)
        assert file(tmp_path).find(HOST, "a") == ALICE

    def test_mounted_secret(self, tmp_path: Path) -> None:
        # As the kubelet lays it out: links to links, so that all files change at once.
        data = tmp_path / "..2026_11_23"
        data.mkdir()
        write(data / ".dockerconfigjson", registry_example_com=ALICE).chmod(0o644)
        (tmp_path / "..data").symlink_to(data.name)
        (tmp_path / ".dockerconfigjson").symlink_to("..data/.dockerconfigjson")
        write(tmp_path / "config.json", registry_example_com=BOB)
        warned: list[Path] = []
        secret = CredentialFile(tmp_path, no_helper, warned.append)
        assert secret.find(HOST, "a") == ALICE
        assert warned == [tmp_path / ".dockerconfigjson"]

    @pytest.mark.parametrize(
        ("mode", "readable"), [(0o600, False), (0o400, False), (0o640, True), (0o644, True)]
    )
    def test_readable_by_others(self, tmp_path: Path, mode: int, readable: bool) -> None:
        path = write(tmp_path / "x.json", registry_example_com=ALICE)
        path.chmod(mode)
        warned: list[Path] = []
        CredentialFile(path, no_helper, warned.append).read()
        assert warned == [path] * readable

    def test_without_secrets_anybody_may_read_it(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.json")
        path.chmod(0o644)
        file(path).read()

    @pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
    def test_writable_by_others(self, tmp_path: Path, mode: int) -> None:
        path = write(tmp_path / "x.json", registry_example_com=ALICE)
        path.chmod(mode)
        assert refusal(file(path).find, HOST, "a") is UNUSABLE

    def test_of_another_user(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write(tmp_path / "x.json", registry_example_com=ALICE)
        owner = path.stat().st_uid
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
        if owner == 0:  # What root wrote is good for everybody; give it to somebody else.
            os.chown(path, 12345, -1)
        assert refusal(file(path).find, HOST, "a") is UNUSABLE

    def test_no_plain_file(self, tmp_path: Path) -> None:
        assert refusal(file(Path(os.devnull)).find, HOST, "a") is UNUSABLE

    def test_a_file_where_a_folder_should_be(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.json")
        assert refusal(file(path / "y.json").find, HOST, "a") is UNUSABLE

    def test_malformed(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.json")
        path.write_text("{")
        with pytest.raises(Exception, match=r"x\.json"):
            file(path).read()

    def test_too_large(self, tmp_path: Path) -> None:
        path = write(tmp_path / "x.json")
        path.write_text("{}" + " " * limits.CREDENTIALS_BYTES)
        assert refusal(file(path).find, HOST, "a") is UNUSABLE

    def test_several(self, tmp_path: Path) -> None:
        one = write(tmp_path / "1.json", other_example_com=ALICE)
        two = write(tmp_path / "2.json", registry_example_com=ALICE, other_example_com=BOB)
        sources = [file(path) for path in (tmp_path / "0.json", one, two)]
        several = FirstOf([NoCredentials(), *sources])
        assert several.find(HOST, "a") == ALICE
        assert several.find("other.example.com", "a") == ALICE
        assert several.find("third.example.com", "a") is None

    def test_secrets_are_not_shown(self, tmp_path: Path) -> None:
        config = file(write(tmp_path / "x", registry_example_com=ALICE)).read()
        assert ALICE.password not in repr(config)
