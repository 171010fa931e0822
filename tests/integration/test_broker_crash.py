"""`kill -9` of a whole broker, at every statement of a release and at any moment under load.

Clients talk HTTP to it. What they were told is in the log after the restart; what they ask again is
answered once; a challenge that was spent stays spent. The store alone, and what a killed process
does not show: tests/integration/test_store_crash.py.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from keybroker.audit.checkpoint import verify_checkpoint
from keybroker.audit.log import verify_log
from keybroker.audit.merkle import leaf_hash
from keybroker.audit.proof import verify_proof
from keybroker.audit.tree import Frontier
from keybroker.protocol import ChallengeResponse, Problem
from keybroker.store.sqlite import SqliteStore
from sealing.canonical import b64encode, digest_of
from sealing.envelope import open_envelope
from sealing.manifest import SealedManifest
from sealing.seal import SealedModule
from tests.fakes.world import MODULE, NO_RATE, Runner, World, make_world
from tests.integration.broker_crash import MOMENTS

ROOT = Path(__file__).resolve().parents[2]
NEVER = "never"
KILLED = -signal.SIGKILL
CLIENTS = 8
ROUNDS = 5
ROUND_SECONDS = (0.05, 0.5)

# Both sides of each of these count the same thing in two places.
EQUALITIES = {
    "no leaf is shared": (
        "SELECT count(*) FROM decision",
        "SELECT count(DISTINCT leaf) FROM decision",
    ),
    "every release has its lease": (
        "SELECT count(*) FROM decision WHERE kind = 'release'",
        "SELECT count(DISTINCT decision) FROM lease",
    ),
    "every release has its answer": (
        "SELECT count(*) FROM decision WHERE kind = 'release'",
        "SELECT count(DISTINCT decision) FROM response",
    ),
    "every release is counted": (
        "SELECT count(*) FROM decision WHERE kind = 'release'",
        "SELECT coalesce(sum(count), 0) FROM release_day",
    ),
    "every lease is counted": (
        "SELECT count(*) FROM lease",
        "SELECT coalesce(sum(count), 0) FROM lease_second",
    ),
}


@dataclass
class Asked:
    """One request for release, and what its client heard."""

    runner: Runner
    challenge: ChallengeResponse
    body: bytes
    heard: httpx.Response | None = None


@dataclass
class Running:
    """A broker as its clients and its operator see it."""

    pid: int
    http: httpx.Client
    folder: Path
    read: Callable[[], str]
    status: int | None = None

    def challenge(self) -> ChallengeResponse:
        return ChallengeResponse.parse(self.http.post("/v1/challenges", content=b"{}").content)

    def ask(self, runner: Runner) -> Asked:
        challenge = self.challenge()
        return Asked(runner, challenge, runner.request(challenge))

    def send(self, asked: Asked) -> httpx.Response | None:
        """What the client hears, if anything."""
        try:
            asked.heard = self.http.post("/v1/releases", content=asked.body)
        except httpx.TransportError:
            asked.heard = None
        return asked.heard

    def release(self, body: bytes) -> bytes:
        answer = self.http.post("/v1/releases", content=body)
        assert answer.status_code == 200, answer.text
        return answer.content

    def problem(self, body: bytes) -> tuple[int, str]:
        answer = self.http.post("/v1/releases", content=body)
        return answer.status_code, Problem.parse(answer.content).code

    def proof(self, decision: str) -> bytes:
        answer = self.http.get(f"/v1/audit/proofs/{decision}")
        assert answer.status_code == 200, answer.text
        return answer.content

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        if self.status is None:
            self.status = int(self.read())
        return self.status

    def rows(self, sql: str, *values: str) -> list[Any]:
        """What the database says while the broker runs."""
        return query(self.folder, sql, *values)


class Brokers:
    """The program that runs brokers, one at a time."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        assert program.stdin is not None
        assert program.stdout is not None
        self._input, self._output = program.stdin, program.stdout

    @contextmanager
    def running(self, folder: Path, point: object = NEVER) -> Iterator[Running]:
        """A broker that dies at `point`, or is told to stop at the end of the block."""
        self._input.write(json.dumps([str(folder), str(point)]) + "\n")
        self._input.flush()
        pid, ready = int(self._read()), json.loads(self._read())
        assert isinstance(ready, dict), (folder / "log").read_text()
        with httpx.Client(base_url=ready["address"], trust_env=False, timeout=60) as http:
            broker = Running(pid, http, folder, self._read)
            try:
                yield broker
                if broker.status is None and point == NEVER:
                    os.kill(pid, signal.SIGTERM)
                    assert broker.wait() == 0, (folder / "log").read_text()
            finally:
                if broker.status is None:
                    broker.kill()
                    broker.wait()

    def _read(self) -> str:
        return self._output.readline()


