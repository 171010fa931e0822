"""Durable releases a second through the store, against the same rows in a bare group commit."""

from __future__ import annotations

import tempfile
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

from keybroker.audit.tree import Frontier
from keybroker.store import acts, connections
from keybroker.store.sqlite import SqliteStore
from keybroker.store.transaction import Transaction, load_tree
from tests.unit.keybroker import records

CLIENTS = 32
RELEASES = 800
ROUNDS = 3
# Handing a record to the writer and back costs two wake-ups, under one interpreter lock.
GOALS = {1: 2.0, CLIENTS: 2.5}

_numbers = count(10_000)


def prepared(path: Path) -> Path:
    """A new store with its first leaf."""
    with SqliteStore.create(path) as store:
        store.initialise(records.birth())
    return path


def batch_of_records(number: int) -> list[Any]:
    return [records.release(next(_numbers)) for _ in range(number)]


def store_seconds(path: Path, clients: int) -> float:
    """Time for `RELEASES` releases from as many threads as `clients`, each waiting for the disk."""
    share = RELEASES // clients
    work = [batch_of_records(share) for _ in range(clients)]

    def client(mine: list[Any]) -> None:
        for record in mine:
            store.record_release(record)

    with SqliteStore.open(path) as store:
        threads = [threading.Thread(target=client, args=(mine,)) for mine in work]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - started


def bare_seconds(path: Path, batch: int) -> float:
    """Time for the same statements, `batch` releases a commit, one thread, nobody waiting."""
    work = batch_of_records(RELEASES)
    connection = connections.open_writer(path)
    tree: Frontier = load_tree(connection)
    started = time.perf_counter()
    for start in range(0, RELEASES, batch):
        transaction = Transaction(connection, tree, None)
        transaction.execute("BEGIN IMMEDIATE")
        for record in work[start : start + batch]:
            acts.record_release(transaction, record)
        transaction.execute("COMMIT")
        tree = transaction.tree
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def row(clients: int, folder: Path) -> dict[str, Any]:
    """Best of some rounds each, alternating, so that a busy moment hits neither side alone."""
    path = prepared(folder / f"{clients}.db")
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(store_seconds(path, clients))
        bare.append(bare_seconds(path, clients))
    ratio = min(ours) / min(bare)
    return {
        "name": f"durable releases, {clients} client{'s' if clients > 1 else ''}",
        "value": RELEASES / min(ours),
        "unit": "1/s",
        "bare": RELEASES / min(bare),
        "ratio": ratio,
        "goal": f"time ratio <= {GOALS[clients]}",
        "ok": ratio <= GOALS[clients],
    }


def rows() -> list[dict[str, Any]]:
    """One row for a single client, one for many."""
    with tempfile.TemporaryDirectory() as folder:
        return [row(clients, Path(folder)) for clients in GOALS]
