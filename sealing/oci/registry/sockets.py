"""Plain connections for httpcore, each of which another thread can end while somebody waits on it.

httpcore's own keep their sockets to themselves until they are connected. A socket that is shut down
wakes whoever waits on it in the kernel, also in the middle of connecting.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import httpcore

from sealing.oci.stopping import wakeable


class SocketBackend(httpcore.NetworkBackend):
    """Connects to addresses, not to names."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - httpcore has options that nobody sets here
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Return a connection to the address `host`."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with _reported(httpcore.ConnectTimeout, httpcore.ConnectError), ExitStack() as undo:
            connection = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
            connection.settimeout(timeout)
            with wakeable(partial(_shut_down, connection)):
                connection.connect((host, port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            undo.pop_all()
        return SocketStream(connection)


class SocketStream(httpcore.NetworkStream):
    """A connection, with TLS or without."""

    def __init__(self, connection: socket.socket) -> None:
        """Take a connected socket."""
        self._socket = connection

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes, none at the end."""
        with _reported(httpcore.ReadTimeout, httpcore.ReadError), self._wakeable():
            self._socket.settimeout(timeout)
            return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`."""
        rest = memoryview(buffer)
        with _reported(httpcore.WriteTimeout, httpcore.WriteError), self._wakeable():
            self._socket.settimeout(timeout)
            while rest:
                rest = rest[self._socket.send(rest) :]

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Return the connection with TLS on it; it is closed if that fails."""
        with _reported(httpcore.ConnectTimeout, httpcore.ConnectError), ExitStack() as undo:
            undo.callback(self.close)
            self._socket.settimeout(timeout)
            secured = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            undo.callback(secured.close)
            with wakeable(partial(_shut_down, secured)):
                secured.do_handshake()
            undo.pop_all()
        return SocketStream(secured)

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore and `TimedStream` ask for."""
        if info == "is_readable":
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            return bool(poll.poll(0))
        return None

    @contextmanager
    def _wakeable(self) -> Iterator[None]:
        with wakeable(partial(_shut_down, self._socket)):
            yield


def _shut_down(connection: socket.socket) -> None:
    # Not yet connected, or no longer: then nobody waits on it.
    with suppress(OSError):
        # That of TLS sockets would take their state away from under the thread that reads.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


@contextmanager
def _reported(late: type[Exception], failed: type[Exception]) -> Iterator[None]:
    """Turn what the system says into what httpcore says."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise failed(str(error)) from error
