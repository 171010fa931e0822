"""Whatever a registry answers, its password is told to its own host over TLS and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealing.errors import SealError
from sealing.oci.registry import token as registry_token
from sealing.oci.registry.auth import RegistryAuthenticator
from sealing.oci.registry.credentials import Credential, IdentityToken
from sealing.oci.registry.settings import BasicCredentials, RegistrySettings

HOST = "registry.example.com"
SECRETS = {"password": BasicCredentials("alice", "s3cr3t"), "identity": IdentityToken("s3cr3t")}

# What a parser of URLs or of lists may read in two ways.
_PIECES = st.sampled_from(
    [
        HOST, "evil.example", "127.0.0.1", "[::1]", "localhost", "https://", "http://", "HTTPS://",
        "@", "\\", "/", "//", "?", "#", ":", ":443", ".", "%2e", "%40", " ", "\t", '\\"', "a",
        "xn--evil-.example", "\u212a",
    ]
)  # fmt: skip
_REALMS = st.lists(_PIECES, max_size=6).map("".join)
_CHALLENGES = st.one_of(
    st.builds('Bearer realm="{}",service="x"'.format, _REALMS),
    st.builds('Bearer realm="https://{}/token"'.format, _REALMS),
    st.builds('Basic realm="{}"'.format, _REALMS),
    st.builds('Basic realm="{}", Bearer realm="{}"'.format, _REALMS, _REALMS),
    st.text(max_size=40),
)


class Web:
    """Gives a token to everybody; `told` is whom a secret was sent, by what it was."""

    def __init__(self) -> None:
        self.asked: list[httpx.URL] = []
        self.told: list[httpx.URL] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        if "authorization" in request.headers or b"s3cr3t" in request.read():
            self.told.append(request.url)
        return httpx.Response(200, content=iter([b'{"token":"good"}']))


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    web = Web()
    with pytest.MonkeyPatch.context() as patch:
        transport = httpx.MockTransport(web.handle)
        patch.setattr(registry_token, "TimedTransport", lambda _: transport)
        yield web


# A machine with other things to do must not fail the search.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@pytest.mark.parametrize("kind", SECRETS)
@given(lines=st.lists(_CHALLENGES, max_size=3))
def test_secret_goes_to_the_registrys_host(web: Web, kind: str, lines: list[str]) -> None:
    class Known:
        def find(self, registry: str, repository: str) -> Credential | None:
            return SECRETS[kind]

    web.asked.clear()
    web.told.clear()
    login = RegistryAuthenticator(RegistrySettings(), Known())
    answer = None
    with suppress(SealError):
        answer = login.answer(lines, registry=HOST, repository="a", scope="repository:a:pull")
    assert {(url.scheme, url.host) for url in web.told} <= {("https", HOST)}
    assert web.asked == web.told
    if answer is not None and not web.told:
        assert answer.value.startswith("Basic ")


def test_and_there_it_goes(web: Web) -> None:
    web.told.clear()
    test_secret_goes_to_the_registrys_host.hypothesis.inner_test(
        web, "password", [f'Bearer realm="https://{HOST}/token"']
    )
    assert len(web.told) == 1
