"""For which brokers a module is sealed: as options or context name them, each pinned by its id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sealwasm.failure import CliError, Kind

if TYPE_CHECKING:
    from keybroker.protocol import Descriptor
    from sealing.holders.recipients import Recipients
    from sealing.hpke import SealingKey


@dataclass(frozen=True, slots=True)
class BrokerAt:
    """A broker at an address, and the key id it must have, if that is known."""

    url: str
    identity: str | None


@dataclass(frozen=True, slots=True)
class ChosenBrokers:
    """Whom a module is sealed for: each of `brokers`, or `threshold` together if it is above 1."""

    brokers: tuple[BrokerAt, ...]
    threshold: int = 1

    @classmethod
    def of(cls, urls: Sequence[str], identities: Sequence[str | None], threshold: int) -> Self:
        """Return the brokers that options name. Raises `CliError` where they do not fit."""
        if identities and len(identities) != len(urls):
            raise CliError(
                Kind.USAGE,
                "usage",
                f"{len(urls)} --broker and {len(identities)} --broker-identity are given",
                why="each identity belongs to the broker in its place",
                next_step="--broker-identity once for each --broker, in their order",
            )
        if len(set(urls)) != len(urls):
            raise CliError(Kind.USAGE, "usage", "one broker is named twice", next_step="drop one")
        if threshold > len(urls):
            raise CliError(
                Kind.USAGE,
                "usage",
                f"{threshold} brokers would be needed and {len(urls)} named",
                next_step="--broker URL once for each, or a lower --threshold",
            )
        pins = identities or [None] * len(urls)
        return cls(tuple(map(BrokerAt, urls, (pin or None for pin in pins))), threshold)

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> Self:
        """Return what `sealing_brokers_options` gave, which is taken out of `given`."""
        return cls.of(given.pop("brokers"), given.pop("identities"), given.pop("threshold"))

    @property
    def identities(self) -> tuple[str | None, ...]:
        """The pinned key ids, in the order of the brokers."""
        return tuple(broker.identity for broker in self.brokers)

    def pinned(self) -> Self:
        """Return them with the identity of each written down: given, or of who answers here."""
        from sealwasm.owner.pinning import broker_identity

        found = (BrokerAt(one.url, broker_identity(one.url, one.identity)) for one in self.brokers)
        return type(self)(tuple(found), self.threshold)

    def recipients(self, suite: str) -> Recipients:
        """Ask each broker for its key of `suite`. Raises `CliError` and `SealError`."""
        from sealing.holders.recipients import BrokerRecipient, Recipients
        from sealwasm.broker_api import fetch_descriptor

        found = [fetch_descriptor(one.url, one.identity) for one in self.brokers]
        return Recipients(
            tuple(
                BrokerRecipient(one.identity_key().key_id, sealing_key_of(one, suite))
                for one in found
            ),
            self.threshold,
        )


def sealing_key_of(descriptor: Descriptor, suite: str) -> SealingKey:
    """Return the broker's key for `suite`. There is no falling back to a weaker one."""
    for described in descriptor.sealing_keys:
        if described.suite == suite:
            return described.sealing_key()
    raise CliError(
        Kind.NOT_FOUND,
        "suite-not-offered",
        f"the broker has no sealing key for {suite}",
        why=f"it has: {', '.join(described.suite for described in descriptor.sealing_keys)}",
        next_step="--suite NAME, if a weaker one is good enough for as long as the module lives",
    )
