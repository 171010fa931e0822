"""Whoever ends a transfer is not kept waiting, wherever in it a registry keeps it."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
import time as real_time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from sealing.errors import SealRefusal
from sealing.oci import stopping
from sealing.oci.blob import Blob
from sealing.oci.layout import OciLayout
from sealing.oci.parallel import put_all, together
from sealing.oci.reference import RegistryReference
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.credential_helper import CredentialHelpers
from sealing.oci.registry.settings import PlainHttp, RegistrySettings
from sealing.oci.stopping import Stop, StoppedError, wakeable
from tests.fakes.registry import FakeRegistry
from tests.unit.sealing.oci import samples
from tests.unit.sealing.oci.samples import refusal

# Longer than any test may take: whoever waits for this is not woken.
FOR_EVER = 300.0
LARGE = Blob(samples.ABSENT, 64 << 20, lambda: iter([bytes(1 << 20)] * 64))


class BoomError(Exception):
    """What ends the transfers of a test."""


@pytest.fixture
def patient(tls: ssl.SSLContext) -> RegistrySettings:
    """Return settings with which nothing ends by itself while a test runs."""
    return RegistrySettings(
        tls=tls,
        connect_seconds=FOR_EVER,
        silence_seconds=FOR_EVER,
        exchange_seconds=FOR_EVER,
        retry_seconds=(30.0,) * 3,
        jitter=lambda: 1.0,
    )


@pytest.fixture
def slow(registry: FakeRegistry, patient: RegistrySettings) -> Iterator[RegistryClient]:
    with RegistryClient(registry.reference(), settings=patient) as client:
        yield client


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """Return what the peers of a test wait for: set only when it has ended."""
    event = threading.Event()
    yield event
    event.set()


def transfers() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("transfer")]


def fails_after(begun: threading.Event) -> None:
    assert begun.wait(30)
    raise BoomError


def fails_while_connecting(port: int) -> None:
    """Wait until the kernel says that somebody waits for a connection to `port`."""
    asking = f":{port:04X} 02 "
    while asking not in Path("/proc/net/tcp").read_text():
        real_time.sleep(0.01)
    raise BoomError


def ends_others(begun: threading.Event, action: Callable[[], object]) -> None:
    """Run `action` beside one that fails once it has begun; nothing of it may be left."""
    both: list[Callable[[], object]] = [partial(fails_after, begun), action]
    with pytest.raises(BoomError):
        together(both)
    assert transfers() == []


@contextmanager
def listening(over: threading.Event, greet: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve one connection with `greet`, and keep it until the test has ended."""

    def serve() -> None:
        peer, _ = listener.accept()
        with peer, suppress(OSError):
            greet(peer)
            over.wait(FOR_EVER)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join()


def place(port: int) -> RegistryReference:
    return RegistryReference(registry=f"127.0.0.1:{port}", repository="acme/scoring")


class TestTransfersThatWait:
    def test_for_bytes_that_drip(
        self, slow: RegistryClient, registry: FakeRegistry, over: threading.Event
    ) -> None:
        digest = samples.publish(slow, samples.manifest())
        begun = threading.Event()

        def pause() -> None:
            begun.set()
            over.wait(FOR_EVER)

        registry.drips(pause)
        layer = Blob.of(samples.LAYER)
        ends_others(begun, partial(slow.get_blob, layer.digest, layer.size))
        assert digest in registry.manifests

    def test_for_an_answer(
        self, slow: RegistryClient, registry: FakeRegistry, over: threading.Event
    ) -> None:
        begun = threading.Event()
        registry.on("GET", "/v2/", lambda _: begun.set())
        registry.hangs("GET", "/v2/", over)
        ends_others(begun, slow.ping)

    def test_for_another_try(self, slow: RegistryClient, registry: FakeRegistry) -> None:
        begun = threading.Event()
        registry.on("GET", "/v2/", lambda _: begun.set())
        registry.fails("GET", "/v2/", 503)
        ends_others(begun, slow.ping)

    def test_for_a_peer_that_reads_nothing(
        self, patient: RegistrySettings, over: threading.Event
    ) -> None:
        begun = threading.Event()

        def answers_the_head(peer: socket.socket) -> None:
            peer.recv(4096)
            peer.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
            peer.recv(4096)
            peer.sendall(b"HTTP/1.1 202 Go on\r\nLocation: /v2/x\r\nContent-Length: 0\r\n\r\n")
            peer.recv(4096)
            begun.set()

        with (
            listening(over, answers_the_head) as port,
            RegistryClient(place(port), settings=patient) as client,
        ):
            ends_others(begun, partial(client.put_blob, LARGE))

    def test_for_tls(self, patient: RegistrySettings, over: threading.Event) -> None:
        begun = threading.Event()

        def hears_hello(peer: socket.socket) -> None:
            peer.recv(4096)
            begun.set()

        secure = replace(patient, plain_http=PlainHttp.NEVER)
        with (
            listening(over, hears_hello) as port,
            RegistryClient(place(port), settings=secure) as client,
        ):
            ends_others(begun, client.ping)

    def test_for_a_connection(self, patient: RegistrySettings) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]
            # As many as wait for being accepted: the kernel answers nobody after it.
            with (
                socket.create_connection(("127.0.0.1", port)),
                RegistryClient(place(port), settings=patient) as client,
                pytest.raises(BoomError),
            ):
                together([partial(fails_while_connecting, port), client.ping])
        assert transfers() == []

    def test_for_a_helper(self, tmp_path: Path) -> None:
        told = tmp_path / "told"
        os.mkfifo(told)
        program = tmp_path / "docker-credential-slow"
        program.write_text(f"#!/bin/sh\necho > {told}\nsleep {FOR_EVER}\n")
        program.chmod(0o755)
        environment = {"PATH": os.environ["PATH"]}
        helpers = CredentialHelpers([tmp_path], environment, real_time.monotonic, FOR_EVER)

        def asked() -> None:
            told.read_text()
            raise BoomError

        asks = partial(helpers.ask, "slow", "registry.example.com")
        with pytest.raises(BoomError):
            together([asked, lambda: asks() and None])
        assert transfers() == []

    def test_for_another_writer(self, tmp_path: Path) -> None:
        layout = OciLayout.create(tmp_path / "layout")
        begun = threading.Event()

        def endless() -> Iterator[bytes]:
            while True:
                begun.set()
                yield b""

        ends_others(begun, partial(layout.put_blob, Blob(samples.ABSENT, 5, endless)))
        assert list((tmp_path / "layout/blobs/sha256").iterdir()) == []


