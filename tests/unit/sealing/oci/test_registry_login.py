"""One answer for what several transfers of one client need at the same time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from sealing.errors import SealRefusal
from sealing.oci.reference import RegistryReference
from sealing.oci.registry.login import RegistryLogin
from sealing.oci.registry.settings import Authorization, RegistrySettings
from tests.unit.sealing.oci.conftest import FakeTime
from tests.unit.sealing.oci.samples import refusal

REFERENCE = RegistryReference(registry="registry.example.com", repository="acme/scoring")


class Counting:
    """An `Authenticator` that gives another value each time, or nothing."""

    def __init__(self, seconds: float | None = None) -> None:
        self.given = 0
        self.seconds = seconds
        self.empty = False

    def answer(
        self, challenges: Sequence[str], *, registry: str, repository: str, scope: str
    ) -> Authorization | None:
        assert (list(challenges), registry, repository) == (
            ["Basic"], REFERENCE.registry, REFERENCE.repository,
        )  # fmt: skip
        self.given += 1
        return None if self.empty else Authorization(f"{scope} {self.given}", self.seconds)


@pytest.fixture
def source() -> Counting:
    return Counting(seconds=100)


@pytest.fixture
def login(source: Counting, settings: RegistrySettings) -> RegistryLogin:
    return RegistryLogin(REFERENCE, settings, source)


def test_nothing_is_sent_unasked(login: RegistryLogin, source: Counting) -> None:
    assert login.current("pull") is None
    assert source.given == 0


def test_scopes_are_kept_apart(login: RegistryLogin) -> None:
    assert login.answer("pull", ["Basic"], refused=None) == "pull 1"
    assert login.current("push") is None
    assert login.answer("push", ["Basic"], refused=None) == "push 2"
    assert (login.current("pull"), login.current("push")) == ("pull 1", "push 2")


def test_many_that_are_refused_at_once_ask_once(login: RegistryLogin, source: Counting) -> None:
    count = 8
    barrier = threading.Barrier(count)

    def refused(value: str | None) -> str:
        barrier.wait()
        return login.answer("pull", ["Basic"], refused=value)

    with ThreadPoolExecutor(count) as pool:
        assert set(pool.map(refused, [None] * count)) == {"pull 1"}
        assert set(pool.map(refused, ["pull 1"] * count)) == {"pull 2"}
    assert source.given == 2


def test_renewed_when_its_time_is_over(
    login: RegistryLogin, source: Counting, time: FakeTime
) -> None:
    login.answer("pull", ["Basic"], refused=None)
    time.now += 99
    assert login.current("pull") == "pull 1"
    time.now += 1
    assert login.current("pull") == "pull 2"
    time.now += 99
    assert login.current("pull") == "pull 2"
    source.empty = True
    time.now += 1
    assert refusal(login.current, "pull") is SealRefusal.UNAUTHORIZED
    assert login.current("pull") is None


def test_without_time_it_is_kept(settings: RegistrySettings, time: FakeTime) -> None:
    login = RegistryLogin(REFERENCE, replace(settings), Counting())
    login.answer("pull", ["Basic"], refused=None)
    time.now += 1e9
    assert login.current("pull") == "pull 1"


def test_what_was_refused_is_forgotten_and_what_came_since_is_not(login: RegistryLogin) -> None:
    old = login.answer("pull", ["Basic"], refused=None)
    new = login.answer("pull", ["Basic"], refused=old)
    login.forget("pull", old)
    assert login.current("pull") == new
    login.forget("pull", new)
    login.forget("pull", new)
    assert login.current("pull") is None
