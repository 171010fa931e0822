"""Handing a run to its worker: documents, ciphertext, inputs, and the word to start."""

from __future__ import annotations

from policies.models import CapabilityPolicy
from runner.collecting import Collected
from runner.errors import RunnerCode, RunnerError
from runner.fetching import SignedModule
from runner.inputs import Inputs
from runner.order import Order, Terms
from runner.worker import limits
from runner.worker.messages import Call, Piece, PieceName, Sealed, Start, TreeFile
from runner.worker.process import WorkerProcess
from sealing import canonical


def hand_over_sealed(
    worker: WorkerProcess,
    module: SignedModule,
    collected: Collected,
    *,
    layer: bytes,
    inputs: Inputs,
    order: Order,
) -> None:
    """Give the worker everything for a sealed module; it verifies all of it again.

    Raises `RunnerError`.
    """
    releases, artifact = collected.releases, module.artifact
    for name, data in (
        (PieceName.MANIFEST, module.manifest),
        (PieceName.CONFIG, module.config),
        *((PieceName.BUNDLE, bundle) for bundle in artifact.bundles),
        *((PieceName.OWNER, signer.spki) for signer in artifact.signers),
        *((PieceName.IDENTITY, released.identity.spki) for released in releases),
        *((PieceName.RELEASE, released.answer) for released in releases),
        (PieceName.LAYER, layer),
    ):
        worker.send(Piece(name=name), data)
    _hand_over_inputs(worker, inputs, order.terms)
    requests = tuple(released.asked.binding.digest() for released in releases)
    sealed = Sealed(requests=requests, owner_threshold=order.owner_threshold)
    worker.send(_start(inputs, order.terms, sealed=sealed))


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


def _start(inputs: Inputs, terms: Terms, *, sealed: Sealed | None = None) -> Start:
    required = tuple(sorted(terms.required))
    return Start(sealed=sealed, mounts=tuple(inputs.trees), required=required)


def _require_size(module: bytes) -> None:
    if len(module) > limits.MAX_MODULE_BYTES:
        detail = f"module is {len(module)} bytes, expected at most {limits.MAX_MODULE_BYTES}"
        raise RunnerError(RunnerCode.MODULE_TOO_LARGE, detail)
