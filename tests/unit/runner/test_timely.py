"""A broker that answers byte by byte is out of reach, not a reason to wait for days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpcore
import httpx
import pytest

from runner.broker import EXCHANGE_SECONDS, HttpBroker
from runner.errors import RunnerCode, RunnerError
from runner.timely import Exchange, TimelyTransport

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\n"


class Dripping(httpcore.NetworkBackend):
    """A network on which every byte of an answer takes its time, as told by its own clock."""

    def __init__(self, answer: bytes, *, seconds: float, at_once: int = 0) -> None:
        self.now = 0.0
        self.answer, self.seconds, self.at_once = answer, seconds, at_once
        self.timeouts: list[float | None] = []
        self.sent = 0

    def connect_tcp(self, host: str, port: int, *_: Any) -> httpcore.NetworkStream:
        return Wire(self, self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        if self.at_once:
            yield self.answer[: self.at_once]
        for at in range(self.at_once, len(self.answer)):
            self.now += self.seconds
            yield self.answer[at : at + 1]

    def broker(self) -> HttpBroker:
        exchange = Exchange(EXCHANGE_SECONDS, lambda: self.now)
        client = httpx.Client(transport=TimelyTransport(exchange, network=self), timeout=20)
        return HttpBroker("http://127.0.0.1:1", client=client, sleep=lambda _: None)


class Wire(httpcore.NetworkStream):
    def __init__(self, network: Dripping, pieces: Iterator[bytes]) -> None:
        self._network, self._pieces = network, pieces

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._network.timeouts.append(timeout)
        return next(self._pieces, b"")

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._network.sent += len(buffer)

    def close(self) -> None:
        return

    def get_extra_info(self, info: str) -> Any:
        return None


def test_an_answer_in_time() -> None:
    network = Dripping(HEAD + b"answered", seconds=0.5)
    assert network.broker().descriptor() == b"answered"
    assert network.sent > 0


@pytest.mark.parametrize("at_once", [0, len(HEAD)], ids=["head", "body"])
def test_byte_by_byte_is_out_of_reach(at_once: int) -> None:
    network = Dripping(HEAD + b"answered", seconds=15, at_once=at_once)
    with pytest.raises(RunnerError) as caught:
        network.broker().descriptor()
    assert caught.value.code is RunnerCode.BROKER_UNREACHABLE
    assert "ReadTimeout" in caught.value.detail
    # No wait was longer than what was left.
    assert network.timeouts[:4] == [20, 20, 20, 15] if not at_once else [20, 20, 20, 20]
    assert network.now == EXCHANGE_SECONDS


def test_each_exchange_has_its_own_time() -> None:
    network = Dripping(HEAD + b"answered", seconds=0.9)
    broker = network.broker()
    for _ in range(3):
        assert broker.descriptor() == b"answered"