@pytest.fixture(scope="module")
def brokers() -> Iterator[Brokers]:
    command = [sys.executable, "-m", "tests.integration.broker_crash"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as program:
        yield Brokers(program)
        assert program.stdin is not None
        program.stdin.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="module")
def world(place: Path) -> World:
    """Keys, silicon and owner around the brokers; its own broker has stopped."""
    with make_world(place, challenges=NO_RATE, releases=NO_RATE) as made:
        return made


@pytest.fixture(scope="module")
def module(world: World) -> SealedModule:
    return world.seal()


@pytest.fixture(scope="module")
def content_key(world: World, module: SealedModule) -> bytes:
    (envelope,) = SealedManifest.parse(module.manifest).envelopes
    keys = world.broker.releases.keys
    return open_envelope(envelope, keys.sealing_key(envelope.key)).symkey


@pytest.fixture
def copies(world: World, place: Path, tmp_path: Path) -> Iterator[Path]:
    """Copies of a broker's folder, as many as are asked for."""
    numbers = itertools.count()
    return (shutil.copytree(place / "broker", tmp_path / str(number)) for number in numbers)


def query(folder: Path, sql: str, *values: str) -> list[Any]:
    database = sqlite3.connect(f"{(folder / 'broker.db').as_uri()}?mode=ro", uri=True)
    try:
        return database.execute(sql, values).fetchall()
    finally:
        database.close()


def require_sound(folder: Path) -> None:
    """The file is whole, counts agree with each other, and the log with its hashes."""
    assert query(folder, "PRAGMA integrity_check") == [("ok",)]
    assert query(folder, "PRAGMA foreign_key_check") == []
    for name, (one, other) in EQUALITIES.items():
        assert query(folder, one) == query(folder, other), name
    with SqliteStore.open(folder / "broker.db") as store:
        verify_log(store)


def require_no_key(folder: Path, key: bytes) -> None:
    """Whatever a killed broker left in its folder, the content key is not in it."""
    texts = [key, key.hex().encode(), b64encode(key).encode()]
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not any(text in data for text in texts for data in files)


def require_released_once(world: World, broker: Running, asked: Asked) -> bool:
    """Whatever happened before: one answer, one release, one use of the challenge, one leaf.

    Returns whether the release had been recorded before.
    """
    runner = asked.runner
    key = runner.key.public.key_id
    stored = broker.rows("SELECT body FROM response WHERE runner_key = ?", key)
    if stored:
        require_spent(world, broker, asked)
    answer = broker.release(asked.body)
    assert [body for (body,) in stored] in ([], [answer])
    if asked.heard is not None:
        assert stored, "what was acknowledged is not there"
        assert (asked.heard.status_code, asked.heard.content) == (200, answer)
    assert broker.release(asked.body) == answer
    require_spent(world, broker, asked)
    require_one_use_of_the_key(broker, runner)

    assert runner.open(answer, world).digest == digest_of(MODULE)
    document = runner.verify(answer, world).document
    proof = broker.proof(document.decision)
    verify_proof(proof, leaf=document.leaf, log_key=world.broker.log.log_key)
    assert broker.rows("SELECT decision FROM lease WHERE runner_key = ?", key) == [
        (document.decision,)
    ]
    return bool(stored)


def require_spent(world: World, broker: Running, asked: Asked) -> None:
    """The challenge serves nobody else."""
    other = Runner(world.guest(), asked.runner.module)
    assert broker.problem(other.request(asked.challenge)) == (401, "challenge-spent")


def require_one_use_of_the_key(broker: Running, runner: Runner) -> None:
    """Another request under the same idempotency key is a conflict, not a release."""
    again = runner.binding
    assert broker.problem(broker.ask(runner).body) == (409, "idempotency-conflict")
    runner.binding = again


def test_killed_after_every_statement_of_a_release(
    world: World,
    module: SealedModule,
    content_key: bytes,
    brokers: Brokers,
    copies: Iterator[Path],
) -> None:
    recorded = []
    for k in itertools.count(1):
        folder = next(copies)
        with brokers.running(folder, k) as broker:
            asked = broker.ask(Runner(world.guest(), module))
            if broker.send(asked) is not None:
                break
            assert broker.wait() == KILLED
        require_no_key(folder, content_key)
        with brokers.running(folder) as broker:
            recorded.append(require_released_once(world, broker, asked))
        require_sound(folder)
    # BEGIN, SAVEPOINT, every row of a release, RELEASE: nothing. After COMMIT: all of it.
    assert recorded == [False] * (len(recorded) - 1) + [True]
    assert len(recorded) >= 12


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_around_the_answer(
    world: World, module: SealedModule, brokers: Brokers, copies: Iterator[Path], moment: str
) -> None:
    folder = next(copies)
    with brokers.running(folder, moment) as broker:
        asked = broker.ask(Runner(world.guest(), module))
        heard = broker.send(asked)
        assert broker.wait() == KILLED
    assert heard is None or moment == "sent"
    with brokers.running(folder) as broker:
        assert require_released_once(world, broker, asked) == (moment != "asked")
    require_sound(folder)


