"""No peer holds a caller longer than the exchange may last, whatever it keeps sending."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpcore
import pytest

from sealing.errors import SealRefusal
from sealing.oci import limits
from sealing.oci.reference import RegistryReference
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.pace import Pace, Patience
from sealing.oci.registry.settings import RegistrySettings
from sealing.oci.registry.transport import TimedBackend, TimedStream
from tests.unit.sealing.oci.conftest import FakeTime
from tests.unit.sealing.oci.samples import refusal

END = 100.0
HOST = "registry.example.com"


@contextmanager
def endless(first: bytes, again: bytes, pause: Callable[[], None]) -> Iterator[RegistryReference]:
    """Serve one connection: `first`, then `again` after each pause until the client hangs up."""

    def serve() -> None:
        peer, _ = listener.accept()
        with peer, suppress(OSError):
            peer.recv(4096)
            peer.sendall(first)
            while True:
                pause()
                peer.sendall(again)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        yield RegistryReference(registry=host, repository="acme/scoring")
        thread.join()


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
        (b"HTTP/1.1 401 Who\r\nX: ", b"x"),
        (b"HTTP/1.1 307 There\r\nX: ", b"x"),
    ],
)
def test_answer_without_end(
    settings: RegistrySettings, time: FakeTime, first: bytes, again: bytes
) -> None:
    with (
        endless(first, again, partial(time.sleep, 1)) as reference,
        RegistryClient(reference, settings=settings) as client,
    ):
        assert refusal(client.ping) is SealRefusal.REGISTRY_SLOW


@dataclass
class Inner(httpcore.NetworkStream, httpcore.NetworkBackend):
    """A connection of which every step takes `takes` seconds, or all that it is given."""

    time: FakeTime
    takes: float = 0.0
    refused: set[str] = field(default_factory=set)
    steps: list[tuple[str, float]] = field(default_factory=list)
    closed: bool = False
    # What reads give one after the other, if anything is said of that.
    records: list[bytes | Exception] = field(default_factory=list)

    def step(self, name: str, seconds: float | None, error: type[Exception]) -> None:
        assert seconds is not None
        self.steps.append((name, seconds))
        self.time.sleep(min(self.takes, seconds))
        if self.takes > seconds:
            raise error

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.step("read", timeout, httpcore.ReadTimeout)
        if not self.records:
            return b"x" * max_bytes
        record = self.records.pop(0)
        if isinstance(record, Exception):
            raise record
        return record

    def get_extra_info(self, info: str) -> bool:
        assert info == "is_readable"
        return bool(self.records)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.step(f"write {len(buffer)}", timeout, httpcore.WriteTimeout)

    def start_tls(self, _: Any, host: str | None = None, timeout: float | None = None) -> Inner:
        self.step(f"tls {host}", timeout, httpcore.ConnectTimeout)
        return self

    def connect_tcp(self, host: str, _: int, timeout: float | None = None, **__: Any) -> Inner:
        self.step(host, timeout, httpcore.ConnectTimeout)
        if host in self.refused:
            raise httpcore.ConnectError
        return self

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def pace(time: FakeTime) -> Pace:
    """Return the pace of an exchange that has 100 seconds for very little."""
    return Pace(time.clock, seconds=END, size=0, patience=Patience(1000.0))


def ended(time: FakeTime, after: float) -> Pace:
    return Pace(time.clock, seconds=after, size=0, patience=Patience(1000.0))


@pytest.fixture
def inner(time: FakeTime) -> Inner:
    return Inner(time)


@pytest.fixture
def stream(inner: Inner, settings: RegistrySettings) -> TimedStream:
    return TimedStream(settings, inner)


Step = Callable[[httpcore.NetworkStream, Any], object]
STEPS: list[Step] = [
    lambda stream, pace: stream.read(1, pace),
    lambda stream, pace: stream.write(b"x", pace),
    lambda stream, pace: stream.start_tls(ssl.create_default_context(), HOST, pace),
]


@pytest.mark.parametrize("step", STEPS, ids=["read", "write", "tls"])
class TestSteps:
    @pytest.mark.parametrize(("left", "given"), [(6.0, 5.0), (5.0, 5.0), (0.5, 0.5)])
    def test_get_what_is_left_of_the_exchange(
        self, inner: Inner, stream: TimedStream, time: FakeTime,
        step: Step, left: float, given: float,
    ) -> None:  # fmt: skip
        step(stream, ended(time, left))
        assert [seconds for _, seconds in inner.steps] == [given]

    @pytest.mark.parametrize("left", [0.0, -1.0, None])
    def test_do_not_begin_after_it(
        self, inner: Inner, stream: TimedStream, time: FakeTime, step: Step, left: float | None
    ) -> None:
        pace = None if left is None else ended(time, left)
        assert refusal(step, stream, pace) is SealRefusal.REGISTRY_SLOW
        assert inner.steps == []
        assert inner.closed

    def test_that_end_with_it_are_not_tried_again(
        self, inner: Inner, stream: TimedStream, time: FakeTime, step: Step
    ) -> None:
        inner.takes = 9.0
        assert refusal(step, stream, ended(time, 5.0)) is SealRefusal.REGISTRY_SLOW
        assert inner.closed

    def test_that_are_only_silent_may_be(
        self, inner: Inner, stream: TimedStream, time: FakeTime, step: Step
    ) -> None:
        inner.takes = 9.0
        with pytest.raises(httpcore.TimeoutException):
            step(stream, ended(time, 5.1))


def test_tls_keeps_the_time(stream: TimedStream, time: FakeTime, pace: Pace) -> None:
    secured = stream.start_tls(ssl.create_default_context(), HOST, pace)
    assert refusal(secured.read, 1, ended(time, 0.0)) is SealRefusal.REGISTRY_SLOW


class TestRecords:
    @pytest.fixture
    def secured(self, stream: TimedStream, pace: Pace) -> httpcore.NetworkStream:
        return stream.start_tls(ssl.create_default_context(), HOST, pace)

    @pytest.mark.parametrize(
        ("records", "data"),
        [
            ([b"a"], b"a"),
            ([b"a", b"b", b"c"], b"abc"),
            ([b""], b""),
            ([b"a", b"", b"c"], b"a"),
            ([b"a", httpcore.ReadError(), b"c"], b"a"),
            ([b"a", httpcore.ReadTimeout(), b"c"], b"a"),
        ],
    )
    def test_that_are_there_are_read_at_once(self, inner: Inner, secured: httpcore.NetworkStream,
        records: list[bytes | Exception], data: bytes, pace: Pace) -> None:  # fmt: skip
        inner.records = records
        assert secured.read(1, pace) == data

    def test_are_not_more_than_a_chunk(
        self, inner: Inner, secured: httpcore.NetworkStream, pace: Pace
    ) -> None:
        record = bytes(limits.RECORD_BYTES)
        inner.records = [record] * 100
        assert len(secured.read(1, pace)) == limits.CHUNK_BYTES

    @pytest.mark.parametrize("error", [httpcore.ReadError(), httpcore.ReadTimeout()])
    def test_of_which_the_first_fails(
        self, inner: Inner, secured: httpcore.NetworkStream, error: Exception, pace: Pace
    ) -> None:
        inner.records = [error]
        with pytest.raises(type(error)):
            secured.read(1, pace)

    def test_have_no_more_time_than_the_exchange(
        self, inner: Inner, secured: httpcore.NetworkStream, time: FakeTime
    ) -> None:
        inner.records, inner.takes = [b"a"] * 100, 1.0
        assert refusal(secured.read, 1, ended(time, 10.0)) is SealRefusal.REGISTRY_SLOW


def test_a_peer_that_takes_little_at_a_time(
    inner: Inner, stream: TimedStream, time: FakeTime
) -> None:
    inner.takes = 4.0
    code = refusal(stream.write, b"x" * (3 * limits.WRITE_BYTES + 1), ended(time, 11.0))
    assert code is SealRefusal.REGISTRY_SLOW
    assert inner.steps == [(f"write {limits.WRITE_BYTES}", seconds) for seconds in (5.0, 5.0, 3.0)]


class TestConnecting:
    @pytest.fixture
    def addresses(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Return the addresses of every name, none yet."""
        found: list[str] = []
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (name, 1)) for name in found]
        )
        return found

    @pytest.fixture
    def backend(self, inner: Inner, settings: RegistrySettings) -> TimedBackend:
        return TimedBackend(settings, inner)

    def test_takes_the_first_that_answers(
        self, inner: Inner, backend: TimedBackend, addresses: list[str], pace: Pace
    ) -> None:
        addresses += ["::1", "192.0.2.1", "192.0.2.2"]
        inner.refused = {"::1"}
        stream = backend.connect_tcp(HOST, 443, pace)
        assert len(stream.read(1, pace)) == limits.CHUNK_BYTES
        assert [name for name, _ in inner.steps] == ["::1", "192.0.2.1", "read"]

    def test_nobody_answers(
        self, inner: Inner, backend: TimedBackend, addresses: list[str], pace: Pace
    ) -> None:
        addresses += ["192.0.2.1", "192.0.2.2"]
        inner.takes = limits.CONNECT_SECONDS + 1
        with pytest.raises(httpcore.ConnectTimeout):
            backend.connect_tcp(HOST, 443, pace)
        assert len(inner.steps) == 2

    def test_thousands_of_addresses(
        self, inner: Inner, backend: TimedBackend, addresses: list[str], time: FakeTime
    ) -> None:
        addresses += [f"192.0.2.{number}" for number in range(100)]
        inner.takes = limits.CONNECT_SECONDS + 1
        code = refusal(backend.connect_tcp, HOST, 443, ended(time, 25.0))
        assert code is SealRefusal.REGISTRY_SLOW
        assert time.now == 25.0

    def test_no_address(self, backend: TimedBackend, addresses: list[str], pace: Pace) -> None:
        with pytest.raises(httpcore.ConnectError):
            backend.connect_tcp(HOST, 443, pace)

    def test_no_name(
        self, backend: TimedBackend, monkeypatch: pytest.MonkeyPatch, pace: Pace
    ) -> None:
        def unknown(*_: object, **__: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(httpcore.ConnectError):
            backend.connect_tcp(HOST, 443, pace)
