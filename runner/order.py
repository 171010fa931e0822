"""What a run is given: the order, the world outside this process, and what comes back."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from attestation.attesters import Attester
from keybroker.protocol import ReleaseDocument
from policies.models import Guardrails
from runner import exit_codes
from runner.broker import Broker
from runner.errors import RunnerError
from runner.inputs import Inputs, Offer
from runner.passed_over import PassedOver
from runner.supervise import Clock, Ended, Sinks
from runner.worker.lockdown import Part
from runner.worker.process import WorkerProcess
from sealing.keys import VerifyingKey
from sealing.oci.reference import Reference
from sealing.oci.store import ArtifactStore
from sealing.signatures.owner_trust import ResolvedTrust


@dataclass(frozen=True, slots=True)
class Terms:
    """What this node allows and insists on, whoever's module it is."""

    guardrails: tuple[Guardrails, ...] = ()
    required: frozenset[Part] = frozenset()


@dataclass(frozen=True, slots=True)
class Order:
    """Which sealed module to run, whose signatures make it that module, and with what.

    `owner_threshold` of `owners` have to have signed it. `trust` says more of them, where it is
    given: which keys are of one owner, and until when what they sign counts.
    """

    reference: Reference
    owners: tuple[VerifyingKey, ...]
    offer: Offer = field(default_factory=Offer)
    terms: Terms = field(default_factory=Terms)
    owner_threshold: int = 1
    trust: ResolvedTrust | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a guest runs: the clock, where its output goes, and how a worker is made."""

    clock: Clock
    sinks: Sinks
    spawn: Callable[[], WorkerProcess] = WorkerProcess.spawn


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside this process that a sealed run talks to.

    `brokers` are asked in their order. `attester` is called for each: the key of a TPM counts with
    the broker that certified it, and with no other.
    """

    store: ArtifactStore
    brokers: tuple[Broker, ...]
    attester: Callable[[Broker], Attester]
    entropy: Callable[[int], bytes] = field(default=secrets.token_bytes, repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended. `receipt` is there for every sealed module, `decisions` its releases."""

    ended: Ended
    receipt: bytes | None = field(default=None, repr=False)
    decisions: tuple[str, ...] = ()
    simulated: bool = False
    # Brokers that were asked and of no use: what they released, if anything, is not in the receipt.
    passed_over: tuple[PassedOver, ...] = ()
    # Per folder: what was changed on the host, and what of the host the guest did not get.
    written_back: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    milliseconds: Mapping[str, int] = field(default_factory=dict)
    # The guest ran, and afterwards this went wrong. Must be shown; the exit code says it too.
    failure: RunnerError | None = None

    @classmethod
    def of(cls, ended: Ended, inputs: Inputs, milliseconds: Mapping[str, int]) -> Self:
        """Return the report of a run that has ended, with the worker's own times added."""
        return cls(
            ended,
            left_out={mount: tree.left_out for mount, tree in inputs.trees.items()},
            milliseconds={**milliseconds, **ended.locked.milliseconds},
        )

    def with_receipt(
        self,
        receipt: bytes,
        releases: Sequence[ReleaseDocument],
        passed_over: Sequence[PassedOver],
    ) -> Self:
        """Return this report of a run that `releases` allowed, and the brokers `passed_over`."""
        return replace(
            self,
            receipt=receipt,
            decisions=tuple(release.decision for release in releases),
            passed_over=tuple(passed_over),
            simulated=any(release.simulated for release in releases),
        )

    @property
    def exit_code(self) -> int:
        """What the process should exit with: the guest's own code, or one of ours."""
        if self.failure is not None:
            return exit_codes.of_error(self.failure.code)
        return exit_codes.of_ending(self.ended.ending, self.ended.exit_code)