def test_an_interrupt_ends_all(
    slow: RegistryClient, registry: FakeRegistry, over: threading.Event, tmp_path: Path
) -> None:
    samples.publish(slow, samples.manifest())
    layout = OciLayout.create(tmp_path / "layout")
    layer = Blob.of(samples.LAYER)
    main = threading.main_thread().ident
    assert main is not None

    both = threading.Barrier(2, action=partial(signal.pthread_kill, main, signal.SIGINT))

    def pause() -> None:
        if not over.is_set():
            both.wait(30)
            over.wait(FOR_EVER)

    registry.drips(pause)

    def coming() -> Iterator[bytes]:
        yield slow.get_blob(layer.digest, layer.size)

    blob = Blob(layer.digest, layer.size, coming)
    with pytest.raises(KeyboardInterrupt):
        put_all(layout, [(None, blob), (None, blob)])
    assert transfers() == []
    assert not over.is_set()
    assert list((tmp_path / "layout/blobs/sha256").iterdir()) == []


def test_the_store_can_be_used_afterwards(
    slow: RegistryClient, registry: FakeRegistry, over: threading.Event
) -> None:
    begun = threading.Event()
    registry.on("GET", "/tags/", lambda _: begun.set())
    registry.hangs("GET", "/tags/", over)
    ends_others(begun, slow.tags)
    slow.ping()


def test_ends_what_a_transfer_has_begun_itself() -> None:
    begun = threading.Barrier(3)

    def waits() -> None:
        begun.wait(30)
        stopping.sleep(FOR_EVER)

    def fails() -> None:
        begun.wait(30)
        raise BoomError

    with pytest.raises(BoomError):
        together([fails, lambda: together([waits, waits]).clear()])
    assert transfers() == []


class TestStop:
    def test_is_nothing_to_other_threads(self) -> None:
        woken: list[str] = []
        Stop().set()
        stopping.require_going()
        stopping.sleep(0.0)
        with wakeable(lambda: woken.append("x")):
            pass
        assert woken == []

    def test_wakes_nobody_twice(self) -> None:
        stop, woken = Stop(), []
        with stop.waking(lambda: woken.append("late")):
            pass
        with pytest.raises(StoppedError), stop.waking(lambda: woken.append("x")):
            stop.set()
        assert woken == ["x"]

    def test_nothing_waits_afterwards(self) -> None:
        stop = Stop()
        stop.set()
        for action in (stopping.require_going, partial(stopping.sleep, FOR_EVER)):
            with pytest.raises(StoppedError):
                stop.running(action)
        with pytest.raises(StoppedError), stop.waking(lambda: None):
            pytest.fail("it began")

    def test_hides_what_waking_broke(self) -> None:
        stop = Stop()
        with pytest.raises(StoppedError), stop.waking(lambda: None):
            stop.set()
            raise OSError("bad file descriptor")

    def test_ends_with_its_action(self) -> None:
        stop = Stop()
        assert stop.running(lambda: 7) == 7
        stop.set()
        stopping.require_going()


def test_a_refusal_is_not_hidden(client: RegistryClient) -> None:
    absent = partial(client.get_blob, samples.ABSENT, 5)
    assert refusal(together, [absent, absent]) is SealRefusal.NOT_FOUND
