"""A registry that misbehaves on demand, and a client that never really waits."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from sealing.oci.registry.client import RegistryClient
from sealing.oci.registry.settings import RegistrySettings
from tests.fakes.registry import FakeRegistry, running


@dataclass
class FakeTime:
    """A clock that moves when somebody sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@pytest.fixture
def settings(time: FakeTime, tls: ssl.SSLContext) -> RegistrySettings:
    return RegistrySettings(
        sleep=time.sleep, clock=time.clock, jitter=lambda: 1.0, silence_seconds=5, tls=tls
    )


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with running(FakeRegistry()) as registry:
        yield registry


@pytest.fixture
def client(registry: FakeRegistry, settings: RegistrySettings) -> Iterator[RegistryClient]:
    with RegistryClient(registry.reference(), settings=settings) as client:
        yield client
