"""The HTTP applications: the API, and a second one for operators on a port of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from keybroker import limits
from keybroker.broker import Broker
from keybroker.edge.routes import router
from keybroker.edge.shares import Shares
from keybroker.errors import BrokerError
from keybroker.metrics import Metrics
from keybroker.problems import (
    REFUSED,
    Application,
    Kind,
    LastResort,
    Message,
    Receive,
    Scope,
    Send,
    answer_problem,
    headers_of,
    problem_of,
)
from keybroker.protocol import Problem
from keybroker.sources import Sources

HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_log = logging.getLogger("keybroker.access")


class Edge:
    """Finds out who asks, and lets in as many at once as the broker serves.

    Adds security headers to every answer, counts it and writes one line about it.
    """

    def __init__(self, app: Application, metrics: Metrics, sources: Sources) -> None:
        self._app = app
        self._metrics = metrics
        self._sources = sources
        self._requests = Shares(
            "requests", together=limits.CONCURRENT_REQUESTS, each=limits.REQUESTS_OF_SOURCE
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()
        source = self._source_of(scope)

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        try:
            await self._admit(source, scope, receive, answer)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    async def _admit(self, source: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._requests.take(source)
        except BrokerError as error:
            await answer_problem(problem_of(error), send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._requests.give_back(source)

    def _source_of(self, scope: Scope) -> str:
        """Find out who asks, and leave it where the routes look."""
        client = scope.get("client")
        peer = client[0] if client else "unknown"
        source = self._sources.of(peer, scope["headers"])
        scope.setdefault("state", {})["source"] = source
        return source

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        # The template of the route; a path that a peer made up is neither label nor log line.
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.count_request(route, status, seconds)
        line = {
            "method": scope["method"],
            "path": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            "source": scope["state"]["source"],
        }
        _log.info("answered", extra=line)


def create_app(broker: Broker, *, documented: bool = False) -> FastAPI:
    """Return the API of one broker. `documented` adds /openapi.json; production has none."""
    app = FastAPI(
        title="sealwasm key broker",
        version="1",
        openapi_url="/openapi.json" if documented else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.broker = broker
    app.state.bodies = Shares(
        "bodies", together=limits.BODIES_UNDER_WAY_BYTES, each=limits.BODIES_OF_SOURCE_BYTES
    )
    app.include_router(router)
    _answer_problems(app)
    app.add_middleware(LastResort)
    app.add_middleware(Edge, metrics=broker.metrics, sources=broker.sources)
    return app


def create_operations_app(broker: Broker) -> FastAPI:
    """Return /livez, /readyz and /metrics of one broker."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    @app.get("/livez")
    def get_livez() -> Response:
        """Say that the process serves requests, and that nothing broke which only a restart mends.

        A disk that failed stops the store for good: what it holds is unknown until it is reopened.
        """
        if not broker.store.writable:
            return Response("the store stopped\n", 503, media_type="text/plain")
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz")
    def get_readyz(request: Request) -> Response:
        """Say whether a release could be recorded and signed now; `?verbose` says what cannot."""
        checks = broker.readiness()
        ready = all(checks.values())
        lines = ["ok" if ready else "not ready"]
        if "verbose" in request.query_params:
            lines += [f"{name}: {'ok' if works else 'failed'}" for name, works in checks.items()]
            lines += [f"{name}: {note}" for name, note in broker.notes().items()]
        return Response("\n".join([*lines, ""]), 200 if ready else 503, media_type="text/plain")

    @app.get("/metrics")
    def get_metrics() -> Response:
        """Return the metrics in Prometheus text format."""
        return Response(broker.metrics.render(), media_type=METRICS_TYPE)

    _answer_problems(app)
    app.add_middleware(LastResort)
    return app


def _answer_problems(app: FastAPI) -> None:
    for error in REFUSED:
        app.add_exception_handler(error, _refused)
    app.add_exception_handler(HTTPException, _not_routed)


def _refused(_request: Request, error: Exception) -> Response:
    return _problem_response(problem_of(error))


def _not_routed(_request: Request, error: Exception) -> Response:
    """Answer for a path or method that no route has: the framework's own errors."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    kind = Kind(status, "not-found" if status == 404 else "method-not-allowed", "No such call")
    problem = Problem(
        type=f"urn:sealwasm:problem:{kind.slug}", title=kind.title, status=status, code=kind.slug
    )
    # RFC 9110, 15.5.6: which methods there are is part of refusing one.
    allowed = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return _problem_response(problem, allowed)


def _problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    told = headers_of(problem) | dict(headers or {})
    return Response(problem.to_bytes(), problem.status, headers=told)
