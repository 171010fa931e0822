"""Who is asked, who gets credentials, where a redirect may lead. No name here is resolved."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealing.canonical import digest_of
from sealing.errors import SealRefusal
from sealing.oci import limits
from sealing.oci.blob import Blob
from sealing.oci.reference import Reference, RegistryReference
from sealing.oci.registry import http as registry_http
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.settings import (
    Authorization,
    BasicCredentials,
    PlainHttp,
    RegistrySettings,
)
from tests.fakes.registry import FakeRegistry, running
from tests.unit.sealing.oci import samples
from tests.unit.sealing.oci.conftest import FakeTime
from tests.unit.sealing.oci.samples import refusal

BASIC = "Basic YWxpY2U6c2VjcmV0"
ALICE = BasicCredentials("alice", "secret")
PLACE = "registry.example.com/acme/scoring:v1"
MANIFEST = "https://registry.example.com/v2/acme/scoring/manifests/v1"


class Web:
    """Answers by URL; everything else is 404. `requests` is who was asked, and as whom."""

    def __init__(self) -> None:
        self.pages: dict[str, Callable[[httpx.Request], httpx.Response]] = {}
        self.requests: list[tuple[str, str | None]] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((str(request.url), request.headers.get("authorization")))
        page = self.pages.get(str(request.url))
        return answer(404) if page is None else page(request)

    def page(self, url: str, data: bytes = b"") -> None:
        self.pages[url] = lambda _: answer(200, data)

    def redirect(self, url: str, location: str, status: int = 307) -> None:
        self.pages[url] = lambda _: answer(status, Location=location)

    def protect(self, url: str, data: bytes = b"", *, challenge: str = "Basic realm=x") -> None:
        """Show the page to Alice only."""
        page = self.pages.get(url, lambda _: answer(200, data))
        refused = {"WWW-Authenticate": challenge}
        self.pages[url] = lambda request: (
            page(request)
            if request.headers.get("authorization") == BASIC
            else answer(401, **refused)
        )


def answer(status: int, data: bytes = b"", **headers: str) -> httpx.Response:
    """Return an answer that is still to be read, as one from the network is."""
    named = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return httpx.Response(status, content=iter([data]), headers=named)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    web = Web()
    monkeypatch.setattr(registry_http, "TimedTransport", lambda _: httpx.MockTransport(web.handle))
    return web


Connect = Callable[..., RegistryClient]


@pytest.fixture
def connect(web: Web, settings: RegistrySettings) -> Iterator[Connect]:
    clients = []

    def connect(place: str = PLACE, **options: object) -> RegistryClient:
        reference = Reference.parse(place)
        assert isinstance(reference, RegistryReference)
        clients.append(RegistryClient(reference, **{"settings": settings, **options}))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


class TestScheme:
    @pytest.mark.parametrize(
        ("place", "plain_http", "url"),
        [
            (PLACE, PlainHttp.LOOPBACK, "https://registry.example.com/v2/"),
            (PLACE, PlainHttp.NEVER, "https://registry.example.com/v2/"),
            (PLACE, PlainHttp.UNSAFE_ALWAYS, "http://registry.example.com/v2/"),
            ("localhost:5000/a", PlainHttp.LOOPBACK, "http://localhost:5000/v2/"),
            ("[::1]:5000/a", PlainHttp.LOOPBACK, "http://[::1]:5000/v2/"),
            ("127.0.0.1/a", PlainHttp.NEVER, "https://127.0.0.1/v2/"),
            ("10.0.0.1:5000/a", PlainHttp.LOOPBACK, "https://10.0.0.1:5000/v2/"),
        ],
    )
    def test_of_a_registry(
        self, web: Web, connect: Connect, settings: RegistrySettings,
        place: str, plain_http: PlainHttp, url: str,
    ) -> None:  # fmt: skip
        web.page(url)
        connect(place, settings=replace(settings, plain_http=plain_http)).ping()


def test_host_that_is_no_punycode(connect: Connect) -> None:
    assert refusal(connect, "xn--:5000/a") is SealRefusal.REFERENCE_INVALID


class TestCredentials:
    def test_are_sent_when_asked_for_and_then_at_once(self, web: Web, connect: Connect) -> None:
        web.protect(MANIFEST, b"{}")
        client = connect(authenticator=ALICE)
        assert client.get_manifest("v1") == client.get_manifest("v1") == b"{}"
        assert [sent for _, sent in web.requests] == [None, BASIC, BASIC]

    def test_are_not_offered_to_who_does_not_ask(self, web: Web, connect: Connect) -> None:
        web.page(MANIFEST, b"{}")
        connect(authenticator=ALICE).get_manifest("v1")
        assert web.requests == [(MANIFEST, None)]

    def test_missing(self, web: Web, connect: Connect) -> None:
        web.protect(MANIFEST)
        assert refusal(connect().get_manifest, "v1") is SealRefusal.UNAUTHORIZED
        assert len(web.requests) == 1

    def test_for_another_scheme(self, web: Web, connect: Connect) -> None:
        web.protect(MANIFEST, challenge='Bearer realm="https://auth.example.com"')
        client = connect(authenticator=ALICE)
        assert refusal(client.get_manifest, "v1") is SealRefusal.UNAUTHORIZED
        assert len(web.requests) == 1

    def test_refused_once_is_refused(self, web: Web, connect: Connect, time: FakeTime) -> None:
        web.protect(MANIFEST)
        client = connect(authenticator=BasicCredentials("alice", "wrong"))
        assert refusal(client.get_manifest, "v1") is SealRefusal.UNAUTHORIZED
        assert len(web.requests) == 2
        assert time.slept == []

    def test_refused_later_are_asked_for_again(self, web: Web, connect: Connect) -> None:
        class Tokens:
            given = 0

            def answer(
                self, challenges: Sequence[str], *, registry: str, repository: str, scope: str
            ) -> Authorization:
                assert (registry, repository) == ("registry.example.com", "acme/scoring")
                assert scope == "repository:acme/scoring:pull"
                self.given += 1
                return Authorization(BASIC if self.given == 2 else "Bearer expired")

        web.protect(MANIFEST, b"{}")
        client = connect(authenticator=Tokens())
        assert refusal(client.get_manifest, "v1") is SealRefusal.UNAUTHORIZED
        assert client.get_manifest("v1") == b"{}"
        assert [sent for _, sent in web.requests] == [None, "Bearer expired", None, BASIC]

    def test_are_not_sent_in_clear(
        self, web: Web, connect: Connect, settings: RegistrySettings
    ) -> None:
        web.protect(MANIFEST.replace("https", "http"))
        plain = replace(settings, plain_http=PlainHttp.UNSAFE_ALWAYS)
        client = connect(settings=plain, authenticator=ALICE)
        assert refusal(client.get_manifest, "v1") is SealRefusal.PLAIN_HTTP_REFUSED
        assert [sent for _, sent in web.requests] == [None]

    def test_are_sent_in_clear_on_this_machine(self, web: Web, connect: Connect) -> None:
        web.protect("http://localhost:5000/v2/")
        connect("localhost:5000/a", authenticator=ALICE).ping()

    @pytest.mark.parametrize(
        ("username", "password"), [("a:b", "c"), ("a\n", "c"), ("a", "c\r\nX-Y: z"), ("a", "\0")]
    )
    def test_that_cannot_be_sent(self, username: str, password: str) -> None:
        assert refusal(BasicCredentials, username, password) is SealRefusal.UNAUTHORIZED

    def test_are_not_shown(self) -> None:
        assert "secret" not in repr(ALICE)


class TestRedirects:
    BLOBS = "https://blobs.example.net/x?signature=y"

    def test_to_a_blob_store_lose_the_credentials(self, web: Web, connect: Connect) -> None:
        web.redirect(MANIFEST, self.BLOBS)
        web.protect(MANIFEST)
        web.page(self.BLOBS, b"{}")
        assert connect(authenticator=ALICE).get_manifest("v1") == b"{}"
        assert web.requests == [(MANIFEST, None), (MANIFEST, BASIC), (self.BLOBS, None)]

    def test_back_from_a_stranger_take_no_credentials(self, web: Web, connect: Connect) -> None:
        private = "https://registry.example.com/v2/other/private/manifests/v1"
        web.redirect(MANIFEST, self.BLOBS)
        web.protect(MANIFEST)
        web.redirect(self.BLOBS, private)
        web.protect(private, b"{}")
        client = connect(authenticator=ALICE)
        assert refusal(client.get_manifest, "v1") is SealRefusal.UNAUTHORIZED
        assert {url for url, sent in web.requests if sent} == {MANIFEST}

    def test_to_a_host_that_wants_credentials(self, web: Web, connect: Connect) -> None:
        web.redirect(MANIFEST, self.BLOBS)
        web.protect(self.BLOBS)
        client = connect(authenticator=ALICE)
        assert refusal(client.get_manifest, "v1") is SealRefusal.UNAUTHORIZED
        assert all(sent is None for _, sent in web.requests)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_on_the_same_host_keep_them(self, web: Web, connect: Connect, status: int) -> None:
        other = "https://registry.example.com/other"
        web.redirect(MANIFEST, "/other", status)
        web.protect(other, b"{}")
        assert connect(authenticator=ALICE).get_manifest("v1") == b"{}"
        assert web.requests[-1] == (other, BASIC)

    @pytest.mark.parametrize(
        "location",
        [
            "http://blobs.example.net/x",
            "http://registry.example.com/x",
            "ftp://blobs.example.net/x",
            "https://localhost/x",
            "https://127.0.0.1:2375/containers",
            "https://0.0.0.0:2375/containers",
            "https://[::]:2375/containers",
            "https://[::ffff:7f00:1]:2375/containers",
            "https://registry.localhost/containers",
            "https://[::1]/x",
            "https://169.254.169.254/latest/meta-data",
            "https://[fe80::1]/x",
            "https://[::ffff:a9fe:a9fe]/x",
        ],
    )
    def test_to_where_none_may_lead(self, web: Web, connect: Connect, location: str) -> None:
        web.redirect(MANIFEST, location)
        assert refusal(connect().get_manifest, "v1") is SealRefusal.REDIRECT_REFUSED
        assert len(web.requests) == 1

    @pytest.mark.parametrize(
        "location",
        [
            "",
            "https://alice:secret@blobs.example.net/x",
            "https://[::1",
            "https://xn--/x",
            "https://127.1/x",
            "https://2130706433/x",
            "https://blobs_store.example.net/x",
            "https://example.net:0/",
            "data:,x",
            "https://example.net:99999999/",
            "https://exa mple.net/\x7f",
            "https://ex\u00e4mple.net/",
            "https://example.net/" + "x" * limits.LOCATION_CHARS,
        ],
    )
    def test_to_nowhere(self, web: Web, connect: Connect, location: str) -> None:
        web.redirect(MANIFEST, location)
        assert refusal(connect().get_manifest, "v1") is SealRefusal.REGISTRY_MALFORMED
        assert len(web.requests) == 1

    @pytest.mark.parametrize("hops", [limits.REDIRECTS, limits.REDIRECTS + 1])
    def test_have_an_end(self, web: Web, connect: Connect, hops: int) -> None:
        urls = [MANIFEST, *(f"https://registry.example.com/{hop}" for hop in range(hops))]
        for here, there in pairwise(urls):
            web.redirect(here, there)
        web.page(urls[-1], b"{}")
        if hops > limits.REDIRECTS:
            assert refusal(connect().get_manifest, "v1") is SealRefusal.REDIRECT_REFUSED
        else:
            assert connect().get_manifest("v1") == b"{}"

    def test_of_this_machine_stay_possible(self, web: Web, connect: Connect) -> None:
        web.redirect("http://localhost:5000/v2/", "https://localhost:5001/x")
        web.page("https://localhost:5001/x")
        connect("localhost:5000/a").ping()


class TestUploads:
    UPLOADS = "https://registry.example.com/v2/acme/scoring/blobs/uploads/"

    def begin(self, web: Web, location: str) -> None:
        web.pages[self.UPLOADS] = lambda _: answer(202, Location=location)

    @pytest.mark.parametrize(
        ("location", "code"),
        [
            ("https://uploads.example.net/x", SealRefusal.REDIRECT_REFUSED),
            ("http://registry.example.com/x", SealRefusal.REDIRECT_REFUSED),
            ("https://registry.example.com:444/x", SealRefusal.REDIRECT_REFUSED),
            ("", SealRefusal.REGISTRY_MALFORMED),
            ("https://alice@registry.example.com/x", SealRefusal.REGISTRY_MALFORMED),
        ],
    )
    def test_stay_at_the_registry(
        self, web: Web, connect: Connect, location: str, code: SealRefusal
    ) -> None:
        self.begin(web, location)
        assert refusal(connect().put_blob, Blob.of(samples.LAYER)) is code
        assert web.requests[-1][0] == self.UPLOADS

    def test_are_not_redirected(self, web: Web, connect: Connect) -> None:
        web.redirect(self.UPLOADS, "/elsewhere")
        code = refusal(connect().put_blob, Blob.of(samples.LAYER))
        assert code is SealRefusal.REDIRECT_REFUSED

    @pytest.mark.parametrize(
        ("location", "query"),
        [("/x", "?digest="), ("/x?_state=a%2Fb", "?_state=a%2Fb&digest="),
         ("https://registry.example.com:443/x", "?digest=")],
    )  # fmt: skip
    def test_keep_what_the_registry_put_into_the_url(
        self, web: Web, connect: Connect, location: str, query: str
    ) -> None:
        self.begin(web, location)
        blob = Blob.of(samples.LAYER)
        url = f"https://registry.example.com/x{query}{blob.digest.replace(':', '%3A')}"
        web.pages[url] = lambda request: answer(201 if request.read() else 400)
        connect().put_blob(blob)


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> Path:
        """Return a file with a key and a certificate for 127.0.0.1 by nobody known."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]),
                critical=False,
            )
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / "tls.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path

    @pytest.fixture
    def registry(self, certificate: Path) -> Iterator[FakeRegistry]:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate)
        wrap = partial(server.wrap_socket, server_side=True)
        with running(FakeRegistry(), socket=wrap) as registry:
            yield registry

    def test_stranger_is_refused_at_once(
        self, registry: FakeRegistry, settings: RegistrySettings, time: FakeTime
    ) -> None:
        never = replace(settings, plain_http=PlainHttp.NEVER)
        with RegistryClient(registry.reference(), settings=never) as client:
            assert refusal(client.ping) is SealRefusal.REGISTRY_UNTRUSTED
        assert time.slept == []
        assert registry.requests == []

    def test_authority_from_the_environment_is_not_used(
        self, registry: FakeRegistry, settings: RegistrySettings, certificate: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        public = replace(settings, plain_http=PlainHttp.NEVER, tls=None)
        with RegistryClient(registry.reference(), settings=public) as client:
            assert refusal(client.ping) is SealRefusal.REGISTRY_UNTRUSTED

    def test_redirect_to_a_stranger_takes_no_credentials_along(
        self, registry: FakeRegistry, settings: RegistrySettings, certificate: Path
    ) -> None:
        registry.blobs[digest_of(samples.LAYER)] = samples.LAYER
        tls = ssl.create_default_context(cafile=str(certificate))
        with running(FakeRegistry()) as first:
            first.wants_basic("alice", "secret")
            path = f"/v2/acme/scoring/blobs/{digest_of(samples.LAYER)}"
            first.redirects("GET", "/blobs/", f"https://{registry.host}{path}")
            own = replace(settings, tls=tls)
            with RegistryClient(first.reference(), settings=own, authenticator=ALICE) as client:
                registry.breaks_off_after(500, times=1)
                layer = client.get_blob(digest_of(samples.LAYER), len(samples.LAYER))
        assert layer == samples.LAYER
        # Asked again after the break, the registry redirects again, and the rest comes from there.
        assert [request.headers.get("range") for request in registry.requests] == [
            None, "bytes=500-",
        ]  # fmt: skip
        assert not any("authorization" in request.headers for request in registry.requests)

    def test_authority_of_ones_own(
        self, registry: FakeRegistry, settings: RegistrySettings, certificate: Path
    ) -> None:
        tls = ssl.create_default_context(cafile=str(certificate))
        own = replace(settings, plain_http=PlainHttp.NEVER, tls=tls)
        with RegistryClient(registry.reference(), settings=own) as client:
            samples.publish(client, samples.manifest(), tag="v1")
            assert client.get_manifest("v1") == samples.manifest()

    def test_plain_http_to_it_is_no_answer(
        self, registry: FakeRegistry, settings: RegistrySettings
    ) -> None:
        with RegistryClient(registry.reference(), settings=settings) as client:
            assert refusal(client.ping) is SealRefusal.UNREACHABLE
