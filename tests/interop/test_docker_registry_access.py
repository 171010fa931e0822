"""Logging in to Debian's docker-registry: tokens it verifies itself, certificates of one's own."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sealing.canonical import b64encode
from sealing.errors import SealRefusal
from sealing.oci.copying import copy
from sealing.oci.layout import OciLayout
from sealing.oci.reference import RegistryReference
from sealing.oci.registry.auth import RegistryAuthenticator
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.credential_files import CredentialFile
from sealing.oci.registry.settings import PlainHttp, RegistrySettings
from sealing.oci.registry.tls import ClientCertificate, registry_tls
from sealing.oci.transfer import pull, push
from sealwasm.cli import run_command
from sealwasm.exit_codes import ExitCode
from sealwasm.session import Session
from tests.fakes.certificates import Authority, Certified
from tests.fakes.token_server import SERVICE, TokenServer, token_server
from tests.interop.tools import DockerRegistry, Skopeo, docker_registry
from tests.unit.sealing.oci.samples import refusal, sealed

pytestmark = pytest.mark.interop

ISSUER = "the token server of this test"


def b64url(data: bytes) -> str:
    return b64encode(data).rstrip("=").replace("+", "-").replace("/", "_")


class SigningServer(TokenServer):
    """Gives tokens as docker-registry wants them: JWTs with the chain of their signer."""

    def __init__(self, signer: Certified) -> None:
        super().__init__()
        self.signer = signer
        self.grants: dict[str, set[str]] = {}

    def grants_only(self, who: str, *actions: str) -> None:
        self.grants[who] = set(actions)

    def make_token(self, who: str, scopes: tuple[str, ...]) -> str:
        now = int(time.time())
        chain = self.signer.certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [b64encode(chain)]}
        claims = {
            "iss": ISSUER, "sub": who, "aud": SERVICE, "jti": "1",
            "iat": now, "nbf": now - 5, "exp": now + 300,
            "access": [self._access(who, scope) for scope in scopes],
        }  # fmt: skip
        signed = ".".join(b64url(json.dumps(part).encode()) for part in (header, claims))
        signature = self.signer.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
        numbers = decode_dss_signature(signature)
        return f"{signed}.{b64url(b''.join(one.to_bytes(32, 'big') for one in numbers))}"

    def _access(self, who: str, scope: str) -> dict[str, object]:
        kind, name, actions = scope.split(":")
        wanted = set(actions.split(","))
        allowed = wanted & self.grants.get(who, wanted)
        return {"type": kind, "name": name, "actions": sorted(allowed)}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SigningServer]:
    with token_server(SigningServer(Authority(tmp_path, "issuer").own)) as server:
        assert isinstance(server, SigningServer)
        server.knows("alice", "secret")
        server.knows("reader", "secret")
        server.grants_only("reader", "pull")
        server.knows_identity("identity-of-alice")
        yield server


@pytest.fixture
def registry(server: SigningServer, tmp_path: Path) -> Iterator[DockerRegistry]:
    auth = json.dumps(
        {
            "token": {
                "realm": server.realm,
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(server.signer.certificate_file),
            }
        }
    )
    with docker_registry(tmp_path, auth=auth) as registry:
        yield registry


def no_helper(name: str, server: str) -> None:
    pytest.fail(f"helper {name} was asked about {server}")


def client_of(
    registry: DockerRegistry,
    folder: Path,
    entry: dict[str, str],
    reference: RegistryReference | None = None,
) -> RegistryClient:
    """Return a client with what docker's configuration says about `registry`."""
    file = folder / "config.json"
    file.touch(0o600)
    file.write_text(json.dumps({"auths": {registry.reference.registry: entry}}))

    settings = RegistrySettings(retry_seconds=())
    login = RegistryAuthenticator(settings, CredentialFile(file, no_helper, pytest.fail))
    place = reference or registry.reference
    return RegistryClient(place, settings=settings, authenticator=login)


def login_of(username: str, password: str) -> dict[str, str]:
    return {"auth": b64encode(f"{username}:{password}".encode())}


