"""A line to a server that breaks after so many bytes, once, and works from then on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 64 << 10


class CuttingProxy:
    """Carries connections to `port` on loopback."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._lock = threading.Lock()
        self._left: dict[bool, int | None] = {True: None, False: None}
        self.cuts = 0
        self.port = 0

    def breaks_sending_after(self, size: int) -> None:
        """Break when the clients have sent `size` more bytes."""
        self._left[True] = size

    def breaks_answering_after(self, size: int) -> None:
        """Break when the server has sent `size` more bytes."""
        self._left[False] = size

    def carry(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._server_port))
        back = threading.Thread(target=self._pump, args=(server, client, False))
        back.start()
        self._pump(client, server, True)
        back.join()
        server.close()
        client.close()

    def _pump(self, source: socket.socket, target: socket.socket, sending: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                piece, broken = self._allowed(piece, sending)
                target.sendall(piece)
                if broken:
                    break
        for side in (source, target):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _allowed(self, piece: bytes, sending: bool) -> tuple[bytes, bool]:
        with self._lock:
            left = self._left[sending]
            if left is None:
                return piece, False
            if len(piece) < left:
                self._left[sending] = left - len(piece)
                return piece, False
            self._left[sending] = None
            self.cuts += 1
            return piece[:left], True


@contextmanager
def cutting_proxy(port: int) -> Iterator[CuttingProxy]:
    """Run a proxy until the block ends."""
    proxy = CuttingProxy(port)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy.port = listener.getsockname()[1]
        over = threading.Event()

        def serve() -> None:
            while True:
                client, _ = listener.accept()
                if over.is_set():
                    client.close()
                    return
                threading.Thread(target=proxy.carry, args=(client,), daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield proxy
        finally:
            over.set()
            socket.create_connection(("127.0.0.1", proxy.port)).close()
            thread.join()
