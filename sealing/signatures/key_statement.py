"""Key statements: an owner's key says which key comes after it.

Spec: docs/specs/owner-keys.md, sections K and C. A chain starts at a key that the reader trusts for
its own reasons and grows by one statement per rotation; there is one way through it or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self

from sealing import canonical, limits, names
from sealing.errors import SealError, SealRefusal
from sealing.keys import Signer, VerifyingKey
from sealing.signatures import dsse

KEY_STATEMENT_TYPE: Final = "application/vnd.sealwasm.owner-key.v1+json"
_MEMBERS: Final = (
    "v",
    "sequence",
    "previous",
    "old",
    "new",
    "created",
    "not-before",
    "old-not-after",
)
# Clocks of owners and readers are this far apart at most; more is a statement from the future.
_SKEW: Final = timedelta(minutes=5)


def broken(detail: str) -> SealError:
    """Return the error for statements that do not make one chain."""
    return SealError(SealRefusal.KEY_CHAIN, detail)


@dataclass(frozen=True, slots=True)
class KeyStatement:
    """What one key says about the next. True only as part of a chain that `follow` accepts."""

    sequence: int
    previous: str | None
    old: str
    new: VerifyingKey
    created: datetime
    not_before: datetime
    old_not_after: datetime | None

    def to_bytes(self) -> bytes:
        """Return the canonical JSON that is signed."""
        last = self.old_not_after
        return canonical.encode(
            {
                "v": 1,
                "sequence": self.sequence,
                "previous": self.previous,
                "old": self.old,
                "new": canonical.b64encode(self.new.spki),
                "created": names.format_time(self.created),
                "not-before": names.format_time(self.not_before),
                "old-not-after": None if last is None else names.format_time(last),
            }
        )

    @property
    def digest(self) -> str:
        """The digest of the canonical JSON: what the next statement calls `previous`."""
        return canonical.digest_of(self.to_bytes())

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the statement whose canonical form is `data`, or raise `SealError`."""
        what = "key statement"
        value = canonical.parse_canonical(data, limit_bytes=limits.KEY_STATEMENT_BYTES, what=what)
        value = canonical.members(value, _MEMBERS, what)
        canonical.whole(value["v"], f"{what} v", least=1, most=1)
        found = cls(
            sequence=canonical.whole(
                value["sequence"], "sequence", least=1, most=limits.KEY_STATEMENTS
            ),
            previous=_optional(value["previous"], canonical.parse_digest, "previous"),
            old=names.parse_key_id(value["old"], "old key"),
            new=VerifyingKey.from_spki(canonical.b64decode(value["new"], what="new key")),
            created=names.parse_time(value["created"], "created"),
            not_before=names.parse_time(value["not-before"], "not-before"),
            old_not_after=_optional(value["old-not-after"], names.parse_time, "old-not-after"),
        )
        found.require_sound()
        return found

    def require_sound(self) -> None:
        """Accept only what can be a part of some chain, or raise `SealError`."""
        if self.new.key_id == self.old:
            raise broken("a key names itself as the next one")
        if (self.sequence == 1) != (self.previous is None):
            raise broken("only the first statement has no previous one")
        if self.not_before < self.created:
            raise broken("the next key is given a past: not-before is before created")
        if self.old_not_after is not None and self.old_not_after < self.created:
            raise broken("the old key is denied its past: old-not-after is before created")


@dataclass(frozen=True, slots=True)
class KeyPeriod:
    """A key of one owner and when it is in force; None is without bound."""

    key: VerifyingKey
    not_before: datetime | None = None
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """The keys of one owner, oldest first, and the statement that named the last one."""

    periods: tuple[KeyPeriod, ...]
    last: KeyStatement | None = field(repr=False)

    @property
    def head(self) -> VerifyingKey:
        """The key that may name the next one."""
        return self.periods[-1].key


def sign_key_statement(
    chain: Chain,
    old: Signer,
    new: VerifyingKey,
    *,
    now: datetime,
    not_before: datetime | None = None,
    old_not_after: datetime | None = None,
) -> bytes:
    """Return the DSSE envelope in which `old`, the head of `chain`, names `new`.

    Raises `SealError` for what a reader of the chain would refuse.
    """
    last = chain.last
    statement = KeyStatement(
        sequence=1 if last is None else last.sequence + 1,
        previous=None if last is None else last.digest,
        old=old.key_id,
        new=new,
        created=now,
        not_before=not_before or now,
        old_not_after=old_not_after,
    )
    envelope = dsse.sign(KEY_STATEMENT_TYPE, statement.to_bytes(), [old])
    _next(chain, envelope, now)
    return envelope


def follow(root: KeyPeriod, envelopes: Sequence[bytes], *, now: datetime) -> Chain:
    """Return the chain from `root` through every one of `envelopes`, or raise `SealError`.

    They may come in any order. Each has its place: one that fits nowhere refuses all of them.
    """
    distinct = tuple(dict.fromkeys(envelopes))
    if len(distinct) > limits.KEY_STATEMENTS:
        detail = f"{len(distinct)} key statements, limit {limits.KEY_STATEMENTS}"
        raise SealError(SealRefusal.TOO_LARGE, detail)
    ordered = sorted(distinct, key=_sequence_of)
    chain = Chain((root,), None)
    for envelope in ordered:
        chain = _next(chain, envelope, now)
    return chain


def _sequence_of(envelope: bytes) -> int:
    """Return the place that an envelope claims; nothing of it is verified."""
    payload = dsse.unverified_payload(envelope, limit_bytes=limits.KEY_STATEMENT_BYTES)
    return KeyStatement.parse(payload).sequence


def _next(chain: Chain, envelope: bytes, now: datetime) -> Chain:
    """Return `chain` with one more key, or raise `SealError`."""
    # (1) Signed by the key that is the head here, and by no other.
    payload = dsse.verify(envelope, payload_type=KEY_STATEMENT_TYPE, keys=[chain.head])
    statement = KeyStatement.parse(payload)

    # (2) The one statement that can come next.
    place = 1 if chain.last is None else chain.last.sequence + 1
    if statement.sequence != place:
        raise broken(f"statement {statement.sequence} stands where {place} is expected")
    if statement.old != chain.head.key_id:
        raise broken("statement is not about the key that signed it")
    if statement.previous != (chain.last.digest if chain.last else None):
        raise broken("statement follows another one than it says")
    if any(period.key.key_id == statement.new.key_id for period in chain.periods):
        raise broken("a key comes back after it was followed by another")

    # (3) Made while the key that signed was in force.
    _require_time(chain.periods[-1], statement, now)
    *before, head = chain.periods
    ended = KeyPeriod(head.key, head.not_before, _earlier(head.not_after, statement.old_not_after))
    return Chain((*before, ended, KeyPeriod(statement.new, statement.not_before)), statement)


def _require_time(head: KeyPeriod, statement: KeyStatement, now: datetime) -> None:
    if statement.created > now + _SKEW:
        raise broken("statement was made in the future")
    if head.not_before is not None and statement.created < head.not_before:
        raise broken("statement was made before its key was in force")
    if head.not_after is not None and statement.created > head.not_after:
        detail = f"key {head.key.key_id[:16]} had expired when it named the next"
        raise SealError(SealRefusal.KEY_EXPIRED, detail)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    given = [time for time in (one, other) if time is not None]
    return min(given, default=None)


def _optional(value: Any, parse: Any, what: str) -> Any:
    return None if value is None else parse(value, what=what)
