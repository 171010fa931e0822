"""Tokens: who is asked, what for, as whom; and what a registry cannot talk us into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest

from sealing.canonical import digest_of
from sealing.errors import SealRefusal
from sealing.oci import limits
from sealing.oci.reference import Reference, RegistryReference
from sealing.oci.registry import http as registry_http
from sealing.oci.registry import token as registry_token
from sealing.oci.registry.auth import RegistryAuthenticator
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.credentials import Credential, IdentityToken, RegistryToken
from sealing.oci.registry.realm import RealmRules
from sealing.oci.registry.settings import BasicCredentials, PlainHttp, RegistrySettings
from tests.fakes.registry import FakeRegistry
from tests.fakes.registry_wire import Response
from tests.fakes.token_server import SERVICE, Asked, TokenServer, token_server
from tests.unit.sealing.oci import samples
from tests.unit.sealing.oci.conftest import FakeTime
from tests.unit.sealing.oci.samples import refusal

ALICE = BasicCredentials("alice", "correct horse")
IDENTITY = IdentityToken("identity-of-alice")
PULL = "repository:acme/scoring:pull"
PUSH = "repository:acme/scoring:pull,push"


class Known:
    """A `CredentialSource` with one credential; `asked` is for what."""

    def __init__(self, credential: Credential | None = None) -> None:
        self.credential = credential
        self.asked: list[tuple[str, str]] = []

    def find(self, registry: str, repository: str) -> Credential | None:
        self.asked.append((registry, repository))
        return self.credential


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with token_server() as server:
        yield server


Connect = Callable[..., RegistryClient]


@pytest.fixture
def connect(registry: FakeRegistry, settings: RegistrySettings) -> Iterator[Connect]:
    clients = []

    def connect(
        credential: Credential | None = None, realms: RealmRules | None = None
    ) -> RegistryClient:
        login = RegistryAuthenticator(settings, Known(credential), realms or RealmRules())
        clients.append(RegistryClient(registry.reference(), settings=settings, authenticator=login))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


class TestTokens:
    def test_for_anybody(
        self, registry: FakeRegistry, server: TokenServer, settings: RegistrySettings
    ) -> None:
        server.guards(registry)
        with RegistryClient(registry.reference(), settings=settings) as client:
            client.ping()
            samples.publish(client, samples.manifest(), tag="v1")
            assert client.get_manifest("v1") == samples.manifest()
        assert {one.who for one in server.asked} == {None}

    def test_one_for_each_scope(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect
    ) -> None:
        server.guards(registry)
        client = connect()
        for _ in range(3):
            samples.publish(client, samples.manifest(), tag="v1")
            client.get_manifest("v1")
        assert server.asked == [
            Asked("GET", None, SERVICE, (PULL,)),
            Asked("GET", None, SERVICE, (PUSH,)),
        ]

    @pytest.mark.parametrize(
        ("credential", "method", "who"), [(ALICE, "GET", "alice"), (IDENTITY, "POST", "identity")]
    )
    def test_for_somebody(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect,
        credential: Credential, method: str, who: str,
    ) -> None:  # fmt: skip
        server.knows(ALICE.username, ALICE.password)
        server.knows_identity(IDENTITY.token)
        server.guards(registry)
        samples.publish(connect(credential), samples.manifest(), tag="v1")
        assert Asked(method, who, SERVICE, (PUSH,)) in server.asked
        assert {one.who for one in server.asked} == {who}
        sent = [request.headers.get("authorization") or "" for request in registry.requests]
        assert all(not value or value.startswith("Bearer token-") for value in sent)

    @pytest.mark.parametrize(
        "credential", [None, BasicCredentials("alice", "wrong"), IdentityToken("wrong")]
    )
    def test_for_somebody_else(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect, time: FakeTime,
        credential: Credential | None,
    ) -> None:  # fmt: skip
        server.knows("alice", "correct horse")
        server.guards(registry)
        assert refusal(connect(credential).get_manifest, "v1") is SealRefusal.UNAUTHORIZED
        assert (len(server.asked), len(registry.requests), time.slept) == (1, 1, [])

    def test_of_ones_own_asks_nobody(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect
    ) -> None:
        server.tokens["made-elsewhere"] = (PULL,)
        server.guards(registry)
        assert refusal(connect(RegistryToken("made-elsewhere")).get_manifest, "v1") is (
            SealRefusal.NOT_FOUND
        )
        assert server.asked == []

    def test_both_schemes(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect
    ) -> None:
        server.guards(registry, more='Basic realm="fake", ')
        connect(ALICE).ping()
        assert registry.requests[-1].headers["authorization"].startswith("Bearer ")

    def test_password_for_who_asks_for_it(self, registry: FakeRegistry, connect: Connect) -> None:
        registry.wants_basic("alice", "correct horse")
        connect(ALICE).ping()
        assert refusal(connect(IDENTITY).ping) is SealRefusal.UNAUTHORIZED
        assert refusal(connect().ping) is SealRefusal.UNAUTHORIZED

    @pytest.mark.parametrize("challenge", ["Negotiate", "", 'Basic realm="', "Bearer"])
    def test_challenge_without_answer(
        self, registry: FakeRegistry, connect: Connect, challenge: str
    ) -> None:
        registry.answers("GET", "/v2/", Response(401, headers={"WWW-Authenticate": challenge}))
        code = refusal(connect(ALICE).ping)
        plain = challenge in ("Negotiate", "")
        assert code is (SealRefusal.UNAUTHORIZED if plain else SealRefusal.REGISTRY_MALFORMED)

    def test_scope_is_what_we_need_and_not_what_the_registry_would_like(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect
    ) -> None:
        asks = f'Bearer realm="{server.realm}?tenant=x",scope="aws repository:other/secret:pull"'
        refused = Response(401, headers={"WWW-Authenticate": asks})
        registry.answers("GET", "/manifests/", refused, times=1)
        assert refusal(connect().get_manifest, "v1") is SealRefusal.NOT_FOUND
        assert server.asked == [Asked("GET", None, "", (PULL, "aws"))]
        assert server.requests[0].query["tenant"] == ["x"]

    def test_two_for_a_mount(
        self,
        registry: FakeRegistry,
        server: TokenServer,
        connect: Connect,
        settings: RegistrySettings,
    ) -> None:
        registry.repository("acme/other").blobs[digest_of(b"x")] = b"x"
        server.guards(registry)
        source = RegistryClient(registry.reference("acme/other"), settings=settings)
        with source:
            assert connect().mount_blob(digest_of(b"x"), 1, source)
        assert (PUSH, "repository:acme/other:pull") in [one.scopes for one in server.asked]


class TestTime:
    def test_renewed_before_it_runs_out(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect, time: FakeTime
    ) -> None:
        server.tokens_last(300)
        server.guards(registry)
        client = connect()
        client.ping()
        time.now += 300 - limits.TOKEN_SPARE_SECONDS - 1
        client.ping()
        assert len(server.asked) == 1
        time.now += 1
        client.ping()
        assert len(server.asked) == 2
        assert len(registry.requests) == 4  # Only the first one was refused.

    @pytest.mark.parametrize(
        ("said", "lasts"),
        [(None, limits.TOKEN_SECONDS), (1 << 40, limits.TOKEN_SECONDS_MAX), (0, 0)],
    )
    def test_it_lasts(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect, time: FakeTime,
        said: int | None, lasts: int,
    ) -> None:  # fmt: skip
        if said is not None:
            server.tokens_last(said)
        server.guards(registry)
        client = connect()
        client.ping()
        time.now += max(0, lasts - limits.TOKEN_SPARE_SECONDS - 1)
        client.ping()
        assert len(server.asked) == (1 if lasts else 2)
        time.now += 1
        client.ping()
        assert len(server.asked) == (2 if lasts else 3)

    def test_of_the_user_is_not_the_registrys(
        self,
        registry: FakeRegistry,
        settings: RegistrySettings,
        time: FakeTime,
    ) -> None:
        class Slow(Known):
            def find(self, registry: str, repository: str) -> Credential | None:
                time.now += 10 * limits.EXCHANGE_SECONDS
                return ALICE

        registry.wants_basic(ALICE.username, ALICE.password)
        login = RegistryAuthenticator(settings, Slow())
        reference = registry.reference()
        with RegistryClient(reference, settings=settings, authenticator=login) as client:
            client.ping()

    def test_refused_early_it_is_asked_for_once_more(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect
    ) -> None:
        server.guards(registry)
        client = connect()
        client.ping()
        server.revoke_all()
        client.ping()
        assert len(server.asked) == 2

    def test_refused_for_ever(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect, time: FakeTime
    ) -> None:
        asks = f'Bearer realm="{server.realm}"'
        registry.answers("GET", "/v2/", Response(401, headers={"WWW-Authenticate": asks}))
        client = connect()
        for count in (1, 2):
            assert refusal(client.ping) is SealRefusal.UNAUTHORIZED
            assert (len(server.asked), len(registry.requests)) == (count, 2 * count)
        assert time.slept == []


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (400, SealRefusal.UNAUTHORIZED),
            (401, SealRefusal.UNAUTHORIZED),
            (403, SealRefusal.UNAUTHORIZED),
            (307, SealRefusal.REDIRECT_REFUSED),
            (404, SealRefusal.NOT_FOUND),
            (418, SealRefusal.REGISTRY_REFUSED),
        ],
    )
    def test_status(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect,
        status: int, code: SealRefusal,
    ) -> None:  # fmt: skip
        server.guards(registry)
        server.answers_with(Response(status, b"{}", {"Location": "/elsewhere"}))
        assert refusal(connect(ALICE).ping) is code
        assert len(server.requests) == 1

    def test_too_large(self, registry: FakeRegistry, server: TokenServer, connect: Connect) -> None:
        server.guards(registry)
        data = b'{"token":"x"}' + b" " * limits.TOKEN_ANSWER_BYTES
        server.answers_with(Response(200, data))
        assert refusal(connect().ping) is SealRefusal.REGISTRY_MALFORMED

    def test_busy_is_tried_again(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect, time: FakeTime
    ) -> None:
        server.guards(registry)
        server.answers_with(Response(503), Response(429, headers={"Retry-After": "7"}))
        connect().ping()
        assert len(server.asked) == 3
        assert time.slept[1] == 7

    def test_secrets_are_in_no_error(
        self, registry: FakeRegistry, server: TokenServer, connect: Connect
    ) -> None:
        server.guards(registry)
        said = f'{{"errors":[{{"code":"X","message":"{ALICE.password}"}}]}}'.encode()
        for status in (200, 400, 401, 418):
            server.answers_with(Response(status, said))
            with pytest.raises(Exception) as caught:
                connect(ALICE).ping()
            assert ALICE.password not in repr(caught.value)
        login = RegistryAuthenticator(RegistrySettings(), Known(ALICE))
        assert ALICE.password not in repr(login)
        assert IDENTITY.token not in repr(IDENTITY)


class Web:
    """Answers for names that are not resolved. `requests` is who was asked, and as whom."""

    def __init__(self) -> None:
        self.pages: dict[str, Callable[[httpx.Request], httpx.Response]] = {}
        self.requests: list[tuple[str, str | None]] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        place = f"{request.url.scheme}://{request.url.netloc.decode()}"
        self.requests.append((place, request.headers.get("authorization")))
        return self.pages[place](request)

    def registry(self, host: str, challenge: str, scheme: str = "https") -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.headers.get("authorization") in ("Bearer good", ALICE.authorization.value):
                return httpx.Response(200, content=iter([b""]))
            named = {"WWW-Authenticate": challenge}
            return httpx.Response(401, headers=named, content=iter([b""]))

        self.pages[f"{scheme}://{host}"] = answer

    def token_server(self, place: str) -> None:
        self.pages[place] = lambda _: httpx.Response(200, content=iter([b'{"token":"good"}']))


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    web = Web()
    for module in (registry_http, registry_token):
        monkeypatch.setattr(module, "TimedTransport", lambda _: httpx.MockTransport(web.handle))
    return web


def ping(
    host: str, settings: RegistrySettings, credential: Credential | None, listed: str | None = None
) -> Known:
    rules = RealmRules({} if listed is None else {host: frozenset({listed})})
    known = Known(credential)
    reference = Reference.parse(f"{host}/acme/scoring:v1")
    assert isinstance(reference, RegistryReference)
    login = RegistryAuthenticator(settings, known, rules)
    with RegistryClient(reference, settings=settings, authenticator=login) as client:
        client.ping()
    return known


BASIC = ALICE.authorization.value


class TestRealms:
    """`HOST` names `REALM`: may it be asked at all, and may it be told who we are?"""

    @pytest.mark.parametrize(
        ("host", "realm"),
        [
            ("registry.example.com:5000", "https://registry.example.com"),
            ("registry.example.com", "https://registry.example.com:8443"),
            ("10.1.2.3:5000", "https://10.1.2.3"),
            ("[2001:db8::1]:5000", "https://[2001:db8::1]:5001"),
            ("docker.io", "https://auth.docker.io"),
            ("registry-1.docker.io", "https://auth.docker.io"),
            ("registry.gitlab.com", "https://gitlab.com"),
            ("localhost:5000", "http://localhost:5001"),
        ],
    )
    def test_of_its_own(self, web: Web, settings: RegistrySettings, host: str, realm: str) -> None:
        web.registry(host, f'Bearer realm="{realm}/token"', realm.partition(":")[0])
        web.token_server(realm)
        known = ping(host, settings, ALICE)
        assert (realm, BASIC) in web.requests
        assert known.asked == [(host, "acme/scoring")]

    @pytest.mark.parametrize("credential", [ALICE, IDENTITY])
    @pytest.mark.parametrize(
        ("host", "realm"),
        [
            ("registry.example.com", "https://auth.example.com"),
            ("registry.example.com", "https://registry.example.com.evil.example"),
            ("registry.example.com", "https://auth.docker.io"),
            ("docker.io.example", "https://auth.docker.io"),
            ("docker.io", "https://gitlab.com"),
            ("docker.io", "https://auth.docker.io:8443"),
            ("gitlab.com", "https://registry.gitlab.com"),
            ("docker.io", "https://docker.io"),
            ("registry.gitlab.com", "https://registry.gitlab.com"),
        ],
    )
    def test_elsewhere_is_not_told(
        self, web: Web, settings: RegistrySettings, host: str, realm: str, credential: Credential
    ) -> None:
        web.registry(host, f'Bearer realm="{realm}/token"')
        assert refusal(ping, host, settings, credential) is SealRefusal.REALM_REFUSED
        assert len(web.requests) == 1

    def test_elsewhere_may_be_asked_by_nobody(self, web: Web, settings: RegistrySettings) -> None:
        web.registry("registry.example.com", 'Bearer realm="https://auth.example.net/token"')
        web.token_server("https://auth.example.net")
        ping("registry.example.com", settings, None)
        assert ("https://auth.example.net", None) in web.requests

    def test_elsewhere_by_the_users_word(self, web: Web, settings: RegistrySettings) -> None:
        web.registry("registry.example.com", 'Bearer realm="https://10.0.0.7:5001/token"')
        web.token_server("https://10.0.0.7:5001")
        ping("registry.example.com", settings, ALICE, listed="10.0.0.7:5001")
        assert ("https://10.0.0.7:5001", BASIC) in web.requests

    @pytest.mark.parametrize("credential", [None, ALICE])
    @pytest.mark.parametrize(
        ("host", "realm"),
        [
            ("registry.example.com", "http://registry.example.com"),
            ("registry.example.com", "http://localhost:5001"),
            ("registry.example.com", "https://localhost:5001"),
            ("registry.example.com", "https://127.0.0.1"),
            ("registry.example.com", "https://registry.localhost"),
            ("registry.example.com", "https://169.254.169.254"),
            ("registry.example.com", "https://[::1]"),
            ("registry.example.com", "https://10.0.0.7"),
            ("localhost:5000", "http://registry.example.com"),
            ("localhost:5000", "http://127.0.0.1:5001"),
        ],
    )
    def test_that_nobody_may_ask(
        self, web: Web, settings: RegistrySettings, host: str, realm: str,
        credential: Credential | None,
    ) -> None:  # fmt: skip
        scheme = "http" if host.startswith("localhost") else "https"
        web.registry(host, f'Bearer realm="{realm}/token"', scheme)
        assert refusal(ping, host, settings, credential) is SealRefusal.REALM_REFUSED
        assert len(web.requests) == 1

    @pytest.mark.parametrize(
        "realm",
        [
            "",
            "token",
            "/token",
            "ftp://registry.example.com/token",
            "https://alice:x@registry.example.com/token",
            "https://registry.example.com/token#part",
            "https://[::1",
            "https://127.1/token",
            "https://xn--/token",
            "https://registry.example.com:99999999/",
            "https:///token",
            "https://registry.example.com/" + "x" * 8192,
        ],
    )
    def test_that_is_none(self, web: Web, settings: RegistrySettings, realm: str) -> None:
        web.registry("registry.example.com", f'Bearer realm="{realm}"')
        code = refusal(ping, "registry.example.com", settings, ALICE)
        assert code is SealRefusal.REGISTRY_MALFORMED
        assert len(web.requests) == 1

    @pytest.mark.parametrize("host", ["docker.io", "registry.gitlab.com", "listed.example.com"])
    def test_known_elsewhere_gets_no_password(
        self, web: Web, settings: RegistrySettings, host: str
    ) -> None:
        web.registry(host, 'Basic realm="give it to me"')
        listed = "auth.example.com" if host.startswith("listed") else None
        code = refusal(ping, host, settings, ALICE, listed)
        assert code is SealRefusal.REALM_REFUSED
        assert len(web.requests) == 1

    def test_in_clear_nothing_is_looked_up(self, web: Web, settings: RegistrySettings) -> None:
        host = "registry.example.com"
        web.registry(host, f'Bearer realm="https://{host}/token"', "http")
        known = Known(ALICE)
        plain = replace(settings, plain_http=PlainHttp.UNSAFE_ALWAYS)
        reference = RegistryReference(registry=host, repository="a")
        login = RegistryAuthenticator(plain, known)
        with RegistryClient(reference, settings=plain, authenticator=login) as client:
            assert refusal(client.ping) is SealRefusal.PLAIN_HTTP_REFUSED
        assert (len(web.requests), known.asked) == (1, [])
