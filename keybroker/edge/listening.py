"""One HTTP connection with what uvicorn leaves open: how long it may say nothing, and how much.

A connection costs its client nothing, so one that waits in silence, asks in drips, or sends a
body after its answer must not keep its place. Bodies have a deadline in `keybroker.edge.routes`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from keybroker import limits
from keybroker.sources import source_of


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with a deadline and a size for each request's head, and a part for each source.

    Of what follows the head only bodies count for anything: trailers are read over.
    """

    # Whose connection this is, as rates count: whoever has one IPv6 address has all of a network.
    source: str | None = None
    _deadline: asyncio.TimerHandle | None = None
    _untaken: asyncio.TimerHandle | None = None
    _in_head = True
    _got_on = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless its source has enough of them."""
        super().connection_made(transport)
        self.source = source_of(self.client[0]) if self.client else None
        if self._of_this_source() > limits.CONNECTIONS_OF_SOURCE:
            transport.abort()
        else:
            self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Read on, unless this is more than any head needs, or what stands between bodies."""
        self._got_on = False
        super().data_received(data)
        if not self._got_on:
            self._head_bytes += len(data)
            if self._head_bytes > limits.HEAD_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        """Start to count a head."""
        self._in_head, self._got_on, self._head_bytes = True, False, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, but no trailer: it would look like one, written by the last proxy."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop counting: what follows is a body."""
        self._in_head, self._got_on, self._head_bytes = False, True, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body, which has bounds of its own."""
        self._got_on, self._head_bytes = True, 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Give the next request as much time as the first one had."""
        super().on_response_complete()
        self._wait_for_head()

    def pause_writing(self) -> None:
        """Wait for a client that takes no answers, but not for ever."""
        super().pause_writing()
        self._untaken = self.loop.call_later(limits.ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client took what was written."""
        self._cancel_untaken()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection and its deadline."""
        self._cancel()
        self._cancel_untaken()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._cancel()
        self._deadline = self.loop.call_later(limits.HEAD_SECONDS, self._give_up)

    def _give_up(self) -> None:
        """Close, unless a request is being answered."""
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete:
            self.transport.abort()

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _cancel_untaken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()

    def _of_this_source(self) -> int:
        return sum(1 for each in self.connections if getattr(each, "source", None) == self.source)
