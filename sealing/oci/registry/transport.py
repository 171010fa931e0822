"""Connections on which no wait outlasts the exchange it belongs to.

httpcore bounds single reads and writes, so a peer that sends one byte now and then, as header or as
body, could hold the caller for ever. It passes the `timeout` of a request on to here without using
it: in requests of ours that is not a duration but the `Pace` of the exchange.
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
from sealing.oci.registry.pace import Pace, Patience
from sealing.oci.registry.settings import RegistrySettings
from sealing.oci.registry.sockets import SocketBackend

_Result = TypeVar("_Result")


class TimedTransport(httpx.BaseTransport):
    """An httpx transport without proxies, cookies and credentials of the environment.

    Raises what httpcore raises, and `SealError` when the pace of a request leaves no more time.
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
                    network_backend=TimedBackend(self._settings, SocketBackend()),
                )
            return self._pools[scheme]

    def _tls(self) -> ssl.SSLContext:
        tls = self._settings.tls
        return httpx.create_ssl_context(trust_env=False) if tls is None else tls


def pace_of(settings: RegistrySettings, size: int, patience: Patience) -> Pace:
    """Return the pace of an exchange that moves at most `size` bytes and begins now."""
    return Pace(settings.clock, seconds=settings.exchange_seconds, size=size, patience=patience)


def keeping(pace: Pace) -> dict[str, Any]:
    """Return the extensions of a request that has to keep `pace`."""
    return {"timeout": {"connect": pace, "read": pace, "write": pace, "pool": pace.left}}


class TimedBackend(httpcore.NetworkBackend):
    """Opens connections with `inner`, each within what is left of its exchange."""

    def __init__(self, settings: RegistrySettings, inner: httpcore.NetworkBackend) -> None:
        self._settings = settings
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Any = None,
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

    def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        """Return the next bytes."""
        # httpcore asks for 64 KiB; as it takes any number, so few at a time only cost (measured).
        wanted = max(max_bytes, limits.CHUNK_BYTES)
        if not self._in_records:
            return self._in_time(timeout, partial(self._inner.read, wanted), len)
        return b"".join(self._records(wanted, timeout))

    def _records(self, wanted: int, pace: Pace | None) -> Iterator[bytes]:
        """Give what TLS has for us without waiting twice: it gives one record at a time."""
        read = partial(self._inner.read, limits.RECORD_BYTES)
        record = self._in_time(pace, read, len)
        while record:
            yield record
            wanted -= len(record)
            if wanted <= 0 or not self._inner.get_extra_info("is_readable"):
                return
            try:
                record = self._in_time(pace, read, len)
            except (httpcore.NetworkError, httpcore.TimeoutException):
                # What came before it counts; the next read meets it again.
                return

    def write(self, buffer: bytes, timeout: Any = None) -> None:
        """Send all of `buffer`."""
        # In pieces that a socket takes in few steps: each step has the whole timeout again.
        view = memoryview(buffer)
        for start in range(0, len(view), limits.WRITE_BYTES):
            piece = view[start : start + limits.WRITE_BYTES]
            self._in_time(timeout, partial(self._write, piece), int)

    def _write(self, piece: memoryview, seconds: float) -> int:
        # Sent as it is, and not copied for what a socket leaves of it.
        self._inner.write(cast("bytes", piece), seconds)
        return len(piece)

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: Any = None,
    ) -> httpcore.NetworkStream:
        """Return the connection with TLS on it."""
        step = partial(self._inner.start_tls, ssl_context, server_hostname)
        stream = self._in_time(timeout, step)
        return TimedStream(self._settings, stream, in_records=True)

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        return self._inner.get_extra_info(info)

    def _in_time(
        self,
        pace: Pace | None,
        step: Callable[[float], _Result],
        moved: Callable[[_Result], int] = lambda _: 0,
    ) -> _Result:
        try:
            return _in_time(self._settings.silence_seconds, pace, step, moved)
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
    longest: float,
    pace: Pace | None,
    step: Callable[[float], _Result],
    moved: Callable[[_Result], int] = lambda _: 0,
) -> _Result:
    """Return what `step` returns, told to take at most `longest` seconds and to keep the pace."""
    slow = SealError(SealRefusal.REGISTRY_SLOW, "too few bytes for the time that it took")
    if pace is None or (left := pace.left) <= 0:
        raise slow
    try:
        return pace.stepping(partial(step, min(left, longest)), moved)
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
