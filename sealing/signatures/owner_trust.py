"""Whose signatures count: owners by name, their keys over time, and how many have to agree.

Spec: docs/specs/owner-keys.md, section T. Says nothing about a module: it turns a trust file into
keys for `verify_artifact`, and judges who signed by when they did.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from sealing import canonical, limits, names
from sealing.canonical import malformed
from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey
from sealing.signatures.key_statement import KeyPeriod, broken, follow

KIND: Final = "OwnerTrust"
VERSION: Final = "sealwasm/v1"
_OWNER: Final = ("name", "key", "not-after", "statements")
_TRUST: Final = ("apiVersion", "kind", "threshold", "owners", "revoked")


@dataclass(frozen=True, slots=True)
class TrustedOwner:
    """One owner: the key that the reader trusts, and what that key said about later ones."""

    name: str
    root: KeyPeriod
    statements: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """One key of one owner, and when it is in force."""

    owner: str
    period: KeyPeriod

    @property
    def key(self) -> VerifyingKey:
        """The key itself."""
        return self.period.key

    def counts_at(self, now: datetime) -> bool:
        """Return whether the key is in force at `now` or was before."""
        return self.period.not_before is None or self.period.not_before <= now

    def signs_at(self, created: datetime) -> bool:
        """Return whether what says it was made at `created` may be signed with this key."""
        return self.period.not_after is None or created <= self.period.not_after


@dataclass(frozen=True, slots=True)
class ResolvedTrust:
    """The keys that may verify something now."""

    trusted: tuple[TrustedKey, ...]
    threshold: int

    @property
    def keys(self) -> tuple[VerifyingKey, ...]:
        """What `verify_artifact` takes as `owners`."""
        return tuple(one.key for one in self.trusted)

    def require(
        self, signers: Sequence[VerifyingKey], *, owner: VerifyingKey, created: datetime
    ) -> tuple[str, ...]:
        """Return the names of the owners whose signatures count, or raise `SealError`.

        Two keys of one owner are one owner. `owner` is the key the statement names, which has to be
        one that counts.
        """
        given = {key.key_id for key in signers}
        by_us = [one for one in self.trusted if one.key.key_id in given]
        counting = [one for one in by_us if one.signs_at(created)]
        expired = [one for one in by_us if not one.signs_at(created)]
        found = tuple(dict.fromkeys(one.owner for one in counting))
        if any(one.key.key_id == owner.key_id for one in expired):
            detail = f"key {owner.key_id[:16]} had expired when it signed"
            raise SealError(SealRefusal.KEY_EXPIRED, detail)
        if all(one.key.key_id != owner.key_id for one in counting):
            detail = f"key {owner.key_id[:16]} of the statement is none that counts"
            raise SealError(SealRefusal.SIGNER_UNKNOWN, detail)
        self._require_enough(found, expired)
        return found

    def require_undated(
        self, signers: Sequence[VerifyingKey], *, now: datetime
    ) -> tuple[TrustedKey, ...]:
        """Return the keys that count for what says no time of its own, or raise `SealError`.

        An expired key counts for nothing there: anything it signs later looks the same.
        """
        given = {key.key_id for key in signers}
        by_us = [one for one in self.trusted if one.key.key_id in given]
        counting = tuple(one for one in by_us if one.signs_at(now))
        expired = [one for one in by_us if not one.signs_at(now)]
        if expired and not counting:
            detail = (
                f"key {expired[0].key.key_id[:16]} has expired, and nothing says when it signed"
            )
            raise SealError(SealRefusal.KEY_EXPIRED, detail)
        self._require_enough({one.owner for one in counting}, expired)
        return counting

    def _require_enough(self, owners: Collection[str], expired: Collection[TrustedKey]) -> None:
        if len(owners) < self.threshold:
            late = f", {len(expired)} expired" if expired else ""
            detail = f"signed by {len(owners)} owners{late}, expected {self.threshold}"
            raise SealError(SealRefusal.SIGNATURE_MISSING, detail)


@dataclass(frozen=True, slots=True)
class OwnerTrust:
    """A reader's own decision about whose modules it takes."""

    owners: tuple[TrustedOwner, ...]
    threshold: int = 1
    revoked: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        keys: Sequence[VerifyingKey],
        *,
        threshold: int = 1,
        statements: Sequence[bytes] = (),
    ) -> Self:
        """Return trust in bare keys, each an owner; statements go to the key that they grow from.

        Raises `SealError` for a threshold that these keys cannot meet.
        """
        distinct = {key.key_id: key for key in keys}
        found = tuple(TrustedOwner(key_id[:16], KeyPeriod(key)) for key_id, key in distinct.items())
        if statements and len(found) != 1:
            raise malformed("owner keys", "key statements without a trust file need one owner key")
        if statements:
            found = (TrustedOwner(found[0].name, found[0].root, tuple(statements)),)
        return cls(found, _threshold(threshold, len(found)))

    @classmethod
    def from_document(cls, value: Any, *, read: Callable[[str], bytes]) -> Self:
        """Return the trust in a document; `read` gives the files that it names.

        Raises `SealError`, and what `read` raises.
        """
        what = "owner trust"
        found = _known(value, _TRUST, ("apiVersion", "kind", "owners"), what)
        if (found["apiVersion"], found["kind"]) != (VERSION, KIND):
            raise malformed(what, f"expected {KIND} of {VERSION}")
        listed = _listed(found["owners"], "owners", limits.OWNERS)
        owners = tuple(_owner(entry, read) for entry in listed)
        if not owners:
            raise malformed(what, "names no owner")
        if len({one.name for one in owners}) != len(owners):
            raise malformed(what, "names an owner twice")
        revoked = _listed(found.get("revoked", ()), "revoked", limits.REVOKED_KEYS)
        return cls(
            owners,
            _threshold(found.get("threshold", 1), len(owners)),
            frozenset(names.parse_key_id(key_id, "revoked key") for key_id in revoked),
        )

    def resolve(self, now: datetime) -> ResolvedTrust:
        """Return the keys that count at `now`, or raise `SealError` for a chain that is none."""
        found = [one for owner in self.owners for one in self._keys_of(owner, now)]
        # Those that are not in force yet too: an owner and its own next key are not two owners.
        if len({one.key.key_id for one in found}) != len(found):
            raise broken("two owners have the same key")
        return ResolvedTrust(tuple(one for one in found if one.counts_at(now)), self.threshold)

    def _keys_of(self, owner: TrustedOwner, now: datetime) -> Iterator[TrustedKey]:
        """Give the keys of an owner up to the first revoked one."""
        for period in follow(owner.root, owner.statements, now=now).periods:
            if period.key.key_id in self.revoked:
                # Whoever holds a revoked key may have named the ones after it.
                return
            yield TrustedKey(owner.name, period)


