"""Runs a broker: opens its folder, listens, says so in one line, and stops in order."""

from __future__ import annotations

import json
import logging
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TextIO

import uvicorn
from fastapi import FastAPI

from keybroker import limits
from keybroker.broker import Broker, assemble
from keybroker.edge.app import create_app, create_operations_app
from keybroker.edge.listening import BoundedProtocol
from keybroker.edge.logs import write_json_to
from keybroker.errors import BrokerCode, BrokerError
from keybroker.keys import BrokerKeys
from keybroker.release import Clock, Entropy, utc_now
from keybroker.seals.file import open_master_key
from keybroker.settings.config import Listen, load_config
from keybroker.settings.initialise import (
    DATABASE,
    MASTER_KEY,
    EvidenceFiles,
    NewBroker,
    init_broker,
)
from keybroker.settings.models import load_settings
from keybroker.store.sqlite import SqliteStore

__all__ = ["EvidenceFiles", "NewBroker", "init_broker", "open_broker", "serve"]

_log = logging.getLogger("keybroker.edge.serve")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def open_broker(
    folder: Path, *, clock: Clock = utc_now, entropy: Entropy = secrets.token_bytes
) -> Iterator[Broker]:
    """Give the broker in `folder`, and close its database afterwards. Raises `BrokerError`."""
    settings = load_settings(folder, load_config(folder))
    seal = open_master_key(folder / MASTER_KEY)
    with SqliteStore.open(folder / DATABASE) as store:
        keys = BrokerKeys.load(seal, store.sealed_keys())
        yield assemble(store, keys, settings, clock=clock, entropy=entropy)


def serve(
    folder: Path,
    *,
    listen: Listen | None = None,
    operations: Listen | None = None,
    ready: TextIO = sys.stdout,
    log: TextIO = sys.stderr,
) -> None:
    """Serve the broker in `folder` until SIGINT or SIGTERM, requests under way included.

    Writes one JSON line to `ready` when it listens: address, operations, identity, simulated.
    `listen` and `operations` stand in for those of broker.yaml. Raises `BrokerError`.
    """
    write_json_to(log)
    config = load_config(folder)
    with ExitStack() as stack:
        broker = stack.enter_context(open_broker(folder))
        api = _Server(create_app(broker), listen or config.listen)
        stack.callback(api.close)
        side = _Server(create_operations_app(broker), operations or config.operations)
        stack.callback(side.close)
        stack.enter_context(_signals_only_stop())
        broker.refresh_endorsements()
        stack.enter_context(repeating(lambda: _purge(broker), every_seconds=limits.PURGE_SECONDS))
        stack.enter_context(
            repeating(broker.refresh_endorsements, every_seconds=limits.REFRESH_SECONDS)
        )
        stack.enter_context(side.in_background())
        ready.write(_ready_line(broker, api.address, side.address))
        ready.flush()
        api.run()


def _ready_line(broker: Broker, api: str, operations: str) -> str:
    identity = broker.releases.keys.identity.key_id
    simulated = broker.releases.trust.simulated
    line = {
        "address": api,
        "operations": operations,
        "identity": identity,
        "simulated": simulated,
    }
    return json.dumps(line) + "\n"


class _Server:
    """One listening socket and the server behind it."""

    def __init__(self, app: FastAPI, listen: Listen) -> None:
        family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        try:
            self._socket = socket.create_server((listen.host, listen.port), family=family)
        except OSError as error:
            detail = f"cannot listen on {listen.host} port {listen.port}: {error.strerror}"
            raise BrokerError(BrokerCode.CONFIG_INVALID, detail) from error
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            http=BoundedProtocol,
            ws="none",
            limit_concurrency=limits.CONNECTIONS,
            timeout_graceful_shutdown=limits.SHUTDOWN_SECONDS,
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)

    @property
    def address(self) -> str:
        """Where it listens, as a URL."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self) -> None:
        """Serve until told to stop by a signal."""
        self._server.run(sockets=[self._socket])

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Serve in a thread of its own, which sees no signals, until the end of the block."""
        thread = threading.Thread(target=self.run, name="operations", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.should_exit = True
            thread.join(limits.SHUTDOWN_SECONDS)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


@contextmanager
def _signals_only_stop() -> Iterator[None]:
    """Keep the process alive for its clean-up: uvicorn raises its signals again when it is done."""

    def ignore(_number: int, _frame: FrameType | None) -> None:
        """Do nothing: the server has stopped already."""

    before = {number: signal.signal(number, ignore) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _purge(broker: Broker) -> None:
    """Forget what its age refuses anyway."""
    try:
        broker.store.purge_expired(broker.releases.clock())
    except BrokerError as error:
        _log.warning("not purged", exc_info=error)


@contextmanager
def repeating(work: Callable[[], None], *, every_seconds: float) -> Iterator[None]:
    """Do the work now and then, in a thread of its own, until the end of the block.

    What goes wrong in one turn is logged, and the next one comes all the same.
    """
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(every_seconds):
            error = turns.submit(work).exception()
            if error is not None:
                _log.error("fault", exc_info=error)

    with ThreadPoolExecutor(1) as turns:
        thread = threading.Thread(target=repeat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
