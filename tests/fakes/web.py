"""Calls an ASGI application as a peer would, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

PEER = ("192.0.2.9", 40_000)
Content = bytes | AsyncIterator[bytes] | None
Headers = dict[str, str] | None


@dataclass(frozen=True)
class Peer:
    """Every call is a request of its own; whatever the application lets escape is raised here."""

    app: Any

    def request(
        self, method: str, path: str, *, content: Content = None, headers: Headers = None
    ) -> httpx.Response:
        return asyncio.run(self._request(method, path, content, headers))

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def post(self, path: str, content: Content, headers: Headers = None) -> httpx.Response:
        return self.request("POST", path, content=content, headers=headers)

    async def _request(
        self, method: str, path: str, content: Content, headers: Headers
    ) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, client=PEER)
        async with httpx.AsyncClient(transport=transport, base_url="http://broker") as client:
            return await client.request(method, path, content=content, headers=headers)
