"""A token server on loopback, and registries that believe its tokens.

with token_server() as server, fake_registry() as registry:
    server.knows("alice", "secret")
    server.guards(registry)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs

from sealing.canonical import b64encode
from tests.fakes.registry import FakeRegistry
from tests.fakes.registry_wire import Cut, Request, Response, serving

SERVICE = "fake-registry"


@dataclass(frozen=True)
class Asked:
    """What somebody asked for, and as whom: a user name, `identity`, or nobody."""

    method: str
    who: str | None
    service: str
    scopes: tuple[str, ...]


class TokenServer:
    def __init__(self) -> None:
        self.port = 0
        self.host = "127.0.0.1"
        self.asked: list[Asked] = []
        self.requests: list[Request] = []
        self.tokens: dict[str, tuple[str, ...]] = {}
        self._people: dict[str, str] = {}
        self._seconds: int | None = None
        self._strangers = True
        self._answers: list[Response] = []
        self._given = 0

    @property
    def realm(self) -> str:
        return f"http://{self.host}:{self.port}/token"

    # --- verbs ------------------------------------------------------------------------------

    def knows(self, username: str, password: str) -> None:
        """Give tokens to a person, and to nobody else from now on."""
        self._people[username] = f"Basic {b64encode(f'{username}:{password}'.encode())}"
        self._strangers = False

    def knows_identity(self, token: str) -> None:
        self._people["identity"] = token
        self._strangers = False

    def tokens_last(self, seconds: int) -> None:
        self._seconds = seconds

    def revoke_all(self) -> None:
        """Let every registry refuse what was given so far."""
        self.tokens.clear()

    def answers_with(self, *responses: Response) -> None:
        """Say these next, one each time, whatever is asked."""
        self._answers.extend(responses)

    def guards(self, registry: FakeRegistry, *, realm: str | None = None, more: str = "") -> None:
        """Let `registry` want a token of ours, or of `realm`; `more` goes before its challenge."""

        def answer(request: Request) -> Response | None:
            scope = _needed(request)
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if given in self.tokens and (not scope or _covers(self.tokens[given], scope)):
                return None
            asks = f'Bearer realm="{realm or self.realm}",service="{SERVICE}"'
            wanted = f',scope="{scope}"' if scope else ""
            return Response(401, headers={"WWW-Authenticate": f"{more}{asks}{wanted}"})

        registry.behaviours.append(answer)

    # --- the server that works --------------------------------------------------------------

    def cut(self, method: str, path: str) -> Cut | None:
        """Never break off."""
        return None

    def handle(self, request: Request) -> Response:
        self.requests.append(request)
        query = parse_qs(request.body.decode()) if request.method == "POST" else request.query
        who = self._who(request, query)
        scopes = tuple(one for text in query.get("scope", []) for one in text.split(" "))
        self.asked.append(Asked(request.method, who, query.get("service", [""])[0], scopes))
        if self._answers:
            return self._answers.pop(0)
        if who is None and not self._strangers:
            return Response(401, json.dumps({"details": "who?"}).encode())
        token = self.make_token(who or "", scopes)
        self.tokens[token] = scopes
        name = "access_token" if request.method == "POST" else "token"
        lasts = {} if self._seconds is None else {"expires_in": self._seconds}
        return Response(200, json.dumps({name: token} | lasts).encode())

    def make_token(self, who: str, scopes: tuple[str, ...]) -> str:
        self._given += 1
        return f"token-{self._given}"

    def _who(self, request: Request, query: dict[str, list[str]]) -> str | None:
        said = request.headers.get("authorization") or query.get("refresh_token", [None])[0]
        return next((name for name, one in self._people.items() if one == said), None)


def _needed(request: Request) -> str:
    parts = request.path.split("/")
    if len(parts) < 5:
        return ""
    actions = "pull" if request.method in ("GET", "HEAD") else "pull,push"
    return f"repository:{parts[2]}/{parts[3]}:{actions}"


def _covers(scopes: tuple[str, ...], wanted: str) -> bool:
    name, _, actions = wanted.rpartition(":")
    return any(
        one.rpartition(":")[0] == name
        and set(actions.split(",")) <= set(one.rpartition(":")[2].split(","))
        for one in scopes
    )


@contextmanager
def token_server(server: TokenServer | None = None) -> Iterator[TokenServer]:
    """Serve until the block ends."""
    server = server or TokenServer()
    with serving(server):
        yield server
