"""A whole run in one process: real broker behind its real HTTP edge, real worker code in a thread.

What only a process of its own has (lock-down, death) is left to the tests that start one.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from attestation.attesters import Attester
from keybroker.edge.app import create_app
from runner.broker import HttpBroker
from runner.inputs import Offer
from runner.order import Order, Place, Report, Terms
from runner.order import World as RunnerWorld
from runner.run import run_sealed
from runner.supervise import Clock, Sinks
from runner.worker.frames import Channel
from runner.worker.lockdown import LockdownReport, Part
from runner.worker.main import converse
from runner.worker.process import WorkerProcess
from sealing.oci.layout import OciLayout
from sealing.oci.reference import Reference
from sealing.oci.transfer import push
from sealing.seal import SealedModule
from tests.fakes.sealing import seal_for
from tests.fakes.web import Peer
from tests.fakes.world import POLICY, World, capabilities, make_world
from tests.guests.build import wat

CANARY = "canary-4f1c9a"
# Writes its greeting and ends with 7.
HELLO = wat(
    f"""(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{CANARY}\\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const {len(CANARY) + 1}))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $exit (i32.const 7))))"""
)
LOOP = wat('(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))')
IMPORTS = ["wasi_snapshot_preview1.fd_write", "wasi_snapshot_preview1.proc_exit"]


def grant(**spec: Any) -> dict[str, Any]:
    """The canonical document of what HELLO needs, with changes."""
    return capabilities(**{"imports": IMPORTS, "stdout": {"max-bytes": 4096}, **spec})


class PretendLock:
    """Locks nothing down, as tests share their process with the worker."""

    def enter(self, *, parent: int) -> None:
        return

    def complete(self, required: frozenset[Part]) -> LockdownReport:
        return LockdownReport(dict.fromkeys(sorted(required), "pretended"), {})


class ThreadAsProcess:
    """What the handle needs of `subprocess.Popen`, for a worker that is a thread."""

    pid = 0
    returncode = 0

    def __init__(self, thread: threading.Thread) -> None:
        self._thread = thread

    def kill(self) -> None:
        return

    def wait(self) -> int:
        self._thread.join()
        return 0


def worker_of(talk: Callable[[Channel], object]) -> WorkerProcess:
    """A handle on `talk`, which gets the worker's end of the channel."""
    ours, theirs = socket.socketpair()
    channel = Channel(theirs.detach())

    def run() -> None:
        try:
            talk(channel)
        finally:
            channel.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    handle: Any = ThreadAsProcess(thread)
    return WorkerProcess(handle, Channel(ours.detach()), monotonic=Clock(lambda: None).monotonic)


@dataclass
class Door:
    """The broker's HTTP edge, and everything on the way to it that can go wrong."""

    world: World
    url: str = "https://broker.example"
    calls: list[str] = field(default_factory=list)
    alter: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    everything_is_broken: bool = False

    def __post_init__(self) -> None:
        self._peer = Peer(create_app(self.world.broker))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.calls.append(path)
        if path in self.broken or self.everything_is_broken:
            raise httpx.ConnectError("connection refused")
        answer = self._peer.request(request.method, path, content=request.content or None)
        body = self.alter.get(path, lambda data: data)(answer.content)
        return httpx.Response(answer.status_code, content=iter([body]))

    def broker(self) -> HttpBroker:
        client = httpx.Client(transport=httpx.MockTransport(self))
        return HttpBroker(self.url, client=client, sleep=lambda _: None)


@dataclass
class Story:
    """One sealed module in a folder, one broker, one node. Verbs run it."""

    world: World
    door: Door
    store: OciLayout
    folder: Path
    further_doors: tuple[Door, ...] = ()
    stdout: bytearray = field(default_factory=bytearray)

    def publish(self, module: bytes = HELLO, tag: str = "v1", **changes: Any) -> SealedModule:
        arguments: dict[str, Any] = {
            "name": "acme/solver",
            "version": 1,
            "policy_name": POLICY,
            "capabilities": grant(),
            "broker_identity": self.world.identity,
            "broker_key": self.world.broker.releases.keys.sealing[0].public,
            "owner": self.world.owner,
            "now": self.world.clock.now,
        }
        sealed = seal_for(module, **(arguments | changes))
        push(self.store, sealed, tag)
        return sealed

    def order(self, tag: str = "v1", **changes: Any) -> Order:
        reference = Reference.parse(f"oci:{self.folder}:{tag}")
        return replace(Order(reference, (self.world.owner.public,)), **changes)

    def place(self, **changes: Any) -> Place:
        sinks = Sinks(self.stdout.extend, lambda _: None)
        return replace(Place(Clock(self.world.clock), sinks, self.spawn), **changes)

    def spawn(self) -> WorkerProcess:
        now = self.world.clock
        return worker_of(lambda channel: converse(channel, PretendLock(), parent=0, now=now))

    def run(
        self,
        order: Order | None = None,
        *,
        place: Place | None = None,
        attester: Attester | None = None,
        offer: Offer | None = None,
        terms: Terms | None = None,
    ) -> Report:
        chosen = order or self.order()
        if offer is not None:
            chosen = replace(chosen, offer=offer)
        if terms is not None:
            chosen = replace(chosen, terms=terms)
        doors = (self.door, *self.further_doors)
        brokers = tuple(door.broker() for door in doors)
        around = RunnerWorld(self.store, brokers, lambda _: attester or self.world.guest())
        return run_sealed(chosen, place or self.place(), around)


@contextmanager
def make_story(folder: Path, **settings: Any) -> Iterator[Story]:
    with make_world(folder / "world", **settings) as world:
        store = OciLayout.create(folder / "registry")
        yield Story(world, Door(world), store, folder / "registry")
