"""Vault's transit engine on loopback: the two calls that signing needs, and how they go wrong."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TOKEN = "s.only-for-this-test"


@dataclass
class Transit:
    """Keys by name, oldest version first. Answers only whoever has the token."""

    address: str = ""
    keys: dict[str, list[Ed25519PrivateKey]] = field(default_factory=dict)
    kind: str = "ed25519"
    signed: list[bytes] = field(default_factory=list)
    token: str = TOKEN
    answers: list[Any] = field(default_factory=list)

    def add_version(self, name: str) -> Ed25519PrivateKey:
        self.keys.setdefault(name, []).append(Ed25519PrivateKey.generate())
        return self.keys[name][-1]

    def replace(self, name: str) -> None:
        self.keys[name] = [Ed25519PrivateKey.generate() for _ in self.keys[name]]

    def answer_next(self, *bodies: Any) -> None:
        """Answer with these instead of the truth."""
        self.answers.extend(bodies)

    def revoke_token(self) -> None:
        self.token = "s.another"

    def describe(self, name: str) -> dict[str, Any]:
        versions = {
            str(number): {"public_key": _b64(key.public_key().public_bytes_raw())}
            for number, key in enumerate(self.keys[name], 1)
        }
        return {"data": {"type": self.kind, "keys": versions}}

    def sign(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        version = request.get("key_version") or len(self.keys[name])
        data = base64.b64decode(request["input"])
        self.signed.append(data)
        signature = self.keys[name][version - 1].sign(data)
        return {"data": {"signature": f"vault:v{version}:{_b64(signature)}"}}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _handler(transit: Transit) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def reply(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            self.handle_call({})

        def do_POST(self) -> None:
            self.handle_call(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def handle_call(self, request: dict[str, Any]) -> None:
            verb, name = self.path.split("/")[3:5]
            if self.headers.get("X-Vault-Token") != transit.token:
                self.reply(403, {"errors": ["permission denied"]})
            elif name not in transit.keys:
                self.reply(404, {"errors": []})
            elif transit.answers:
                self.reply(200, transit.answers.pop(0))
            elif verb == "keys":
                self.reply(200, transit.describe(name))
            else:
                self.reply(200, transit.sign(name, request))

    return Handler


@contextmanager
def running_transit() -> Iterator[Transit]:
    """Serve until the end of the `with`."""
    transit = Transit()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(transit))
    transit.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield transit
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
