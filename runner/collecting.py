"""As many releases as a module's key takes: from the brokers that the owner named, one by one.

A broker that is down, denies or lies is passed over while enough others are left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from keybroker.protocol import ReleaseDocument, RunnerKey
from policies.models import CapabilityPolicy
from policies.narrowest import narrowest
from runner.asking import make_request
from runner.broker import Broker
from runner.errors import RunnerCode, RunnerError
from runner.fetching import SignedModule
from runner.order import World
from runner.refusing import refused_as
from runner.releasing import Released, known_identity, obtain_release
from runner.stopwatch import Stopwatch
from sealing.keys import VerifyingKey


@dataclass(frozen=True, slots=True)
class Collected:
    """Releases by different brokers for one run: one of a whole key, or enough of its shares."""

    releases: tuple[Released, ...]

    @property
    def documents(self) -> tuple[ReleaseDocument, ...]:
        """What each broker says about its release."""
        return tuple(released.document for released in self.releases)

    @property
    def lease_ends(self) -> datetime:
        """When the key must be gone: with the first lease that ends."""
        return min(released.lease_ends for released in self.releases)

    def grant(self) -> CapabilityPolicy:
        """Return what every one of the brokers allows. Raises `RunnerError`."""
        with refused_as(RunnerCode.BROKER_NOT_GENUINE):
            return narrowest([released.grant for released in self.releases])


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A broker that released nothing, and why. `identity` is empty if it did not prove any."""

    broker: str
    identity: str
    error: RunnerError

    def __str__(self) -> str:
        who = f"{self.broker} ({self.identity})" if self.identity else self.broker
        return f"{who}: {self.error.reason or self.error.code}"


@dataclass(slots=True)
class Collector:
    """Asks brokers for releases to one worker, and remembers who gave one."""

    world: World
    module: SignedModule
    runner_key: RunnerKey
    receipt_key: VerifyingKey
    now: Callable[[], datetime]
    watch: Stopwatch
    releases: list[Released] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)

    def collect(self) -> Collected:
        """Return as many releases as the key takes. Raises `RunnerError` naming who is missing."""
        needed = self.module.statement.threshold
        for broker in self.world.brokers:
            if len(self.releases) < needed:
                self._ask(broker)
        if len(self.releases) < needed:
            raise self._too_few(needed)
        return Collected(tuple(self.releases))

    def _ask(self, broker: Broker) -> None:
        identity: VerifyingKey | None = None
        try:
            # Is it one that the owner named, and none that we have asked already?
            identity = known_identity(broker, self.module.statement.brokers)
            _require_other(identity, self.releases)

            # Its own challenge, and evidence over the whole request.
            asked = make_request(
                self.world,
                broker,
                self.module,
                runner_key=self.runner_key,
                receipt_key=self.receipt_key,
            )
            self.watch.lap("attest")

            # Its release: for this request, never wider than the owner asked.
            released = obtain_release(broker, asked, self.module, identity, self.now)
            _require_agreement(released, self.releases)
            self.watch.lap("release")
        except RunnerError as error:
            named = identity.key_id if identity else ""
            self.passed_over.append(PassedOver(broker.base, named, error))
        else:
            self.releases.append(released)

    def _too_few(self, needed: int) -> RunnerError:
        if needed == 1 and len(self.passed_over) == 1:
            return self.passed_over[0].error
        heard = {one.identity.key_id for one in self.releases}
        heard |= {one.identity for one in self.passed_over}
        silent = [one for one in self.module.statement.brokers if one not in heard]
        told = [str(one) for one in self.passed_over]
        if silent:
            told.append(f"nothing was heard of {', '.join(silent)}")
        detail = f"{len(self.releases)} of {needed} brokers released; {'; '.join(told)}"
        remedy = "name more of the owner's brokers: --broker URL, once for each"
        return RunnerError(RunnerCode.BROKERS_MISSING, detail, remedy)


def _require_other(identity: VerifyingKey, releases: Sequence[Released]) -> None:
    if any(released.identity.key_id == identity.key_id for released in releases):
        detail = f"broker {identity.key_id} has released already, at another address"
        raise RunnerError(RunnerCode.BROKER_REPEATED, detail)


def _require_agreement(released: Released, releases: Sequence[Released]) -> None:
    """Accept a broker that says of our TEE what the others said, or raise `RunnerError`.

    A receipt says it once, so a run with brokers of two minds could have none.
    """
    said = released.document.simulated
    if any(each.document.simulated != said for each in releases):
        detail = (
            f"it says the evidence is {'' if said else 'not '}simulated, another says otherwise"
        )
        raise RunnerError(RunnerCode.BROKER_NOT_GENUINE, detail)
