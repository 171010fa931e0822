"""As many releases as a module's key takes: from the brokers that the owner named, one by one.

A broker that is down, denies or lies is passed over while enough others are left: one that lies is
no worse than one that is down.
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
from runner.fetching import SignedModule, require_runnable
from runner.genuine import require_lasting
from runner.grants import within
from runner.order import Order, World
from runner.passed_over import PassedOver
from runner.refusing import refused_as
from runner.releasing import Released, known_identity, obtain_release
from runner.stopwatch import Stopwatch
from runner.worker.limits import MAX_RELEASES
from sealing.keys import VerifyingKey


@dataclass(frozen=True, slots=True)
class Collected:
    """Releases by different brokers for one run: one of a whole key, or enough of its shares."""

    releases: tuple[Released, ...]
    # What the run may do: what every one of the brokers allows, within this node's guardrails.
    grant: CapabilityPolicy
    passed_over: tuple[PassedOver, ...] = ()

    @property
    def documents(self) -> tuple[ReleaseDocument, ...]:
        """What each broker says about its release."""
        return tuple(released.document for released in self.releases)

    @property
    def lease_ends(self) -> datetime:
        """When the key must be gone: with the first lease that ends."""
        return min(released.genuine.lease_ends for released in self.releases)


@dataclass(slots=True)
class Group:
    """Releases that go together: by brokers of one mind, whose grants have one inside all."""

    releases: list[Released]
    grant: CapabilityPolicy
    # Why its first release did not go together with others, for the case that those are used.
    apart: RunnerError


@dataclass(slots=True)
class Collector:
    """Asks brokers for releases to one worker, and remembers who gave one that holds.

    `judge` is the worker's word on what was wrapped: None, or what is wrong with it.
    """

    world: World
    order: Order
    module: SignedModule
    runner_key: RunnerKey
    receipt_key: VerifyingKey
    judge: Callable[[Released], RunnerError | None]
    now: Callable[[], datetime]
    watch: Stopwatch
    passed_over: list[PassedOver] = field(default_factory=list)
    _groups: list[Group] = field(default_factory=list)
    _kept: set[str] = field(default_factory=set)
    _judged: int = 0

    def collect(self) -> Collected:
        """Return as many releases as the key takes. Raises `RunnerError` naming who is missing."""
        needed = self.module.statement.threshold
        for broker in self.world.brokers:
            if self._judged < MAX_RELEASES:
                self._ask(broker)
            self._drop_ended()
            for group in self._groups:
                if len(group.releases) == needed:
                    self._pass_over_others(group)
                    return Collected(tuple(group.releases), group.grant, tuple(self.passed_over))
        raise self._too_few(needed)

    def _ask(self, broker: Broker) -> None:
        identity: VerifyingKey | None = None
        try:
            # Is it one that the owner named, and none that has released already?
            identity = known_identity(broker, self.module.statement.brokers)
            self._require_other(identity)

            # Its own challenge, and evidence over the whole request.
            asked = make_request(
                self.world,
                broker,
                self.module,
                runner_key=self.runner_key,
                receipt_key=self.receipt_key,
            )
            self.watch.lap("attest")

            # Its release: for this request, never wider than the owner asked, enough to run with.
            released = obtain_release(broker, asked, self.module, identity, self.now)
            alone = self._group([released])
        except RunnerError as error:
            self._pass_over(broker, identity.key_id if identity else "", error)
            return

        # Is what it wrapped the key or the share that the owner sealed for it?
        self._judged += 1
        refusal = self.judge(released)
        self.watch.lap("release")
        if refusal is not None:
            self._pass_over(broker, identity.key_id, refusal)
        else:
            self._kept.add(identity.key_id)
            self._add(alone)

    def _require_other(self, identity: VerifyingKey) -> None:
        # Only what holds uses up a broker's turn: what is wrapped is not signed, so whoever stands
        # between us could pass its answer on with another key in it.
        if identity.key_id in self._kept:
            detail = f"broker {identity.key_id} has released already, at another address"
            raise RunnerError(RunnerCode.BROKER_REPEATED, detail)

    def _add(self, alone: Group) -> None:
        """Put a release to those that it goes together with, or keep it apart."""
        for at, group in enumerate(self._groups):
            try:
                self._groups[at] = self._group([*group.releases, *alone.releases], group.apart)
            except RunnerError as error:
                alone.apart = error
            else:
                return
        self._groups.append(alone)

    def _group(self, releases: list[Released], apart: RunnerError | None = None) -> Group:
        """Return `releases` as a group that this order can be run with. Raises `RunnerError`."""
        _require_agreement(releases)
        with refused_as(RunnerCode.BROKER_NOT_GENUINE):
            allowed = narrowest([released.genuine.grant for released in releases])
        grant = within(allowed, self.order.terms.guardrails)
        require_runnable(self.module, grant, self.order.offer)
        return Group(releases, grant, apart or _not_genuine("other brokers say otherwise"))

    def _drop_ended(self) -> None:
        """Pass over brokers whose leases ended while others were asked."""
        for group in self._groups:
            for released in tuple(group.releases):
                try:
                    require_lasting(released.genuine, self.now())
                except RunnerError as error:
                    group.releases.remove(released)
                    self._pass_over(released.broker, released.identity.key_id, error)

    def _pass_over(self, broker: Broker, identity: str, error: RunnerError) -> None:
        self.passed_over.append(PassedOver(broker.base, identity, error))

    def _pass_over_others(self, used: Group) -> None:
        for group in self._groups:
            for released in group.releases if group is not used else ():
                self._pass_over(released.broker, released.identity.key_id, group.apart)

    def _too_few(self, needed: int) -> RunnerError:
        if needed == 1 and len(self.passed_over) == 1:
            return self.passed_over[0].error
        count = 0
        if self._groups:
            largest = max(self._groups, key=lambda group: len(group.releases))
            self._pass_over_others(largest)
            count = len(largest.releases)
        told = [str(one) for one in self.passed_over]
        heard = self._kept | {one.identity for one in self.passed_over}
        silent = [one for one in self.module.statement.brokers if one not in heard]
        if silent:
            told.append(f"nothing was heard of {', '.join(silent)}")
        detail = f"{count} of {needed} brokers released; {'; '.join(told)}"
        remedy = "name more of the owner's brokers: --broker URL, once for each"
        return RunnerError(RunnerCode.BROKERS_MISSING, detail, remedy)


def _require_agreement(releases: Sequence[Released]) -> None:
    """Accept brokers that say the same of our TEE, or raise `RunnerError`.

    A receipt says it once, so a run with brokers of two minds could have none.
    """
    said = releases[-1].document.simulated
    if any(each.document.simulated != said for each in releases):
        raise _not_genuine(
            f"it says the evidence is {'' if said else 'not '}simulated, another says otherwise"
        )


def _not_genuine(detail: str) -> RunnerError:
    return RunnerError(RunnerCode.BROKER_NOT_GENUINE, detail)
