"""Inside the worker: from what was handed in to a module in memory we own, and its grant.

Everything the supervisor verified is verified again. What the worker runs does not rest on the
process that talks to the world.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from keybroker.protocol import VerifiedRelease, verify_release
from policies.models import CapabilityPolicy, Guardrails
from runner.errors import RunnerCode, RunnerError
from runner.grants import parse_grant, read_grant, read_guardrails, within
from runner.refusing import refused_as
from runner.worker.handover import Handover
from runner.worker.messages import PieceName
from sealing.hpke import OpeningKey
from sealing.keys import VerifyingKey
from sealing.ocicrypt import PrivateOptions
from sealing.secret import SecretBuffer
from sealing.unseal import VerifiedArtifact, unseal, verify_artifact


@dataclass(frozen=True, slots=True)
class Opened:
    """A module in memory that is wiped by its holder, and what it may do."""

    memory: SecretBuffer
    module: memoryview = field(repr=False)
    grant: CapabilityPolicy


def open_sealed(handover: Handover, key: OpeningKey, *, now: datetime) -> Opened:
    """Return the sealed module and the grant that the broker bound to its key, or raise.

    Raises `RunnerError`; then no plaintext is left in memory of ours.
    """
    # (1) The artifact, with the owner's signature over all of it.
    with refused_as(RunnerCode.ARTIFACT_REFUSED):
        artifact = verify_artifact(
            handover.one(PieceName.MANIFEST),
            handover.one(PieceName.CONFIG),
            handover.several(PieceName.BUNDLE),
            owners=[VerifyingKey.from_spki(handover.one(PieceName.OWNER))],
        )
    # (2) The release, by the broker that the owner named, for this artifact and this very request.
    release = _release(handover, artifact, now=now)
    # (3) The grant: what the broker bound to the key, within the node's guardrails.
    grant = within(parse_grant(release.document.grant), _guardrails(handover))
    # (4) The content key, wrapped to our key and bound to every byte of the release.
    with refused_as(RunnerCode.KEY_NOT_OPENED):
        options = PrivateOptions.parse(key.open(release.wrapped_key, info=release.info))
    # (5) HMAC, decrypt, digest, bill of materials; in memory that is locked and wiped.
    memory = SecretBuffer(artifact.manifest.layer_size)
    try:
        with refused_as(RunnerCode.ARTIFACT_REFUSED):
            module = unseal(artifact, handover.buffer(PieceName.LAYER), options, memory)
    except RunnerError:
        memory.wipe()
        raise
    return Opened(memory, module, grant)


def open_unsealed(handover: Handover) -> Opened:
    """Return a module that was never sealed, and its policy within the node's guardrails."""
    grant = within(read_grant(handover.one(PieceName.GRANT)), _guardrails(handover))
    data = handover.buffer(PieceName.MODULE)
    if not data:
        raise RunnerError(RunnerCode.MODULE_INVALID, "module is empty")
    memory = SecretBuffer.of(data)
    return Opened(memory, memory.view, grant)


def _release(handover: Handover, artifact: VerifiedArtifact, *, now: datetime) -> VerifiedRelease:
    with refused_as(RunnerCode.BROKER_NOT_GENUINE):
        identity = VerifyingKey.from_spki(handover.one(PieceName.IDENTITY))
        release = verify_release(
            handover.one(PieceName.RELEASE),
            identity=identity,
            manifest=artifact.manifest.digest,
            request=handover.start.request,
            now=now,
        )
    if identity.key_id not in artifact.statement.brokers:
        raise RunnerError(RunnerCode.BROKER_NOT_GENUINE, "the owner names other brokers")
    return release


def _guardrails(handover: Handover) -> list[Guardrails]:
    return [read_guardrails(text) for text in handover.several(PieceName.GUARDRAILS)]
