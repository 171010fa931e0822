"""A program that is killed: run as `python -m tests.integration.store_crash FOLDER SCENARIO`.

For every k it forks a child that kills itself (SIGKILL) right after statement k of the scenario, in
a copy of the same database of its own. What a child was told is done, it writes to `acked` first
thing. Ends with the first child that finished alive and prints how many died.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from keybroker.errors import BrokerError
from keybroker.store.protocol import RevokedKind
from keybroker.store.sqlite import SqliteStore
from tests.unit.keybroker import records

BEFORE = (1, 2, 3)
SUBJECT = 100
ROUNDS = 12
ROUND_SECONDS = (0.02, 0.12)


class Killer:
    """A statement hook: once armed, the k-th statement is the last this process executes."""

    def __init__(self, k: int) -> None:
        self.left = k
        self.armed = False

    def __call__(self, _statement: int) -> None:
        if self.armed:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Journal:
    """What was acknowledged, in a file that survives the process."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "acked", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def ack(self, name: str) -> None:
        os.write(self._file, f"{name}\n".encode())


def prepare(path: Path) -> None:
    """A store with a past: an owner, a policy, two releases and a refusal."""
    with SqliteStore.create(path) as store:
        store.initialise(records.birth())
        store.enrol_owner(records.owner())
        store.put_policy(records.policy())
        store.record_release(records.release(1))
        store.record_refusal(records.refusal(2))
        store.record_release(records.release(3))


def release(store: SqliteStore, journal: Journal) -> None:
    store.record_release(records.release(SUBJECT))
    journal.ack(f"release-{SUBJECT}")


def refusal(store: SqliteStore, journal: Journal) -> None:
    store.record_refusal(records.refusal(SUBJECT))
    journal.ack(f"refusal-{SUBJECT}")


def owner(store: SqliteStore, journal: Journal) -> None:
    store.enrol_owner(records.owner("late", "e" * 64))
    journal.ack("owner")


def policy(store: SqliteStore, journal: Journal) -> None:
    store.put_policy(records.policy(2))
    journal.ack("policy")


def rotation(store: SqliteStore, journal: Journal) -> None:
    store.rotate_owner(records.rotation())
    journal.ack("rotation")


def revocation(store: SqliteStore, journal: Journal) -> None:
    store.revoke(records.revocation(RevokedKind.MODULE, records.MODULE, 1))
    journal.ack("revocation")


def purge(store: SqliteStore, journal: Journal) -> None:
    store.purge_expired(records.NOW + timedelta(minutes=6))
    journal.ack("purge")


def together(store: SqliteStore, journal: Journal) -> None:
    """In one transaction: two releases, a refusal, and two releases that must leave nothing."""

    def act(record, write) -> None:
        try:
            write(record)
        except BrokerError:
            return
        journal.ack(record.decision.id)

    over_quota = records.release(98, quota=records.Quota(live_leases=0, releases_per_day=0))
    replayed = records.release(99, nonce=1)
    releases = [records.release(SUBJECT), over_quota, replayed, records.release(101)]
    acts = [(record, store.record_release) for record in releases]
    acts.append((records.refusal(102), store.record_refusal))
    held, gate = threading.Event(), threading.Event()

    def hold(_transaction) -> None:
        held.set()
        gate.wait()

    blocker = threading.Thread(target=store._writer.submit, args=(hold,))
    threads = [threading.Thread(target=act, args=pair) for pair in acts]
    killer, store._writer._hook = store._writer._hook, None  # not while the gate is held
    blocker.start()
    held.wait()
    for thread in threads:
        thread.start()
    while store._writer._jobs.qsize() < len(threads):
        time.sleep(0)
    store._writer._hook = killer
    gate.set()
    for thread in (blocker, *threads):
        thread.join()


SCENARIOS: dict[str, Callable[[SqliteStore, Journal], None]] = {
    act.__name__: act
    for act in (release, refusal, owner, policy, rotation, revocation, purge, together)
}


def run_scenario(base: Path, folder: Path, name: str, k: int) -> None:
    """In a child: the scenario, on a copy, to its death or its end."""
    folder.mkdir()
    shutil.copy(base, folder / "broker.db")
    killer = Killer(k)
    with SqliteStore.open(folder / "broker.db", statement_hook=killer) as store:
        killer.armed = True
        SCENARIOS[name](store, Journal(folder))
        killer.armed = False


def run_birth(folder: Path, k: int) -> None:
    """In a child: a new store from its first statement, migrations included."""
    folder.mkdir()
    killer = Killer(k)
    killer.armed = True
    with SqliteStore.create(folder / "broker.db", statement_hook=killer) as store:
        store.initialise(records.birth())
        Journal(folder).ack("birth")


def run_load(folder: Path, first: int) -> None:
    """In a child: four threads that release without end."""
    journal = Journal(folder)
    store = SqliteStore.open(folder / "broker.db")

    def load(number: int) -> None:
        while True:
            store.record_release(records.release(number))
            journal.ack(f"release-{number}")
            number += 4

    for thread in range(4):
        threading.Thread(target=load, args=(first + thread,)).start()


def died(child: Callable[[], None], *, after: float | None = None) -> bool:
    """Fork `child`; return whether it was killed: by itself, or by us after some time."""
    pid = os.fork()
    if pid == 0:
        child()
        if after is None:
            os._exit(0)
        time.sleep(60)
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    if status != 0:
        sys.exit(f"a child ended with status {status}")
    return False


def main(folder: Path, name: str) -> None:
    if name == "load":
        prepare(folder / "broker.db")
        chance = random.Random(20261122)
        for number in range(ROUNDS):
            first = 1_000_000 * (number + 1)
            died(lambda first=first: run_load(folder, first), after=chance.uniform(*ROUND_SECONDS))
        print(ROUNDS)
        return
    base = folder / "base.db"
    prepare(base)
    k = 1
    while died(
        (lambda k=k: run_birth(folder / str(k), k))
        if name == "birth"
        else (lambda k=k: run_scenario(base, folder / str(k), name, k))
    ):
        k += 1
    print(k - 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
