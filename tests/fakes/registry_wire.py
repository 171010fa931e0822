"""HTTP/1.1 on loopback down to the byte: a connection ends wherever a test wants it to."""

from __future__ import annotations

import http.client
import io
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = field(repr=False)
    # False: the connection ended inside the body, and nobody waits for an answer.
    whole: bool = True


@dataclass
class Response:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    # What Content-Length says when it is not the truth; more than the body means a broken line.
    length: int | None = None
    # Called between single bytes of the body.
    pause: Callable[[], None] | None = None


@dataclass
class Cut:
    """Where a connection ends: after so many bytes of a request, or else of its answer."""

    method: str
    part: str
    of_request: bool
    size: int
    times: int


class Service(Protocol):
    """What is served."""

    port: int

    def handle(self, request: Request) -> Response:
        """Return the answer."""

    def cut(self, method: str, path: str) -> Cut | None:
        """Return where the connection of this request ends, if it does."""


class _Incoming(io.BufferedIOBase):
    """What a client sends, up to the cut. The first line has been read already."""

    def __init__(self, inner: io.BufferedIOBase, read: int, cut: Cut | None) -> None:
        ends = cut is not None and cut.of_request
        self._inner = inner
        self._left = cut.size - read if cut is not None and ends else None

    def readline(self, limit: int | None = -1) -> bytes:
        return self._spent(self._inner.readline(-1 if limit is None else limit))

    def read(self, size: int | None = -1) -> bytes:
        wanted = size or 0
        allowed = wanted if self._left is None else min(wanted, max(self._left, 0))
        return self._spent(self._inner.read(allowed))

    def _spent(self, data: bytes) -> bytes:
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise ConnectionAbortedError
        return data


class _Handler(socketserver.StreamRequestHandler):
    # Headers and body in one packet: two would wait for each other's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        with suppress(ConnectionError):
            while self._exchange():
                self.wfile.flush()

    def _exchange(self) -> bool:
        """Serve one request and return whether another one may follow."""
        line = self.rfile.readline()
        if len(line.split()) != 3:
            return False
        method, target, _ = line.decode("latin-1").split()
        parts = urlsplit(target)
        cut = self.server.service.cut(method, parts.path)
        incoming = _Incoming(self.rfile, len(line), cut)
        headers = {
            name.lower(): value for name, value in http.client.parse_headers(incoming).items()
        }
        length = int(headers.get("content-length", 0))
        body = incoming.read(length)
        request = Request(
            method, parts.path, parse_qs(parts.query), headers, body, len(body) == length
        )
        response = self.server.service.handle(request)
        if cut is not None and cut.of_request:
            return False
        return self._send(method, response, cut)

    def _send(self, method: str, response: Response, cut: Cut | None) -> bool:
        length = len(response.body) if response.length is None else response.length
        lines = [f"HTTP/1.1 {response.status} {_reason(response.status)}"]
        for name, value in ({"Content-Length": str(length)} | response.headers).items():
            if value:
                lines.append(f"{name}: {value}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        body = b"" if method == "HEAD" else response.body
        if cut is not None:
            self.wfile.write((head + body)[: cut.size])
            return False
        self.wfile.write(head)
        if response.pause is None:
            self.wfile.write(body)
        else:
            self._drip(body, response.pause)
        return length == len(response.body)

    def _drip(self, body: bytes, pause: Callable[[], None]) -> None:
        for byte in body:
            pause()
            self.wfile.write(bytes([byte]))
            self.wfile.flush()


def _reason(status: int) -> str:
    with suppress(ValueError):
        return HTTPStatus(status).phrase
    return "Other"


class _Server(socketserver.ThreadingTCPServer):
    service: Service
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 32

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what many tests are about."""


@contextmanager
def serving(service: Service, **wrap: Callable[..., object]) -> Iterator[None]:
    """Serve until the block ends; `wrap` may put TLS around the socket."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.service = service
        service.port = server.server_address[1]
        if "socket" in wrap:
            server.socket = wrap["socket"](server.socket)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
