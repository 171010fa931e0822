"""Inside the worker: from what was handed in to a module in memory we own, and its grant.

Everything the supervisor verified is verified again. What the worker runs does not rest on the
process that talks to the world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from keybroker.protocol import VerifiedRelease
from policies.models import CapabilityPolicy, Guardrails
from policies.narrowest import narrowest
from runner.errors import RunnerCode, RunnerError
from runner.grants import parse_grant, read_grant, read_guardrails, within
from runner.refusing import refused_as
from runner.worker.handover import Handover
from runner.worker.limits import MAX_MODULE_BYTES
from runner.worker.messages import PieceName, Sealed
from runner.worker.unwrapping import unwrap, verify_releases
from sealing.hpke import OpeningKey
from sealing.keys import VerifyingKey
from sealing.secret import SecretBuffer
from sealing.unseal import unseal_to_memory, verify_artifact


@dataclass(frozen=True, slots=True)
class Opened:
    """A module in memory that is wiped by its holder, and what it may do."""

    memory: SecretBuffer
    module: memoryview = field(repr=False)
    grant: CapabilityPolicy


def open_sealed(handover: Handover, said: Sealed, key: OpeningKey, *, now: datetime) -> Opened:
    """Return the sealed module and the grant that its brokers bound to its key, or raise.

    `said` is what the supervisor demanded of owners and brokers. Raises `RunnerError`; then no
    plaintext is left in memory of ours.
    """
    # (1) The artifact, with enough owners' signatures over all of it.
    with refused_as(RunnerCode.ARTIFACT_REFUSED):
        artifact = verify_artifact(
            handover.one(PieceName.MANIFEST),
            handover.one(PieceName.CONFIG),
            handover.several(PieceName.BUNDLE),
            owners=[VerifyingKey.from_spki(spki) for spki in handover.several(PieceName.OWNER)],
            threshold=said.owner_threshold,
        )
    # (2) Releases, by brokers that the owner named, for this artifact and these very requests.
    releases = verify_releases(handover, said.requests, artifact, now=now)
    # (3) The grant: what every broker bound to its key or share, within the node's guardrails.
    grant = within(_released_grant(releases), _guardrails(handover))
    # (4) The content key or its shares, wrapped to our key, bound to every byte of each release.
    options = unwrap(releases, artifact.manifest, key)
    # (5) HMAC, decrypt, digest, bill of materials; in memory that is locked and wiped.
    layer = handover.buffer(PieceName.LAYER)
    with refused_as(RunnerCode.ARTIFACT_REFUSED):
        opened = unseal_to_memory(artifact, layer, options, limit_bytes=MAX_MODULE_BYTES)
    # It is as large as the module, and the guest may need the room.
    layer.clear()
    return Opened(opened.memory, opened.module, grant)


def open_unsealed(handover: Handover) -> Opened:
    """Return a module that was never sealed, and its policy within the node's guardrails."""
    grant = within(read_grant(handover.one(PieceName.GRANT)), _guardrails(handover))
    data = handover.buffer(PieceName.MODULE)
    if not data:
        raise RunnerError(RunnerCode.MODULE_INVALID, "module is empty")
    memory = SecretBuffer.of(data)
    return Opened(memory, memory.view, grant)


def _released_grant(releases: Mapping[str, VerifiedRelease]) -> CapabilityPolicy:
    with refused_as(RunnerCode.BROKER_NOT_GENUINE):
        return narrowest([parse_grant(each.document.grant) for each in releases.values()])


def _guardrails(handover: Handover) -> list[Guardrails]:
    return [read_guardrails(text) for text in handover.several(PieceName.GUARDRAILS)]
