"""What a registry may cost in time: as much as its bytes are worth, and a little patience."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sealing.errors import SealError, SealRefusal
from sealing.oci import limits
from sealing.oci.blob import Blob
from sealing.oci.registry.auth import RegistryAuthenticator
from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.pace import Pace, Patience
from sealing.oci.registry.settings import RegistrySettings
from tests.fakes.registry import FakeRegistry
from tests.fakes.registry_wire import Request, Response
from tests.unit.sealing.oci.conftest import FakeTime
from tests.unit.sealing.oci.samples import refusal

RATE = limits.EXCHANGE_BYTES_PER_SECOND
HALF_A_GIGABYTE = 512 << 20


@pytest.fixture
def patience() -> Patience:
    return Patience(1000.0)


@pytest.fixture
def pace(time: FakeTime, patience: Patience) -> Pace:
    return Pace(time.clock, seconds=60.0, size=HALF_A_GIGABYTE, patience=patience)


@pytest.fixture
def moves(pace: Pace, time: FakeTime) -> Callable[[float, int], None]:
    """Return what moves some bytes in some seconds."""

    def step(seconds: float, size: int) -> None:
        pace.stepping(lambda: time.sleep(seconds), lambda _: size)

    return step


Moves = Callable[[float, int], None]


class TestPace:
    def test_has_an_end_whatever_moves(self, pace: Pace, moves: Moves, time: FakeTime) -> None:
        while pace.left > 0:
            moves(1.0, 2 * RATE)
        assert time.now == 60 + HALF_A_GIGABYTE / RATE

    def test_of_bytes_that_drip(self, pace: Pace, moves: Moves, time: FakeTime) -> None:
        while pace.left > 0:
            moves(1.0, 1)
        assert 60 < time.now < 62

    def test_of_bytes_that_drip_after_many(self, pace: Pace, moves: Moves, time: FakeTime) -> None:
        moves(1.0, HALF_A_GIGABYTE // 2)
        while pace.left > 0:
            moves(1.0, 1)
        assert 60 < time.now < 63

    def test_of_a_slow_line(self, pace: Pace, moves: Moves, patience: Patience) -> None:
        for _ in range(500):
            moves(10.0, 10 * RATE)
        assert 0 < pace.left <= 60
        assert patience.left == 1000

    def test_after_a_pause_that_bytes_made_up_for(self, pace: Pace, moves: Moves) -> None:
        moves(59.0, 0)
        assert pace.left == 1
        moves(0.0, 59 * RATE)
        assert pace.left == 60

    def test_does_not_count_what_the_caller_does(
        self, pace: Pace, moves: Moves, time: FakeTime
    ) -> None:
        moves(1.0, RATE)
        time.sleep(600.0)
        assert pace.left == 60

    def test_counts_steps_that_fail(self, pace: Pace, time: FakeTime) -> None:
        def fails() -> None:
            time.sleep(59.0)
            raise TimeoutError

        with pytest.raises(TimeoutError):
            pace.stepping(fails, lambda _: 1)
        assert pace.left == 1

    @pytest.mark.parametrize(
        ("steps", "cost"),
        [
            ([(limits.ANSWER_SECONDS, 0)], 0),
            ([(limits.ANSWER_SECONDS + 1, 0)], 1),
            ([(30, 0), (10, 0)], 40 - limits.ANSWER_SECONDS),
            ([(30, 0), (0, 10 * RATE)], 20 - limits.ANSWER_SECONDS),
            ([(30, 0), (0, 100 * RATE)], 0),
            ([(0, 100 * RATE), (30, 0)], 0),
        ],
    )
    def test_costs_patience(
        self, moves: Moves, patience: Patience, steps: list[tuple[float, int]], cost: float
    ) -> None:
        for seconds, size in steps:
            moves(seconds, size)
        assert 1000 - patience.left == cost

    def test_ends_with_the_patience(self, pace: Pace, patience: Patience) -> None:
        patience.spend(999.0)
        assert pace.left == 1
        patience.spend(1.0)
        assert pace.left == 0


def pings(client: RegistryClient, before: Callable[[], object] = lambda: None) -> None:
    for _ in range(100):
        before()
        client.ping()


def test_a_registry_that_is_slow_each_time(
    client: RegistryClient, registry: FakeRegistry, time: FakeTime
) -> None:
    registry.on("GET", "/v2/", lambda _: time.sleep(30.0))
    with pytest.raises(SealError, match=f"registry-slow: GET {registry.host}/v2/: ") as caught:
        pings(client)
    assert caught.value.code is SealRefusal.REGISTRY_SLOW
    assert time.now < limits.PATIENCE_SECONDS + 60


def test_a_registry_that_is_busy_each_time(
    client: RegistryClient, registry: FakeRegistry, time: FakeTime
) -> None:
    def busy() -> None:
        registry.answers_429(retry_after="30", times=2)

    assert refusal(pings, client, busy) is SealRefusal.REGISTRY_SLOW
    assert time.now < limits.PATIENCE_SECONDS + 60


def test_a_registry_that_is_quick_each_time(
    client: RegistryClient, registry: FakeRegistry, time: FakeTime
) -> None:
    registry.on("GET", "/v2/", lambda _: time.sleep(limits.ANSWER_SECONDS))
    pings(client)
    assert time.now == 100 * limits.ANSWER_SECONDS


def test_a_registry_that_breaks_off_each_time(
    client: RegistryClient, registry: FakeRegistry, time: FakeTime
) -> None:
    """Each try carries the transfer further, so that it does not count, and takes its time."""
    blob = Blob.of(bytes(100 * limits.RESUME_BYTES))
    client.put_blob(blob)
    registry.breaks_off_after(limits.RESUME_BYTES)
    registry.on("GET", "/blobs/", lambda _: time.sleep(50.0))
    registry.behaviours.reverse()
    assert refusal(client.get_blob, blob.digest, blob.size) is SealRefusal.REGISTRY_SLOW
    assert time.now < limits.PATIENCE_SECONDS + 200


def test_token_servers_together(
    registry: FakeRegistry, settings: RegistrySettings, time: FakeTime
) -> None:
    def slow_token(_: Request) -> Response:
        time.sleep(30.0)
        return Response(200, b'{"token":"x","expires_in":0}')

    registry.on("GET", "/token", slow_token)
    asks = f'Bearer realm="http://{registry.host}/token"'
    refused = Response(401, headers={"WWW-Authenticate": asks})
    registry.behaviours.append(lambda one: None if "authorization" in one.headers else refused)
    login = RegistryAuthenticator(settings)
    with RegistryClient(registry.reference(), settings=settings, authenticator=login) as client:
        assert refusal(pings, client) is SealRefusal.REGISTRY_SLOW
    assert time.now < limits.PATIENCE_SECONDS + 60
