"""Connections on which an exchange ends in time, however the other side spreads its bytes.

httpcore bounds single reads and writes. A broker that sends one byte now and then, as header or as
body, could hold a run up for days while others would release at once.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import httpcore
import httpx

_WRITE_BYTES: Final = 16 * 1024


class Exchange:
    """How long the one exchange that is under way may still last."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._ends = 0.0

    def begin(self) -> None:
        """Start to count: another exchange begins."""
        self._ends = self._monotonic() + self._seconds

    def cut(self, timeout: float | None) -> float:
        """Return `timeout`, or what is left if that is less. Raises if nothing is left."""
        left = self._ends - self._monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the whole exchange took too long")
        return left if timeout is None else min(timeout, left)


class TimelyTransport(httpx.BaseTransport):
    """An httpx transport for one exchange at a time. Raises what httpcore raises."""

    def __init__(
        self, exchange: Exchange, *, network: httpcore.NetworkBackend | None = None
    ) -> None:
        self._exchange = exchange
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            network_backend=_TimelyBackend(exchange, network or httpcore.SyncBackend()),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, its body not read yet."""
        self._exchange.begin()
        url = request.url
        response = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _TimelyBackend(httpcore.NetworkBackend):
    def __init__(self, exchange: Exchange, inner: httpcore.NetworkBackend) -> None:
        self._exchange = exchange
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        seconds = self._exchange.cut(timeout)
        stream = self._inner.connect_tcp(host, port, seconds, local_address, socket_options)
        return _TimelyStream(self._exchange, stream)


class _TimelyStream(httpcore.NetworkStream):
    def __init__(self, exchange: Exchange, inner: httpcore.NetworkStream) -> None:
        self._exchange = exchange
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._exchange.cut(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # In pieces that a socket takes in few steps: each step has the whole timeout again.
        for start in range(0, len(buffer), _WRITE_BYTES):
            piece = buffer[start : start + _WRITE_BYTES]
            self._inner.write(piece, self._exchange.cut(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        seconds = self._exchange.cut(timeout)
        stream = self._inner.start_tls(ssl_context, server_hostname, seconds)
        return _TimelyStream(self._exchange, stream)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)
