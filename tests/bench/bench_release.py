"""A release inside the process against the bare sum of what it cannot do without.

One release, then the same operations alone, each once and in the same order, on data of the same
size; and so on. So both find processor caches, disk and neighbours in the same state. The commit
writes the same rows, without the thread that lets releases share one.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from keybroker.audit.tree import Frontier
from keybroker.modules import Modules
from keybroker.store import acts, connections
from keybroker.store.protocol import Initialisation, ReleaseRecord
from keybroker.store.sqlite import SqliteStore
from keybroker.store.transaction import Transaction, load_tree
from sealing import hpke
from sealing.keys import SigningKey
from sealing.seal import SealedModule
from tests.fakes.world import NO_RATE, World, make_world

ROUNDS = 400
WARM_UP = 30
GOAL = 1.6
OWNER_SIGNATURE = "P-256 verify"
NO_QUOTA = {"live-leases": 1_000_000, "releases-per-day": 1_000_000}


def _microseconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e6


@dataclass
class Catcher:
    """A store that keeps what a release would write, and writes nothing."""

    store: Any
    records: list[ReleaseRecord] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def record_release(self, record: ReleaseRecord) -> None:
        self.records.append(record)


def _records(world: World, bodies: Sequence[bytes]) -> list[ReleaseRecord]:
    catcher = Catcher(world.broker.store)
    # With a memory of its own: what is measured later has read no module yet.
    modules = Modules(world.broker.store.owner)
    service = replace(world.broker.releases, store=catcher, modules=modules)
    for body in bodies:
        service.release(body, source="bench")
    return catcher.records


def _bare_database(path: Path) -> tuple[sqlite3.Connection, Frontier]:
    with SqliteStore.create(path) as store:
        store.initialise(Initialisation((), b"{}"))
    connection = connections.open_writer(path)
    return connection, load_tree(connection)


def _primitives(folder: Path, records: Sequence[ReleaseRecord]) -> dict[str, Callable[[], Any]]:
    """What has to be done whatever the code around it is."""
    report, statement = bytes(672), bytes(2500)
    p384, p256 = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1())
    report_signature = p384.sign(report, ec.ECDSA(SHA384()))
    statement_signature = p256.sign(statement, ec.ECDSA(SHA256()))
    report_key, statement_key = p384.public_key(), p256.public_key()
    identity = SigningKey.generate("ed25519")
    opening = hpke.OpeningKey.generate(hpke.HYBRID)
    sealed = opening.public.seal(bytes(200), info=bytes(600))
    connection, tree = _bare_database(folder / "bare.db")
    work = iter(records)

    def commit() -> None:
        nonlocal tree
        transaction = Transaction(connection, tree, None)
        transaction.execute("BEGIN IMMEDIATE")
        acts.record_release(transaction, next(work))
        transaction.execute("COMMIT")
        tree = transaction.tree

    return {
        "P-384 verify": lambda: report_key.verify(report_signature, report, ec.ECDSA(SHA384())),
        OWNER_SIGNATURE: lambda: statement_key.verify(
            statement_signature, statement, ec.ECDSA(SHA256())
        ),
        "HPKE open": lambda: opening.open(sealed, info=bytes(600)),
        # The runner's key comes as bytes; reading an ML-KEM key is part of sealing to it.
        "HPKE seal": lambda: hpke.SealingKey.from_bytes(hpke.HYBRID, opening.public.raw).seal(
            bytes(200), info=bytes(300)
        ),
        "ES256 sign": lambda: p256.sign(statement, ec.ECDSA(SHA256(), deterministic_signing=True)),
        "Ed25519 sign": lambda: identity.sign(records[0].response),
        "SQLite commit": commit,
    }


def _measure(
    world: World, folder: Path, modules: Callable[[int], SealedModule]
) -> tuple[list[float], dict[str, list[float]]]:
    bodies = [
        world.runner(modules(number)).request(world.challenge())
        for number in range(WARM_UP + ROUNDS)
    ]
    primitives = _primitives(folder, _records(world, bodies))
    for body in bodies[:WARM_UP]:
        world.release(body)
    releases: list[float] = []
    bare: dict[str, list[float]] = {name: [] for name in primitives}
    for body in bodies[WARM_UP:]:
        releases.append(_microseconds(lambda body=body: world.release(body)))
        for name, call in primitives.items():
            bare[name].append(_microseconds(call))
    return releases, bare


def _in_a_world(measure: Callable[[World, Path], Any]) -> Any:
    build = Path(__file__).resolve().parents[2] / "build"
    build.mkdir(exist_ok=True)
    # On the checkout's own disk: a commit into memory would cost nothing.
    with tempfile.TemporaryDirectory(dir=build) as name:
        folder = Path(name)
        with make_world(folder, challenges=NO_RATE, releases=NO_RATE, quota=NO_QUOTA) as world:
            return measure(world, folder)


def _known_module(world: World, folder: Path) -> Any:
    module = world.seal()
    return _measure(world, folder, lambda _: module)


def _new_modules(world: World, folder: Path) -> Any:
    return _measure(world, folder, lambda number: world.seal(version=number + 1))


def rows() -> list[dict[str, Any]]:
    """A release of a module that was released before, of one that was not, and the primitives.

    The owner's signature on a module is verified once, so the first row does not count it.
    """
    releases, bare = _in_a_world(_known_module)
    firsts, bare_of_firsts = _in_a_world(_new_modules)
    value, first = statistics.median(releases), statistics.median(firsts)
    sums = {name: statistics.median(times) for name, times in bare.items()}
    total = sum(time for name, time in sums.items() if name != OWNER_SIGNATURE)
    total_of_first = sum(map(statistics.median, bare_of_firsts.values()))
    ratio, goal = value / total, f"ratio <= {GOAL}"
    return [
        _row("release, in process", value, "us", total, ratio, goal, ratio <= GOAL),
        _row("release, first of a module", first, "us", total_of_first, first / total_of_first),
        _row("releases per second, one thread", 1e6 / value, "/s", 1e6 / total),
        *(_row(f"  bare: {name}", time, "us") for name, time in sums.items()),
    ]


def _row(
    name: str,
    value: float,
    unit: str,
    bare: float | None = None,
    ratio: float | None = None,
    goal: str | None = None,
    ok: bool | None = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "bare": bare,
        "ratio": ratio,
        "goal": goal,
        "ok": ok,
    }
