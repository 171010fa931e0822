"""`sealwasm registry`: a password that works is kept where every tool finds it."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sealing.canonical import b64encode
from sealing.oci.registry.docker_config_edit import with_login, without_login
from sealing.oci.registry.settings import BasicCredentials
from sealwasm.cli import run_command
from sealwasm.session import Session
from tests.fakes.registry import FakeRegistry, fake_registry
from tests.fakes.token_server import TokenServer, token_server
from tests.unit.sealing.oci.samples import refusal

PASSWORD = "s3cr3t"
ALICE = BasicCredentials("alice", PASSWORD)
ENTRY = {"auth": b64encode(b"alice:s3cr3t")}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where podman keeps logins; nothing is there yet."""
    for name in ("XDG_CONFIG_HOME", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path / "run" / "containers" / "auth.json"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with fake_registry() as registry:
        yield registry


@pytest.fixture
def server(registry: FakeRegistry) -> Iterator[TokenServer]:
    with token_server() as server:
        server.knows("alice", PASSWORD)
        server.guards(registry)
        yield server


def run(*words: object) -> int:
    return run_command(["registry", *map(str, words)], Session())


def login(
    host: str, monkeypatch: pytest.MonkeyPatch, *words: object, password: str = PASSWORD
) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    return run("login", host, "--username", "alice", "--password-stdin", *words)


def auths(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())["auths"]
    return found


def test_in_and_out(
    registry: FakeRegistry, server: TokenServer, place: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert run("logout", registry.host) == 5
    assert login(registry.host, monkeypatch) == 0
    assert auths(place) == {registry.host: ENTRY}
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert run_command(["list", f"{registry.host}/acme/app"], Session()) in (0, 5)
    assert {one.who for one in server.asked} == {"alice"}
    assert run("logout", registry.host) == 0
    assert auths(place) == {}
    assert run("logout", registry.host) == 5
    printed = capsys.readouterr()
    assert PASSWORD not in printed.out + printed.err


def test_password_that_does_not_work_is_not_kept(
    registry: FakeRegistry, server: TokenServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert login(registry.host, monkeypatch, password="wrong") == 3
    assert not place.exists()


def test_named_file_keeps_what_else_it_holds(
    registry: FakeRegistry, server: TokenServer, tmp_path: Path, place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = tmp_path / "config.json"
    file.touch(0o600)
    file.write_text(json.dumps({"psFormat": "x", "auths": {"other.example.com": ENTRY}}))
    assert login(registry.host, monkeypatch, "--registry-auth", tmp_path) == 0
    assert json.loads(file.read_text())["psFormat"] == "x"
    assert set(auths(file)) == {"other.example.com", registry.host}
    assert not place.exists()


def test_file_of_others_is_not_touched(
    registry: FakeRegistry, server: TokenServer, tmp_path: Path, place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = tmp_path / "x.json"
    file.write_text("{}")
    file.chmod(0o666)
    assert login(registry.host, monkeypatch, "--registry-auth", file) == 2
    assert file.read_text() == "{}"
    assert registry.requests == []


def test_without_a_terminal_nobody_is_asked(
    registry: FakeRegistry, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.isatty", lambda _: False)
    assert run("login", registry.host, "--username", "alice") == 2
    assert registry.requests == []


def test_on_a_terminal(
    registry: FakeRegistry, server: TokenServer, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.isatty", lambda _: True)
    monkeypatch.setattr("click.prompt", lambda *_, **__: PASSWORD)
    assert run("login", registry.host, "--username", "alice") == 0
    assert set(auths(place)) == {registry.host}


@pytest.mark.parametrize("name", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_has_one_key(name: str) -> None:
    kept = with_login(b"", name, ALICE)
    assert set(json.loads(kept)["auths"]) == {"docker.io"}
    left = without_login(kept, "registry-1.docker.io")
    assert left is not None
    assert json.loads(left) == {"auths": {}}


@pytest.mark.parametrize(
    "text",
    [
        '{"credsStore":"pass"}',
        '{"credHelpers":{"registry.example.com":"pass"}}',
        '{"auths":{},"auths":{}}',
        '{"auths":[]}',
        '{"credHelpers":"pass"}',
        "[]",
        "{",
    ],
)
def test_file_that_is_not_edited(text: str) -> None:
    code = refusal(with_login, text.encode(), "registry.example.com", ALICE)
    assert code == "seal-credentials-unusable"


def test_without_a_folder_of_ones_own_nothing_is_written_here(
    registry: FakeRegistry, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert login(registry.host, monkeypatch) == 2
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("host", ["registry.example.com", "docker.io"])
def test_out_leaves_no_key_that_is_looked_up(host: str) -> None:
    urls = ["https://registry.example.com/v1/", "https://index.docker.io/v1/"]
    before = json.dumps({"auths": dict.fromkeys((host, *urls), ENTRY)})
    left = without_login(before.encode(), host)
    assert left is not None
    (other,) = json.loads(left)["auths"]
    assert host not in other


@pytest.mark.parametrize("key", ["docker.io", "https://index.docker.io/v1/"])
def test_in_is_refused_where_a_helper_is_asked_under_another_name(key: str) -> None:
    before = json.dumps({"credHelpers": {key: "vault"}}).encode()
    code = refusal(with_login, before, "registry-1.docker.io", ALICE)
    assert code == "seal-credentials-unusable"
