"""A registry in a thread on loopback that does everything right until told not to.

Verbs make it misbehave; each says in its name what a client meets. `requests` is what it saw.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from sealing.canonical import b64encode, digest_of
from sealing.oci.descriptor import INDEX_TYPE, parse_manifest
from sealing.oci.reference import RegistryReference


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = field(repr=False)


@dataclass
class Response:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    # What Content-Length says when it is not the truth; more than the body means a broken line.
    length: int | None = None
    # Called between single bytes of the body.
    pause: Callable[[], None] | None = None


Behaviour = Callable[[Request], Response | None]


class FakeRegistry:
    def __init__(self, *, referrers_api: bool = False) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.requests: list[Request] = []
        self.behaviours: list[Behaviour] = []
        self.referrers_api = referrers_api
        self.page_size = 100
        self.port = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def reference(self) -> RegistryReference:
        return RegistryReference(registry=self.host, repository="acme/scoring", tag="v1")

    def seen(self, method: str) -> list[str]:
        return [request.path for request in self.requests if request.method == method]

    # --- verbs: what may go wrong -----------------------------------------------------------

    def on(self, method: str, part: str, answer: Callable[[Request], Response | None]) -> None:
        """Let `answer` speak first on requests whose path holds `part`."""
        self.behaviours.append(
            lambda request: (
                answer(request) if request.method == method and part in request.path else None
            )
        )

    def answers(self, method: str, part: str, response: Response, *, times: int = 1000) -> None:
        left = [times]

        def answer(_: Request) -> Response | None:
            left[0] -= 1
            return response if left[0] >= 0 else None

        self.on(method, part, answer)

    def fails(
        self, method: str, part: str, status: int, *, times: int = 1000, **headers: str
    ) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers(method, part, Response(status, b"<h1>down</h1>", named), times=times)

    def redirects(self, method: str, part: str, location: str, status: int = 307) -> None:
        self.answers(method, part, Response(status, headers={"Location": location}))

    def breaks_off_after(self, size: int, *, times: int = 1000) -> None:
        """Send the first `size` bytes of a blob and close, having promised all of it."""
        left = [times]

        def answer(request: Request) -> Response | None:
            left[0] -= 1
            if left[0] < 0:
                return None
            whole = self._get_blob(request)
            return Response(200, whole.body[:size], length=len(whole.body))

        self.on("GET", "/blobs/", answer)

    def drips(self, pause: Callable[[], None]) -> None:
        """Send blobs one byte at a time."""

        def answer(request: Request) -> Response | None:
            whole = self._get_blob(request)
            whole.pause = pause
            return whole

        self.on("GET", "/blobs/", answer)

    def hangs(self, method: str, part: str, until: threading.Event) -> None:
        """Say nothing at all before the event."""

        def answer(_: Request) -> None:
            until.wait(60)

        self.on(method, part, answer)

    def wants_basic(self, username: str, password: str) -> None:
        expected = f"Basic {b64encode(f'{username}:{password}'.encode())}"
        refused = Response(401, headers={"WWW-Authenticate": 'Basic realm="fake"'})
        self.behaviours.append(
            lambda request: None if request.headers.get("authorization") == expected else refused
        )

    # --- the registry that works ------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        self.requests.append(request)
        for behaviour in self.behaviours:
            response = behaviour(request)
            if response is not None:
                return response
        if request.path == "/v2/":
            return Response(200)
        for part, handler in (
            ("/blobs/uploads/", self._upload),
            ("/blobs/", self._get_blob),
            ("/manifests/", self._manifest),
            ("/referrers/", self._referrers),
        ):
            if part in request.path:
                return handler(request)
        return _missing()

    def _get_blob(self, request: Request) -> Response:
        body = self.blobs.get(request.path.rpartition("/")[2])
        return _missing() if body is None else Response(200, body)

    def _upload(self, request: Request) -> Response:
        if request.method == "POST":
            return Response(202, headers={"Location": request.path + "session?state=1"})
        digest = request.query["digest"][0]
        if digest_of(request.body) != digest:
            return _error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        self.blobs[digest] = request.body
        return Response(201, headers={"Docker-Content-Digest": digest})

    def _manifest(self, request: Request) -> Response:
        target = request.path.rpartition("/")[2]
        if request.method == "GET":
            data = self.manifests.get(target)
            if data is None:
                return _missing()
            return Response(200, data, {"Docker-Content-Digest": digest_of(data)})
        facts = parse_manifest(request.body)
        if any(blob.digest not in self.blobs for blob in facts.blobs):
            return _error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")
        self.manifests[target] = self.manifests[facts.descriptor.digest] = request.body
        headers = {"Docker-Content-Digest": facts.descriptor.digest}
        if facts.subject is not None and self.referrers_api:
            headers["OCI-Subject"] = facts.subject.digest
        return Response(201, headers=headers)

    def _referrers(self, request: Request) -> Response:
        if not self.referrers_api:
            return _missing()
        digest = request.path.rpartition("/")[2]
        every = [parse_manifest(data) for data in dict.fromkeys(self.manifests.values())]
        found = [facts for facts in every if facts.subject and facts.subject.digest == digest]
        first = int(request.query.get("from", ["0"])[0])
        last = first + self.page_size
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [facts.descriptor.to_document() for facts in found[first:last]],
        }
        more = {"Link": f'<{request.path}?from={last}>; rel="next"'} if found[last:] else {}
        return Response(200, json.dumps(index).encode(), {"Content-Type": INDEX_TYPE} | more)


def _error(status: int, code: str, message: str) -> Response:
    document = {"errors": [{"code": code, "message": message}]}
    return Response(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


def _missing() -> Response:
    return _error(404, "MANIFEST_UNKNOWN", "manifest unknown")


class _Server(ThreadingHTTPServer):
    registry: FakeRegistry

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one packet: two would wait for each other's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(parts.query)
        response = self.server.registry.handle(
            Request(self.command, parts.path, query, headers, body)
        )
        length = len(response.body) if response.length is None else response.length
        self.send_response(response.status)
        for name, value in ({"Content-Length": str(length)} | response.headers).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if response.pause is None:
            self.wfile.write(response.body)
        else:
            for byte in response.body:
                response.pause()
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
        self.close_connection = length != len(response.body)

    do_GET = do_HEAD = do_PUT = do_POST = _serve  # noqa: N815


@contextmanager
def running(registry: FakeRegistry, **wrap: Callable[..., object]) -> Iterator[FakeRegistry]:
    """Serve until the block ends; `wrap` may put TLS around the socket."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.registry = registry
        server.daemon_threads = True
        registry.port = server.server_address[1]
        if "socket" in wrap:
            server.socket = wrap["socket"](server.socket)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            thread.join()