def _owner(value: Any, read: Callable[[str], bytes]) -> TrustedOwner:
    what = "trusted owner"
    found = _known(value, _OWNER, ("name", "key"), what)
    statements = _listed(found.get("statements", ()), "statements", limits.KEY_STATEMENTS)
    return TrustedOwner(
        names.parse_name(found["name"], "name of an owner"),
        KeyPeriod(
            VerifyingKey.from_pem(read(canonical.text(found["key"], "key of an owner"))),
            # A member that is there and says nothing is refused: it was meant to end something.
            not_after=names.parse_time(found["not-after"], "not-after")
            if "not-after" in found
            else None,
        ),
        tuple(read(canonical.text(name, "name of a key statement")) for name in statements),
    )


def _threshold(value: Any, owners: int) -> int:
    return canonical.whole(value, "threshold", least=1, most=max(owners, 1))


def _listed(value: Any, what: str, most: int) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise malformed(what, "not a list")
    if len(value) > most:
        raise SealError(SealRefusal.TOO_LARGE, f"{what}: {len(value)} of at most {most}")
    return value


def _known(value: Any, names_: Sequence[str], needed: Sequence[str], what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise malformed(what, "not an object")
    return canonical.members(
        value, [name for name in names_ if name in value or name in needed], what
    )
