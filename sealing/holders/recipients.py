"""For whom a content key is sealed: brokers, and the owner's own key for the day they are gone."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from sealing import limits, names
from sealing.envelope import Envelope, EnvelopeContext, ShareHeader, seal_envelope
from sealing.errors import SealError, SealRefusal
from sealing.holders.outside import OutsideRecipients
from sealing.holders.shamir import Share, split
from sealing.hpke import SealingKey
from sealing.ocicrypt import PrivateOptions

# The kinds of holders, as the owner's statement lists them.
BROKER: Final = "broker"
RECOVERY: Final = "recovery"


@dataclass(frozen=True, slots=True)
class BrokerRecipient:
    """One broker: who it is, and the key it opens envelopes with."""

    identity: str
    key: SealingKey


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who will be able to release or recover a key.

    Each of `brokers` alone with threshold 1, else as many of them together as it says.
    """

    brokers: tuple[BrokerRecipient, ...]
    threshold: int = 1
    recovery: tuple[SealingKey, ...] = ()
    outside: OutsideRecipients = field(default_factory=OutsideRecipients)

    def __post_init__(self) -> None:
        """Refuse what no reader would take. Raises `SealError`."""
        count = len(self.brokers) + len(self.recovery) + len(self.outside)
        if not self.brokers or count > limits.ENVELOPES:
            detail = f"{len(self.brokers)} brokers and {len(self.recovery)} recovery keys"
            raise SealError(SealRefusal.ENVELOPE_COUNT, detail)
        for broker in self.brokers:
            names.parse_key_id(broker.identity, "broker identity")
        if not 1 <= self.threshold <= len(self.brokers):
            detail = f"{self.threshold} of {len(self.brokers)} brokers"
            raise SealError(SealRefusal.SHARE_THRESHOLD, detail)
        if self.is_split:
            self._require_apart()

    def _require_apart(self) -> None:
        """Accept a split in which nobody gets two envelopes, or the whole key past all brokers."""
        if len({broker.identity for broker in self.brokers}) != len(self.brokers):
            raise SealError(SealRefusal.ENVELOPE_REPEATED, "one broker would have two shares")
        keys = [*(broker.key.key_id for broker in self.brokers), *(k.key_id for k in self.recovery)]
        if len(set(keys)) != len(keys):
            raise SealError(SealRefusal.ENVELOPE_REPEATED, "one key would open two envelopes")
        if self.outside:
            raise SealError(SealRefusal.SHARE_SET, "a whole key would lie beside the shares")

    @property
    def is_split(self) -> bool:
        """Whether no broker gets the whole key."""
        return self.threshold > 1

    @classmethod
    def one(cls, identity: str, key: SealingKey) -> Self:
        """Return the usual case: one broker, and nobody else."""
        return cls((BrokerRecipient(identity, key),))

    def seal(
        self,
        options: PrivateOptions,
        context: EnvelopeContext,
        *,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> tuple[Envelope, ...]:
        """Return an envelope for each, brokers first. Raises `SealError`.

        The recovery key opens the whole key also where brokers have shares of it.
        """
        secret = options.to_json()
        if self.is_split:
            brokers = self._seal_shares(options, context, entropy)
        else:
            brokers = [
                seal_envelope(secret, broker=each.identity, key=each.key, context=context)
                for each in self.brokers
            ]
        recovery = [
            seal_envelope(secret, broker=None, key=key, context=context) for key in self.recovery
        ]
        return (*brokers, *recovery)

    def _seal_shares(
        self,
        options: PrivateOptions,
        context: EnvelopeContext,
        entropy: Callable[[int], bytes],
    ) -> list[Envelope]:
        of = len(self.brokers)
        shares = split(options, threshold=self.threshold, of=of, entropy=entropy)
        return [
            seal_envelope(
                share.to_bytes(),
                broker=each.identity,
                key=each.key,
                context=context,
                share=self._header_of(share),
            )
            for each, share in zip(self.brokers, shares, strict=True)
        ]

    def _header_of(self, share: Share) -> ShareHeader:
        of = len(self.brokers)
        return ShareHeader(share.set, share.index, self.threshold, of, share.commitment)


def require_one_scheme(envelopes: Sequence[Envelope], *, outside: int = 0) -> None:
    """Accept envelopes that open in one way only, or raise `SealError`.

    Either every broker has the whole key, or each has another share of the same split: a whole key
    beside shares, in an envelope or in one of the `outside` entries, would make the split a show.
    """
    if len(envelopes) + outside > limits.ENVELOPES:
        detail = f"{len(envelopes)} envelopes and {outside} others, limit {limits.ENVELOPES}"
        raise SealError(SealRefusal.ENVELOPE_COUNT, detail)
    brokers = [envelope for envelope in envelopes if not envelope.is_recovery]
    if not brokers:
        raise SealError(SealRefusal.ENVELOPE_COUNT, "no envelope is for a broker")
    if len({(each.broker, each.key) for each in envelopes}) != len(envelopes):
        raise SealError(SealRefusal.ENVELOPE_REPEATED, "two envelopes are for the same key")
    shares = [envelope.share for envelope in brokers if envelope.share is not None]
    if not shares:
        return
    if len(shares) != len(brokers) or outside:
        raise SealError(SealRefusal.SHARE_SET, "whole keys lie beside shares")
    _require_one_split(shares)
    if len({envelope.broker for envelope in brokers}) != len(brokers):
        raise SealError(SealRefusal.ENVELOPE_REPEATED, "one broker has two shares")
    # Whoever holds a key opens all that is sealed to it, under whatever name.
    if len({envelope.key for envelope in envelopes}) != len(envelopes):
        raise SealError(SealRefusal.ENVELOPE_REPEATED, "one key opens two envelopes of a split")


def _require_one_split(shares: Sequence[ShareHeader]) -> None:
    if len({(share.set, share.threshold, share.of) for share in shares}) != 1:
        raise SealError(SealRefusal.SHARE_SET, "shares are of more than one split")
    if sorted(share.index for share in shares) != list(range(1, shares[0].of + 1)):
        raise SealError(SealRefusal.SHARE_SET, f"not one share of each of {shares[0].of}")