def test_killed_after_every_statement_of_a_refusal(
    world: World, module: SealedModule, brokers: Brokers, copies: Iterator[Path]
) -> None:
    recorded = []
    for k in itertools.count(1):
        folder = next(copies)
        with brokers.running(folder, k) as broker:
            asked = broker.ask(Runner(world.guest().debug(), module))
            heard = broker.send(asked)
            if heard is not None:
                assert broker.proof(Problem.parse(heard.content).decision or "")
                break
            assert broker.wait() == KILLED
        with brokers.running(folder) as broker:
            recorded.append(require_refused_or_unheard(world, broker, asked))
        require_sound(folder)
    assert recorded == [False] * (len(recorded) - 1) + [True]
    assert len(recorded) >= 6


def require_refused_or_unheard(world: World, broker: Running, asked: Asked) -> bool:
    """A refusal that is on record has spent its challenge; one that is not has spent nothing."""
    recorded = bool(broker.rows("SELECT 1 FROM decision WHERE code = 'debug-enabled'"))
    other = Runner(world.guest(), asked.runner.module)
    body = other.request(asked.challenge)
    if recorded:
        assert broker.problem(body) == (401, "challenge-spent")
    else:
        assert other.open(broker.release(body), world)
    assert broker.problem(asked.body) == (422, "debug-enabled")
    return recorded


@dataclass
class Load:
    """Clients of a broker until it is gone, and what they did."""

    world: World
    module: SealedModule
    address: httpx.URL
    asked: list[Asked] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    first: threading.Event = field(default_factory=threading.Event)

    def start(self) -> list[threading.Thread]:
        tasks = [self._release] * CLIENTS + [self._watch]
        threads = [threading.Thread(target=self._until_gone, args=(task,)) for task in tasks]
        for thread in threads:
            thread.start()
        return threads

    def _until_gone(self, task: Callable[[Running], None]) -> None:
        with httpx.Client(base_url=self.address, trust_env=False, timeout=60) as http:
            broker = Running(0, http, Path(), str)
            try:
                while True:
                    task(broker)
            except httpx.TransportError:
                self.first.set()

    def _release(self, broker: Running) -> None:
        asked = broker.ask(Runner(self.world.guest(), self.module))
        self.asked.append(asked)
        asked.heard = broker.http.post("/v1/releases", content=asked.body)
        self.first.set()

    def _watch(self, broker: Running) -> None:
        self.heads.append(broker.http.get("/v1/audit/checkpoint").content)
        time.sleep(0.005)


def test_killed_at_any_moment_under_load(
    world: World, module: SealedModule, brokers: Brokers, copies: Iterator[Path]
) -> None:
    folder = next(copies)
    chance = random.Random(20261122)
    loads: list[Load] = []
    for _ in range(ROUNDS):
        with brokers.running(folder) as broker:
            if loads:
                require_all_kept(world, broker, loads[-1])
            load = Load(world, module, broker.http.base_url)
            loads.append(load)
            threads = load.start()
            load.first.wait(60)
            time.sleep(chance.uniform(*ROUND_SECONDS))
            broker.kill()
            assert broker.wait() == KILLED
            for thread in threads:
                thread.join()
    with brokers.running(folder) as broker:
        require_all_kept(world, broker, loads[-1])
    require_sound(folder)
    require_never_forgotten(world, folder, [head for load in loads for head in load.heads])
    asked = [one for load in loads for one in load.asked]
    assert query(folder, "SELECT count(*) FROM lease") == [(len(asked),)]
    assert sum(one.heard is not None for one in asked) > ROUNDS


def require_all_kept(world: World, broker: Running, load: Load) -> None:
    """Everything that was acknowledged is proved; everything else can be asked again, once."""
    for asked in load.asked:
        if asked.heard is None:
            require_released_once(world, broker, asked)
            continue
        assert asked.heard.status_code == 200, asked.heard.text
        document = asked.runner.verify(asked.heard.content, world).document
        proof = broker.proof(document.decision)
        verify_proof(proof, leaf=document.leaf, log_key=world.broker.log.log_key)
        assert broker.release(asked.body) == asked.heard.content
    require_spent(world, broker, load.asked[0])


def require_never_forgotten(world: World, folder: Path, heads: list[bytes]) -> None:
    """Every tree head that anybody was shown is a head of the log as it is now."""
    tree, roots = Frontier(), {}
    for (leaf,) in query(folder, "SELECT body FROM leaf ORDER BY position"):
        tree, _ = tree.append(leaf_hash(leaf))
        roots[tree.size] = tree.root
    assert heads
    for head in set(heads):
        checkpoint = verify_checkpoint(head, world.broker.log.log_key)
        assert roots[checkpoint.size] == checkpoint.root
