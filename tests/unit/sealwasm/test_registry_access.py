"""The options of registries, through real commands: a registry and a token server on loopback."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sealing.canonical import b64encode
from sealing.oci.layout import OciLayout
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.settings import PlainHttp
from sealing.oci.transfer import push
from sealwasm.artifacts.registry_access import RegistryAccess, _warn_readable
from sealwasm.cli import run_command
from sealwasm.session import Session
from tests.fakes.certificates import Authority
from tests.fakes.registry import FakeRegistry, fake_registry, running
from tests.fakes.token_server import TokenServer, token_server
from tests.unit.sealing import makers
from tests.unit.sealing.oci.samples import sealed

Login = Callable[[Path], Path]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own: nothing of this machine's credentials, and a sealed module."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    push(OciLayout.create(tmp_path / "shop"), sealed(), "app")
    (tmp_path / "owner.pub").write_bytes(makers.OWNER.public.to_pem())
    _warn_readable.cache_clear()
    return folder


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with fake_registry() as registry:
        yield registry


@pytest.fixture
def server(registry: FakeRegistry) -> Iterator[TokenServer]:
    with token_server() as server:
        server.knows("alice", "s3cr3t")
        server.guards(registry)
        yield server


@pytest.fixture
def login(registry: FakeRegistry) -> Login:
    """Return what writes docker's file for the registry to a path."""

    def login(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        auth = b64encode(b"alice:s3cr3t")
        path.write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
        return path

    return login


def run(*words: object) -> int:
    return run_command([str(word) for word in words], Session())


def failure(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    said = capsys.readouterr().err
    assert "s3cr3t" not in said
    found: dict[str, Any] = json.loads(said.splitlines()[-1])["error"]
    return found


def test_every_way_with_credentials(
    registry: FakeRegistry, server: TokenServer, login: Login, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    auth = ("--registry-auth", login(tmp_path / "auth.json"))
    place = f"{registry.host}/acme/app:1"
    assert run("publish", "oci:shop:app", place, *auth) == 0
    assert run("inspect", place, *auth) == 0
    assert run("verify", place, "--owner", "owner.pub", *auth) == 0
    assert run("pull", place, "oci:copy", *auth) == 0
    assert {one.who for one in server.asked} == {"alice"}
    printed = capsys.readouterr()
    assert "s3cr3t" not in printed.out + printed.err


def test_without_any(
    registry: FakeRegistry, server: TokenServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("inspect", f"{registry.host}/acme/app:1", "-o", "json") == 3
    found = failure(capsys)
    assert found["code"] == "seal-unauthorized"
    assert "--registry-auth" in found["next"]


@pytest.mark.parametrize(
    ("variable", "value", "file"),
    [
        ("REGISTRY_AUTH_FILE", "x.json", "x.json"),
        ("DOCKER_CONFIG", "docker", "docker/config.json"),
        ("XDG_RUNTIME_DIR", "run", "run/containers/auth.json"),
        ("XDG_CONFIG_HOME", "config", "config/containers/auth.json"),
        ("HOME", "home", "home/.config/containers/auth.json"),
        ("HOME", "home", "home/.docker/config.json"),
    ],
)
def test_where_others_keep_theirs(
    registry: FakeRegistry, server: TokenServer, login: Login, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, file: str,
) -> None:  # fmt: skip
    login(tmp_path / file)
    monkeypatch.setenv(variable, str(tmp_path / value))
    assert run("publish", "oci:shop:app", f"{registry.host}/acme/app:1") == 0


@pytest.mark.parametrize("variable", ["HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"])
def test_credentials_in_the_current_folder_are_not_taken(
    registry: FakeRegistry, server: TokenServer, login: Login, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, variable: str,
) -> None:  # fmt: skip
    for file in ("containers/auth.json", ".config/containers/auth.json", ".docker/config.json"):
        login(tmp_path / file)
    monkeypatch.setenv(variable, ".")
    monkeypatch.chdir(tmp_path)
    assert run("publish", f"oci:{tmp_path}/shop:app", f"{registry.host}/acme/app:1") != 0
    assert not any(one.who for one in server.asked)


def test_a_file_of_the_users_is_not_read_for_who_does_not_ask(
    registry: FakeRegistry, home: Path
) -> None:
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").write_text("not JSON at all")
    assert run("publish", "oci:shop:app", f"{registry.host}/acme/app:1") == 0


def test_helper_on_the_search_path(
    registry: FakeRegistry, server: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker-credential-test"
    program.write_text("""#!/bin/sh\necho '{"Username":"alice","Secret":"s3cr3t"}'\n""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}", prepend=":")
    (tmp_path / "x.json").write_text('{"credsStore":"test"}')
    words = ("--registry-auth", "x.json")
    assert run("publish", "oci:shop:app", f"{registry.host}/acme/app:1", *words) == 0


def test_readable_by_others_is_said_once(
    registry: FakeRegistry, server: TokenServer, login: Login, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    auth = login(tmp_path / "x.json")
    auth.chmod(0o644)
    place = f"{registry.host}/acme/app"
    assert run("publish", "oci:shop:app", f"{place}:1", "--registry-auth", auth) == 0
    assert run("copy", f"{place}:1", f"{place}:2", "--registry-auth", auth) == 0
    assert capsys.readouterr().err.count("others can read") == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--registry-auth", "absent.json"), "file-not-found"),
        (("--registry-auth", "owner.pub"), "seal-credentials-unusable"),
        (("--registry-ca", "absent.pem"), "file-not-found"),
        (("--registry-ca", "owner.pub"), "seal-credentials-unusable"),
        (("--registry-cert", "owner.pub"), "usage"),
        (("--registry-key", "owner.pub"), "usage"),
        (("--registry-cert", "owner.pub", "--registry-key", "owner.pub"), "key-file-readable"),
        (("--registry-cert", "absent", "--registry-key", "absent"), "seal-credentials-unusable"),
        (("--registry-realm", "auth.example.com"), "usage"),
        (("--registry-realm", "a.example.com=https://auth.example.com"), "usage"),
    ],
)
def test_what_cannot_be_used(
    registry: FakeRegistry, words: tuple[str, ...], code: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "owner.pub").chmod(0o644)
    place = f"{registry.host}/acme/app:1"
    assert run("publish", "oci:shop:app", place, *words, "-o", "json") in (2, 5)
    assert failure(capsys)["code"] == code
    assert registry.requests == []


def test_realm_elsewhere_takes_a_word(
    registry: FakeRegistry, server: TokenServer, login: Login, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    registry.behaviours.clear()
    elsewhere = f"localhost:{server.port}"
    server.guards(registry, realm=f"http://{elsewhere}/token")
    auth = ("--registry-auth", login(tmp_path / "x.json"))
    place = f"{registry.host}/acme/app:1"
    assert run("publish", "oci:shop:app", place, *auth, "-o", "json") == 3
    found = failure(capsys)
    assert (found["code"], server.asked) == ("seal-realm-refused", [])
    assert "--registry-realm" in found["next"]
    words = ("--registry-realm", f"{registry.host}={elsewhere}")
    assert run("publish", "oci:shop:app", place, *auth, *words) == 0
    assert {one.who for one in server.asked} == {"alice"}


def test_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, client = authority.server(), authority.client()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(one.certificate_file, one.key_file)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    access = RegistryAccess(
        ca=str(authority.file),
        client_certificate=str(client.certificate_file),
        client_key=str(client.key_file),
    )
    wrap = partial(context.wrap_socket, server_side=True)
    with running(FakeRegistry(), socket=wrap) as registry:
        # Loopback means plain HTTP at the command line; certificates are for everybody else.
        settings = replace(access.settings(), plain_http=PlainHttp.NEVER)
        with RegistryClient(registry.reference(), settings=settings) as connected:
            connected.ping()