class TestTokens:
    @pytest.mark.parametrize(
        "entry", [login_of("alice", "secret"), {"identitytoken": "identity-of-alice"}]
    )
    def test_push_and_pull(
        self, registry: DockerRegistry, server: SigningServer, tmp_path: Path,
        entry: dict[str, str],
    ) -> None:  # fmt: skip
        with client_of(registry, tmp_path, entry) as client:
            client.ping()
            push(client, sealed(), "v1")
            assert pull(client, registry.reference).digest == sealed().manifest_digest
        asked = [one.scopes for one in server.asked if one.who is not None]
        assert sorted(asked) == sorted(set(asked))  # One token for each scope.

    def test_reader_pulls_and_does_not_push(self, registry: DockerRegistry, tmp_path: Path) -> None:
        with client_of(registry, tmp_path, login_of("alice", "secret")) as client:
            push(client, sealed(), "v1")
        with client_of(registry, tmp_path, login_of("reader", "secret")) as client:
            assert pull(client, registry.reference).digest == sealed().manifest_digest
            assert refusal(push, client, sealed(), "v2") in (
                SealRefusal.UNAUTHORIZED,
                SealRefusal.FORBIDDEN,
            )

    def test_copy_within_the_registry_mounts(
        self, registry: DockerRegistry, server: SigningServer, tmp_path: Path
    ) -> None:
        alice = login_of("alice", "secret")
        other = replace(registry.reference, repository="acme/other")
        with (
            client_of(registry, tmp_path, alice) as client,
            client_of(registry, tmp_path, alice, other) as target,
        ):
            push(client, sealed(), "v1")
            copy(client, registry.reference, target, "v1")
            assert pull(target, other).digest == sealed().manifest_digest
        both = ("repository:acme/other:pull,push", "repository:acme/scoring:pull")
        assert both in [one.scopes for one in server.asked]

    @pytest.mark.parametrize("entry", [{}, login_of("alice", "wrong"), {"identitytoken": "wrong"}])
    def test_stranger(
        self, registry: DockerRegistry, tmp_path: Path, entry: dict[str, str]
    ) -> None:
        with client_of(registry, tmp_path, entry) as client:
            assert refusal(client.ping) is SealRefusal.UNAUTHORIZED
            assert refusal(pull, client, registry.reference) is SealRefusal.UNAUTHORIZED

    def test_token_that_the_registry_does_not_believe(
        self, registry: DockerRegistry, server: SigningServer, tmp_path: Path
    ) -> None:
        server.signer = Authority(tmp_path, "somebody-else").own
        with client_of(registry, tmp_path, login_of("alice", "secret")) as client:
            assert refusal(client.ping) is SealRefusal.UNAUTHORIZED


def test_what_skopeo_wrote_when_it_logged_in(tmp_path: Path) -> None:
    file = tmp_path / "auth.json"
    with docker_registry(tmp_path, password=True) as registry:
        host = registry.reference.registry
        Skopeo(tmp_path).run(
            "login", "--authfile", str(file), "--tls-verify=false",
            "--username", "alice", "--password", "secret", host,
        )  # fmt: skip
        settings = RegistrySettings(retry_seconds=())
        known = CredentialFile(file, no_helper, pytest.fail)
        login = RegistryAuthenticator(settings, known)
        with RegistryClient(registry.reference, settings=settings, authenticator=login) as client:
            client.ping()


def test_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    file = str(tmp_path / "auth.json")
    push(OciLayout.create(tmp_path / "shop"), sealed(), "app")
    with docker_registry(tmp_path, password=True) as registry:
        host = registry.reference.registry
        for line in (
            ["registry", "login", host, "--username", "alice", "--password-stdin"],
            ["copy", f"oci:{tmp_path}/shop:app", f"{host}/acme/app:1"],
            ["inspect", f"{host}/acme/app:1"],
            ["registry", "logout", host],
        ):
            assert run_command([*line, "--registry-auth", file], Session()) == 0
        again = ["inspect", f"{host}/acme/app:1", "--registry-auth", file]
        assert run_command(again, Session()) == ExitCode.DENIED


class TestCertificates:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority(tmp_path)

    @pytest.fixture
    def registry(self, authority: Authority, tmp_path: Path) -> Iterator[DockerRegistry]:
        server = authority.server()
        tls = {
            "certificate": str(server.certificate_file),
            "key": str(server.key_file),
            "clientcas": [str(authority.file)],
        }
        with docker_registry(tmp_path, tls=json.dumps(tls)) as registry:
            yield registry

    def settings(self, authority: Authority, client: Certified | None) -> RegistrySettings:
        shown = (
            None if client is None else ClientCertificate(client.certificate_file, client.key_file)
        )
        tls = registry_tls(authority.file.read_bytes(), client=shown)
        return RegistrySettings(plain_http=PlainHttp.NEVER, tls=tls, retry_seconds=())

    def test_of_a_client(self, registry: DockerRegistry, authority: Authority) -> None:
        settings = self.settings(authority, authority.client())
        with RegistryClient(registry.reference, settings=settings) as client:
            push(client, sealed(), "v1")
            assert pull(client, registry.reference).digest == sealed().manifest_digest

    def test_none(self, registry: DockerRegistry, authority: Authority) -> None:
        settings = self.settings(authority, None)
        with RegistryClient(registry.reference, settings=settings) as client:
            assert refusal(client.ping) is SealRefusal.UNREACHABLE

    def test_authority_of_somebody_else(
        self, registry: DockerRegistry, authority: Authority, tmp_path: Path
    ) -> None:
        (tmp_path / "other").mkdir()
        other = Authority(tmp_path / "other")
        settings = replace(
            self.settings(authority, None), tls=registry_tls(other.file.read_bytes())
        )
        with RegistryClient(registry.reference, settings=settings) as client:
            assert refusal(client.ping) is SealRefusal.REGISTRY_UNTRUSTED
