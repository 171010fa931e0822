"""Connections on which no wait outlasts the exchange it belongs to.

httpcore bounds single reads and writes, so a peer that sends one byte now and then, as header or as
body, could hold the caller for ever. It passes the `timeout` of a request on to here without using
it: in requests of ours that is not a duration but the moment at which the exchange has to be over.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar, cast

import httpcore
import httpx

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.registry.settings import RegistrySettings

_Result = TypeVar("_Result")


class TimedTransport(httpx.BaseTransport):
    """An httpx transport without proxies, cookies and credentials of the environment.

    Raises what httpcore raises, and `SealError` when the moment in a request has passed.
    """

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._pools: dict[str, httpcore.ConnectionPool] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, its body not read yet."""
        url = request.url
        response = self._pool(url.scheme).handle_request(
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
        for pool in self._pools.values():
            pool.close()

    def _pool(self, scheme: str) -> httpcore.ConnectionPool:
        """Return the connections of one scheme; several transfers may ask at once."""
        with self._lock:
            if scheme not in self._pools:
                self._pools[scheme] = httpcore.ConnectionPool(
                    # Reading the public authorities takes longer than most exchanges on loopback.
                    ssl_context=self._tls() if scheme == "https" else None,
                    keepalive_expiry=limits.KEEPALIVE_SECONDS,
                    network_backend=TimedBackend(self._settings, httpcore.SyncBackend()),
                )
            return self._pools[scheme]

    def _tls(self) -> ssl.SSLContext:
        tls = self._settings.tls
        return httpx.create_ssl_context(trust_env=False) if tls is None else tls


def deadline(settings: RegistrySettings, size: int) -> dict[str, Any]:
    """Return the request extensions of an exchange that moves `size` bytes and begins now."""
    seconds = settings.exchange_seconds + size / limits.EXCHANGE_BYTES_PER_SECOND
    end = settings.clock() + seconds
    return {"timeout": {"connect": end, "read": end, "write": end, "pool": seconds}}


class TimedBackend(httpcore.NetworkBackend):
    """Opens connections with `inner`, each within what is left of its exchange."""

    def __init__(self, settings: RegistrySettings, inner: httpcore.NetworkBackend) -> None:
        self._settings = settings
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a connection to the first address of `host` that takes one.

        The system's own search for addresses is bounded by its configuration only.
        """
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        # One at a time: a name may have thousands, and only so much time for all of them.
        for address in _addresses(host, port):
            try:
                stream = _in_time(
                    self._settings,
                    self._settings.connect_seconds,
                    timeout,
                    partial(
                        self._inner.connect_tcp,
                        address,
                        port,
                        local_address=local_address,
                        socket_options=socket_options,
                    ),
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return TimedStream(self._settings, stream)
        raise failure


class TimedStream(httpcore.NetworkStream):
    """A connection that waits for no read and no write longer than the exchange may last."""

    def __init__(
        self,
        settings: RegistrySettings,
        inner: httpcore.NetworkStream,
        *,
        in_records: bool = False,
    ) -> None:
        self._settings = settings
        self._inner = inner
        self._in_records = in_records

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes."""
        # httpcore asks for 64 KiB; as it takes any number, so few at a time only cost (measured).
        wanted = max(max_bytes, limits.CHUNK_BYTES)
        if not self._in_records:
            return self._in_time(timeout, partial(self._inner.read, wanted))
        return b"".join(self._records(wanted, timeout))

    def _records(self, wanted: int, timeout: float | None) -> Iterator[bytes]:
        """Give what TLS has for us without waiting twice: it gives one record at a time."""
        read = partial(self._inner.read, limits.RECORD_BYTES)
        record = self._in_time(timeout, read)
        while record:
            yield record
            wanted -= len(record)
            if wanted <= 0 or not self._inner.get_extra_info("is_readable"):
                return
            try:
                record = self._in_time(timeout, read)
            except (httpcore.NetworkError, httpcore.TimeoutException):
                # What came before it counts; the next read meets it again.
                return

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`."""
        # In pieces that a socket takes in few steps: each step has the whole timeout again.
        view = memoryview(buffer)
        for start in range(0, len(view), limits.WRITE_BYTES):
            piece = view[start : start + limits.WRITE_BYTES]
            # Sent as it is, and not copied for what a socket leaves of it.
            self._in_time(timeout, partial(self._inner.write, cast("bytes", piece)))

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Return the connection with TLS on it."""
        step = partial(self._inner.start_tls, ssl_context, server_hostname)
        stream = self._in_time(timeout, step)
        return TimedStream(self._settings, stream, in_records=True)

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        return self._inner.get_extra_info(info)

    def _in_time(self, end: float | None, step: Callable[[float], _Result]) -> _Result:
        try:
            return _in_time(self._settings, self._settings.silence_seconds, end, step)
        except SealError:
            # httpcore does not, where it has no request on the connection yet.
            self.close()
            raise


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


def _in_time(
    settings: RegistrySettings,
    longest: float,
    end: float | None,
    step: Callable[[float], _Result],
) -> _Result:
    """Return what `step` returns, told to take at most `longest` seconds and not beyond `end`."""
    left = 0.0 if end is None else end - settings.clock()
    slow = SealError(SealRefusal.REGISTRY_SLOW, "exchange takes too long")
    if left <= 0:
        raise slow
    try:
        return step(min(left, longest))
    except httpcore.TimeoutException as error:
        # Not the silence but the end of the exchange: no other try would have more time.
        if left <= longest:
            raise slow from error
        raise


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return [str(address[0]) for *_, address in found]
