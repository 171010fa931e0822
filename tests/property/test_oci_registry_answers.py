"""Whatever bytes a registry answers with: the checked blob or our error, nothing else."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sealing.errors import SealError
from sealing.oci.blob import Blob
from sealing.oci.reference import RegistryReference
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.settings import RegistrySettings
from tests.unit.sealing.oci import samples

BLOB = b"abc"
DIGEST = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
LINES = st.sampled_from(
    [
        *(
            f"HTTP/1.1 {code} x"
            for code in (200, 201, 202, 204, 206, 301, 307, 401, 404, 429, 503, 999, 100)
        ),
        *("Content-Length: 3", "Content-Length: 4", "Content-Length: -1", "Content-Length: 3, 3"),
        *("Transfer-Encoding: chunked", "Content-Encoding: gzip", "Connection: close", ": x"),
        *("Location: /x", "Location: http://[", "Location: //xn--/", "Location: https://a:b@c.d/"),
        *("WWW-Authenticate: Basic", "Retry-After: 0", "Docker-Content-Digest: \xff", "\0", ""),
        *("Content-Range: bytes 0-2/3", "Content-Range: bytes 1-2/3", "Range: 0-1", "Range: 0-9"),
        *("Link: </x>; rel=next", "Link: <", "Link: </x>", "Date: Mon, 23 Nov 2026 12:00:00 GMT"),
        *("Retry-After: Mon, 23 Nov 2026 12:00:01 GMT", '{"tags":["v1"]}', '{"tags":[1]}'),
        *("abc", "3", "{}", "HTTP/0.9 200", "HTTP/1.1 200"),
    ]
)
TEXTS = st.lists(LINES, max_size=9).map(lambda lines: "\r\n".join(lines).encode("latin-1"))
ANSWERS = st.one_of(TEXTS, st.binary(max_size=60))


class Parrot(socketserver.ThreadingTCPServer):
    """Answers every request with the same bytes and hangs up."""

    answer = b""
    daemon_threads = True


class Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while b"\r\n\r\n" not in self.request.recv(4096):
            pass
        self.request.sendall(self.server.answer)


@pytest.fixture(scope="module")
def parrot() -> Iterator[Parrot]:
    with Parrot(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def client(parrot: Parrot) -> Iterator[RegistryClient]:
    reference = RegistryReference(
        registry=f"127.0.0.1:{parrot.server_address[1]}", repository="acme/scoring"
    )
    once = RegistrySettings(retry_seconds=(), tls=ssl.create_default_context(), silence_seconds=5)
    with RegistryClient(reference, settings=once) as client:
        yield client


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(answer=ANSWERS)
@example(answer=b"HTTP/1.1 200 x\r\nContent-Length: 3\r\n\r\nabc")
def test_blob(parrot: Parrot, client: RegistryClient, answer: bytes) -> None:
    parrot.answer = answer
    with suppress(SealError):
        assert client.get_blob(DIGEST, len(BLOB)) == BLOB


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(answer=ANSWERS)
def test_everything_else(parrot: Parrot, client: RegistryClient, answer: bytes) -> None:
    parrot.answer = answer
    for action in (
        lambda: client.resolve("v1"),
        lambda: client.referrers(DIGEST, artifact_type="x"),
        lambda: client.put_manifest(samples.manifest(), tag="v1"),
        lambda: client.has_blob(DIGEST, len(BLOB)),
        lambda: client.put_blob(Blob.of(BLOB)),
        client.tags,
    ):
        with suppress(SealError):
            action()
