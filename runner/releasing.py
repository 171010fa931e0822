"""One broker that the owner named, and its release for one request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from keybroker.protocol import (
    ReleaseDocument,
    ReleaseResponse,
    unverified_identity,
    verify_descriptor,
)
from runner.asking import Asked
from runner.broker import Broker
from runner.errors import RunnerCode
from runner.fetching import SignedModule
from runner.genuine import GenuineRelease, verify_genuine
from runner.refusing import refused_as
from sealing.keys import VerifyingKey


@dataclass(frozen=True, slots=True)
class Released:
    """A genuine release for our request. The key in it is wrapped to the worker's key."""

    broker: Broker = field(repr=False)
    asked: Asked = field(repr=False)
    answer: bytes = field(repr=False)
    text: str = field(repr=False)
    genuine: GenuineRelease

    @property
    def identity(self) -> VerifyingKey:
        """Whose release it is."""
        return self.genuine.identity

    @property
    def document(self) -> ReleaseDocument:
        """What the broker says about it."""
        return self.genuine.document


def known_identity(broker: Broker, key_ids: Sequence[str]) -> VerifyingKey:
    """Return the identity key of a broker that proves to be one of `key_ids`.

    Raises `RunnerError`.
    """
    with refused_as(RunnerCode.BROKER_NOT_GENUINE):
        descriptor = broker.descriptor()
        claimed = unverified_identity(descriptor)
        # One that claims another identity is held against the first it should have.
        expected = claimed if claimed in key_ids else key_ids[0]
        return verify_descriptor(descriptor, identity=expected).identity_key()


def obtain_release(
    broker: Broker,
    asked: Asked,
    module: SignedModule,
    identity: VerifyingKey,
    now: Callable[[], datetime],
) -> Released:
    """Return the release that `identity` made for this request and this very module.

    Opening the key is left to the worker, which checks all of this again. Raises `RunnerError`.
    """
    answer = broker.release(asked.request)
    genuine = verify_genuine(
        answer,
        module.artifact,
        module.requested,
        identity=identity,
        request=asked.binding.digest(),
        now=now(),
    )
    with refused_as(RunnerCode.BROKER_NOT_GENUINE):
        text = ReleaseResponse.parse(answer, limit_bytes=len(answer)).release
    return Released(broker, asked, answer, text, genuine)
