"""Whether the entries of an index are one module: sealed apart, by one owner, in one act.

An index has no signature of its own, so whoever may write to a registry can put entries together
that their owner signed for different versions, policies or holders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sealing.envelope import Envelope
from sealing.errors import SealError, SealRefusal
from sealing.manifest import SealedManifest
from sealing.names import format_time
from sealing.unseal import VerifiedArtifact

_SAME: Final[Mapping[str, Callable[[VerifiedArtifact], Any]]] = {
    "module": lambda one: one.statement.module,
    "version": lambda one: one.statement.version,
    "owner": lambda one: one.statement.owner,
    "release policy": lambda one: one.statement.policy,
    "time of sealing": lambda one: format_time(one.statement.created),
    "capability policy": lambda one: one.statement.capabilities_digest,
    "bill of materials": lambda one: one.statement.bill,
    "threshold": lambda one: one.statement.threshold,
    "brokers": lambda one: one.statement.brokers,
    "kinds of holders": lambda one: one.statement.recipients,
    "keys of holders": lambda one: _keys(one.manifest),
}


def require_one_module(artifacts: Sequence[VerifiedArtifact]) -> None:
    """Accept artifacts that say the same but for their ciphertext, or raise `SealError`.

    That the same module is in all of them is not said: their digests are of different things, and
    only who has module or content key can tell.
    """
    first, *others = artifacts
    for other in others:
        for what, of in _SAME.items():
            if of(first) != of(other):
                names = f"{first.manifest.shape.name} and {other.manifest.shape.name}"
                detail = f"entries {names} differ in: {what}{_told(of(first), of(other))}"
                raise SealError(SealRefusal.STATEMENT_MISMATCH, detail)


def _keys(manifest: SealedManifest) -> Any:
    """Return whose keys a manifest is sealed for, as far as it tells."""
    outside = manifest.outside
    return (
        [_key(envelope) for envelope in manifest.envelopes],
        len(outside.jwe),
        [packet.kid for packet in outside.coco],
    )


def _key(envelope: Envelope) -> tuple[str, str, str | None, int | None]:
    share = envelope.share
    return envelope.suite, envelope.key, envelope.broker, None if share is None else share.index


def _told(one: Any, other: Any) -> str:
    """Return two values for people, unless they are too long for that."""
    return f" ({one} and {other})" if isinstance(one, str | int) else ""
