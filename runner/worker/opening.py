"""Inside the worker: from what was handed in to a module in memory we own, and its grant.

Everything the supervisor verified is verified again. What the worker runs does not rest on the
process that talks to the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from policies.models import CapabilityPolicy, Guardrails
from policies.narrowest import narrowest
from runner.errors import RunnerCode, RunnerError
from runner.genuine import GenuineRelease, verify_genuine
from runner.grants import parse_grant, read_grant, read_guardrails, within
from runner.refusing import refused_as
from runner.worker.frames import malformed
from runner.worker.handover import Handover, Pieces
from runner.worker.limits import MAX_MODULE_BYTES
from runner.worker.messages import Artifact, PieceName, Release
from runner.worker.unwrapping import unwrap
from sealing.errors import SealError, SealRefusal
from sealing.holders.shamir import Share, combine
from sealing.hpke import OpeningKey
from sealing.keys import VerifyingKey
from sealing.ocicrypt import PrivateOptions
from sealing.secret import SecretBuffer
from sealing.unseal import UnsealedModule, require_blob, unseal_to_memory, verify_artifact


@dataclass(frozen=True, slots=True)
class Opened:
    """A module in memory that is wiped by its holder, and what it may do."""

    memory: SecretBuffer
    module: memoryview = field(repr=False)
    grant: CapabilityPolicy


@dataclass(frozen=True, slots=True)
class _Kept:
    """A release that was accepted, and what was in it."""

    release: GenuineRelease
    secret: PrivateOptions | Share = field(repr=False)


class Opening:
    """A sealed module that its owners signed, and what brokers released of its key so far."""

    def __init__(self, pieces: Pieces, said: Artifact, key: OpeningKey) -> None:
        """Verify the artifact, with `said` owners' signatures over all of it.

        Raises `RunnerError`.
        """
        self._key = key
        self._kept: dict[str, _Kept] = {}
        # The module as the whole key of a broker opened it: that is how a whole key is checked.
        self._opened: tuple[str, UnsealedModule] | None = None
        self._layer = pieces.buffer(PieceName.LAYER)
        with refused_as(RunnerCode.ARTIFACT_REFUSED):
            self._artifact = verify_artifact(
                pieces.one(PieceName.MANIFEST),
                pieces.one(PieceName.CONFIG),
                pieces.several(PieceName.BUNDLE),
                owners=[VerifyingKey.from_spki(spki) for spki in pieces.several(PieceName.OWNER)],
                threshold=said.owner_threshold,
            )
            _require_owners(self._artifact.signers, said)
            manifest = self._artifact.manifest
            size, digest = manifest.layer_size, manifest.layer_digest
            require_blob(self._layer, digest=digest, size=size, what="layer")
        self._requested = parse_grant(self._artifact.statement.capabilities)

    def take(self, said: Release, answer: bytes, *, now: datetime) -> str:
        """Keep what a broker released, if it is what the owner sealed; return the broker's id.

        Raises `RunnerError` with what is wrong with this release; then nothing of it is kept.
        """
        # (1) By a broker that the owner named, for this artifact and this very request.
        with refused_as(RunnerCode.BROKER_NOT_GENUINE):
            identity = VerifyingKey.from_spki(said.identity)
        broker = identity.key_id
        if broker in self._kept:
            raise RunnerError(RunnerCode.BROKER_REPEATED, f"broker {broker} has released already")
        release = verify_genuine(
            answer,
            self._artifact,
            self._requested,
            identity=identity,
            request=said.request,
            now=now,
        )
        # (2) Wrapped to our key, bound to every byte of the release; a share is the committed one.
        secret = unwrap(release, self._artifact.manifest, self._key)
        # (3) A whole key opens the module, to the last byte.
        if isinstance(secret, PrivateOptions):
            self._opened = (broker, self._unseal(secret))
        self._kept[broker] = _Kept(release, secret)
        return broker

    def open(self, brokers: Sequence[str], rails: Sequence[Guardrails], *, now: datetime) -> Opened:
        """Return the module, opened by the releases of `brokers`, and what it may do.

        Raises `RunnerError`: not as many as the key takes, one that was not accepted, a lease
        that is over, a grant that cannot be.
        """
        kept = self._chosen(brokers, now)
        # (1) The grant: what every broker bound to its key or share, within the node's guardrails.
        with refused_as(RunnerCode.BROKER_NOT_GENUINE):
            released = narrowest([one.release.grant for one in kept])
        grant = within(released, rails)
        # (2) HMAC, decrypt, digest, bill of materials; in memory that is locked and wiped.
        opened = self._module(brokers[0], kept)
        # It is as large as the module, and the guest may need the room.
        self._layer.clear()
        self._opened = None
        return Opened(opened.memory, opened.module, grant)

    def _chosen(self, brokers: Sequence[str], now: datetime) -> list[_Kept]:
        needed = self._artifact.statement.threshold
        kept = [self._kept[one] for one in dict.fromkeys(brokers) if one in self._kept]
        if not len(kept) == len(brokers) == needed:
            detail = f"{len(brokers)} releases, {len(kept)} of them accepted, expected {needed}"
            raise RunnerError(RunnerCode.BROKER_NOT_GENUINE, detail)
        if any(now >= one.release.lease_ends for one in kept):
            raise RunnerError(RunnerCode.LEASE_EXPIRED, "a lease ended before the module started")
        return kept

    def _module(self, broker: str, kept: Sequence[_Kept]) -> UnsealedModule:
        if self._opened is not None and self._opened[0] == broker:
            return self._opened[1]
        shares = []
        for one in kept:
            if isinstance(one.secret, PrivateOptions):
                return self._unseal(one.secret)
            shares.append(one.secret)
        with refused_as(RunnerCode.KEY_NOT_OPENED):
            options = combine(shares, threshold=len(shares))
        return self._unseal(options)

    def _unseal(self, options: PrivateOptions) -> UnsealedModule:
        """Return the module in clear. What another key opened before makes room for it."""
        if self._opened is not None:
            self._opened[1].module.release()
            self._opened[1].memory.wipe()
            self._opened = None
        with refused_as(RunnerCode.ARTIFACT_REFUSED):
            return unseal_to_memory(
                self._artifact, self._layer, options, limit_bytes=MAX_MODULE_BYTES
            )


def _require_owners(signers: Sequence[VerifyingKey], said: Artifact) -> None:
    """Accept signatures of as many owners as `said`, or raise `RunnerError` or `SealError`."""
    key_ids = [key_id for owner in said.owners for key_id in owner]
    if len(set(key_ids)) != len(key_ids):
        raise malformed("a key is of two owners")
    signed = {key.key_id for key in signers}
    count = sum(1 for owner in said.owners if not signed.isdisjoint(owner))
    if count < said.owner_threshold:
        detail = f"signed by {count} owners, expected {said.owner_threshold}"
        raise SealError(SealRefusal.SIGNATURE_MISSING, detail)


def guardrails_in(handover: Handover) -> list[Guardrails]:
    """Return the node's guardrails, or raise `RunnerError`."""
    return [read_guardrails(text) for text in handover.pieces.several(PieceName.GUARDRAILS)]


def open_unsealed(handover: Handover) -> Opened:
    """Return a module that was never sealed, and its policy within the node's guardrails."""
    pieces = handover.pieces
    grant = within(read_grant(pieces.one(PieceName.GRANT)), guardrails_in(handover))
    data = pieces.buffer(PieceName.MODULE)
    if not data:
        raise RunnerError(RunnerCode.MODULE_INVALID, "module is empty")
    memory = SecretBuffer.of(data)
    return Opened(memory, memory.view, grant)
