"""Connections that say nothing, too slowly or too much lose their place; others keep it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from keybroker import limits
from keybroker.edge.listening import BoundedProtocol

REQUEST = b"GET / HTTP/1.1\r\nhost: broker\r\n\r\n"
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class FakeTransport(asyncio.Transport):
    """A connection from an address that this machine need not have."""

    def __init__(self, host: str) -> None:
        super().__init__({"peername": (host, 1), "sockname": ("::1", 2)})
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


async def say_ok(scope: Any, receive: Any, send: Any) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def listening(app: Any = say_ok) -> AsyncIterator[Connect]:
    """A server on loopback, and what connects to it."""
    config = uvicorn.Config(app, http=BoundedProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedProtocol(config, state, {}), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    writers = []

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return reader, writer

    try:
        yield connect
    finally:
        for writer in writers:
            writer.close()
        server.close()
        for task in list(state.tasks):
            task.cancel()


async def closed(reader: asyncio.StreamReader) -> bytes:
    """What came before the server closed the connection."""
    try:
        return await asyncio.wait_for(reader.read(), 30)
    except ConnectionResetError:
        return b""


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.2)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nhost: broker\r\n",
        REQUEST + b"GET /",
        b"POST / HTTP/1.1\r\nhost: broker\r\ncontent-length: 1000\r\n\r\nx",
    ],
    ids=["nothing", "a-byte", "no-end", "half-of-a-second", "body-after-its-answer"],
)
def test_whoever_does_not_go_on_is_cut_off(said: bytes) -> None:
    async def visit() -> bytes:
        async with listening() as connect:
            reader, writer = await connect()
            writer.write(said)
            return await closed(reader)

    answered = asyncio.run(visit())
    assert answered.endswith(b"ok") == (b"\r\n\r\n" in said)


@pytest.mark.usefixtures("soon")
def test_a_request_that_is_being_answered_is_not_cut_off() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(2 * limits.HEAD_SECONDS)
        await say_ok(scope, receive, send)

    async def visit() -> bytes:
        async with listening(slow) as connect:
            reader, writer = await connect()
            writer.write(REQUEST)
            return await closed(reader)

    assert asyncio.run(visit()).endswith(b"ok")


@pytest.mark.parametrize("more", [0, 1])
def test_a_head_has_a_size(more: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", 1000.0)
    head = b"GET / HTTP/1.1\r\nconnection: close\r\nhost: broker\r\nx: "

    async def visit() -> bytes:
        async with listening() as connect:
            reader, writer = await connect()
            writer.write(head + b"x" * (limits.HEAD_BYTES - len(head) + more))
            if not more:
                await writer.drain()
                writer.write(b"\r\n\r\n")
            return await closed(reader)

    assert asyncio.run(visit()).endswith(b"ok") is (more == 0)


def test_one_peer_has_only_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS_OF_SOURCE", 2)

    async def ask(connect: Connect) -> bytes:
        reader, writer = await connect()
        writer.write(REQUEST)
        try:
            return await asyncio.wait_for(reader.read(4), 30)
        except ConnectionResetError:
            return b""

    async def visit() -> list[bytes]:
        async with listening() as connect:
            return [await ask(connect) for _ in range(3)]

    assert asyncio.run(visit()) == [b"HTTP", b"HTTP", b""]


CHUNKED = b"POST / HTTP/1.1\r\nhost: broker\r\nx-a: head\r\ntransfer-encoding: chunked\r\n\r\n"


def test_a_trailer_is_no_header() -> None:
    """A proxy passes trailers on: one could name an address as if the proxy had found it."""
    heard: list[bytes] = []

    async def listen(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        heard.extend(value for name, value in scope["headers"] if name == b"x-a")
        await say_ok(scope, receive, send)

    async def visit() -> bytes:
        async with listening(listen) as connect:
            reader, writer = await connect()
            writer.write(CHUNKED + b"1\r\na\r\n0\r\nx-a: trailer\r\n\r\n")
            return await asyncio.wait_for(reader.readuntil(b"ok"), 30)

    assert asyncio.run(visit()).endswith(b"ok")
    assert heard == [b"head"]


@pytest.mark.parametrize("start", [b"0\r\nx-a: ", b"1;a=", b"0"], ids=["trailer", "extension", "0"])
def test_what_stands_between_bodies_has_a_size(
    start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HEAD_SECONDS", 1000.0)

    async def hang(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.Event().wait()

    async def visit() -> bytes:
        async with listening(hang) as connect:
            reader, writer = await connect()
            # More than is read at once: what comes with the head is not told apart from it.
            writer.write(CHUNKED + start + b"0" * 32 * limits.HEAD_BYTES)
            return await closed(reader)

    assert asyncio.run(visit()) == b""


def test_a_body_may_be_larger_than_any_head() -> None:
    async def count(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await say_ok(scope, receive, send)

    async def visit() -> bytes:
        async with listening(count) as connect:
            reader, writer = await connect()
            piece = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
            for part in (CHUNKED, piece, piece, piece, b"0\r\n\r\n"):
                writer.write(part)
                await writer.drain()
            return await asyncio.wait_for(reader.readuntil(b"ok"), 30)

    assert asyncio.run(visit()).endswith(b"ok")


def test_addresses_of_one_network_are_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS_OF_SOURCE", 1)
    config = uvicorn.Config(say_ok, http=BoundedProtocol, ws="none", lifespan="off")
    config.load()

    async def visit() -> list[bool]:
        state, cut = ServerState(), []
        for host in ("2001:db8::1", "2001:db8::2", "2001:db9::1"):
            wire = FakeTransport(host)
            protocol = BoundedProtocol(config, state, {})
            protocol.connection_made(wire)
            cut.append(wire.aborted)
        return cut

    assert asyncio.run(visit()) == [False, True, False]


def test_whoever_takes_no_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANSWER_SECONDS", 0.2)
    ended = asyncio.Event()

    async def say_much(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(64):
            await send({"type": "http.response.body", "body": bytes(2**20), "more_body": True})
        ended.set()

    async def visit() -> None:
        async with listening(say_much) as connect:
            _, writer = await connect()
            writer.write(REQUEST)
            await asyncio.wait_for(ended.wait(), 30)

    asyncio.run(visit())
