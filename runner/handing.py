"""Handing a run to its worker: the artifact, then inputs and the word to start."""

from __future__ import annotations

from policies.models import CapabilityPolicy
from runner.collecting import Collected
from runner.errors import RunnerCode, RunnerError
from runner.fetching import SignedModule
from runner.inputs import Inputs
from runner.order import Order, Terms
from runner.supervise import hear
from runner.worker import limits
from runner.worker.frames import malformed
from runner.worker.messages import Artifact, Call, Piece, PieceName, Start, TreeFile, Verified
from runner.worker.process import WorkerProcess
from sealing import canonical
from sealing.signatures.owner_trust import ResolvedTrust
from sealing.unseal import VerifiedArtifact


def hand_over_artifact(
    worker: WorkerProcess, module: SignedModule, layer: bytes, order: Order
) -> None:
    """Give the worker a sealed module, against which it holds every release.

    It verifies all of it again, and says so. Raises `RunnerError`.
    """
    artifact = module.artifact
    for name, data in (
        (PieceName.MANIFEST, module.manifest),
        (PieceName.CONFIG, module.config),
        *((PieceName.BUNDLE, bundle) for bundle in artifact.bundles),
        *((PieceName.OWNER, signer.spki) for signer in artifact.signers),
        (PieceName.LAYER, layer),
    ):
        worker.send(Piece(name=name), data)
    owners = _keys_by_owner(artifact, order.trust)
    worker.send(Artifact(owner_threshold=order.owner_threshold, owners=owners))
    message = hear(worker, limits.PREPARE_SECONDS).message
    if not isinstance(message, Verified):
        raise malformed(f"got {message.type}, expected verified")


def _keys_by_owner(
    artifact: VerifiedArtifact, trust: ResolvedTrust | None
) -> tuple[tuple[str, ...], ...]:
    """Return whose the keys are that signed, but for those that had expired by then."""
    signed = [signer.key_id for signer in artifact.signers]
    if trust is None:
        return tuple((key_id,) for key_id in signed)
    found: dict[str, list[str]] = {}
    for one in trust.trusted:
        if one.key.key_id in signed and one.signs_at(artifact.statement.created):
            found.setdefault(one.owner, []).append(one.key.key_id)
    return tuple(tuple(key_ids) for key_ids in found.values())


def hand_over_sealed(
    worker: WorkerProcess, collected: Collected, inputs: Inputs, terms: Terms
) -> None:
    """Give the worker the inputs of a module that it has, and say whose releases to use.

    Raises `RunnerError`.
    """
    _hand_over_inputs(worker, inputs, terms)
    brokers = tuple(released.identity.key_id for released in collected.releases)
    worker.send(_start(inputs, terms, brokers=brokers))


def hand_over_unsealed(
    worker: WorkerProcess,
    module: bytes,
    policy: CapabilityPolicy,
    inputs: Inputs,
    terms: Terms,
) -> None:
    """Give the worker a module in plaintext and what it may do. Raises `RunnerError`."""
    _require_size(module)
    worker.send(Piece(name=PieceName.GRANT), canonical.encode(policy.to_document()))
    worker.send(Piece(name=PieceName.MODULE), module)
    _hand_over_inputs(worker, inputs, terms)
    worker.send(_start(inputs, terms))


def _hand_over_inputs(worker: WorkerProcess, inputs: Inputs, terms: Terms) -> None:
    for document in terms.guardrails:
        worker.send(Piece(name=PieceName.GUARDRAILS), canonical.encode(document.to_document()))
    call = Call(arguments=inputs.arguments, environment=dict(inputs.environment))
    worker.send(Piece(name=PieceName.CALL), canonical.encode(call.to_header()))
    worker.send(Piece(name=PieceName.STDIN), inputs.stdin)
    for mount, tree in inputs.trees.items():
        for path, data in tree.files.items():
            worker.send(TreeFile(mount=mount, path=path), data)


def _start(inputs: Inputs, terms: Terms, *, brokers: tuple[str, ...] | None = None) -> Start:
    required = tuple(sorted(terms.required))
    return Start(brokers=brokers, mounts=tuple(inputs.trees), required=required)


def _require_size(module: bytes) -> None:
    if len(module) > limits.MAX_MODULE_BYTES:
        detail = f"module is {len(module)} bytes, expected at most {limits.MAX_MODULE_BYTES}"
        raise RunnerError(RunnerCode.MODULE_TOO_LARGE, detail)
