"""From a reference to an artifact that its owner signed and that fits this node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from policies.models import CapabilityPolicy
from runner.errors import RunnerCode, RunnerError
from runner.grants import (
    parse_grant,
    require_arguments_granted,
    require_imports_granted,
    within,
)
from runner.inputs import Offer, require_folders_granted, require_texts
from runner.order import Terms
from runner.refusing import refused_as
from runner.worker import limits
from sealing.bom import BillOfMaterials
from sealing.config import ModuleConfig
from sealing.keys import VerifyingKey
from sealing.oci.reference import Reference
from sealing.oci.store import ArtifactStore
from sealing.oci.transfer import describe, fetch_layer
from sealing.signatures.owner_trust import ResolvedTrust
from sealing.signatures.statement import SealedModuleStatement
from sealing.unseal import VerifiedArtifact, verify_artifact


@dataclass(frozen=True, slots=True)
class SignedModule:
    """An artifact without its ciphertext, whose owner signature and profile hold."""

    artifact: VerifiedArtifact
    config: bytes = field(repr=False)
    requested: CapabilityPolicy

    @property
    def bundle(self) -> bytes:
        """The owner's signature: what a broker is shown."""
        return self.artifact.bundle

    @property
    def manifest(self) -> bytes:
        """The exact bytes of the manifest."""
        return self.artifact.manifest.raw

    @property
    def statement(self) -> SealedModuleStatement:
        """What the owner says about the module."""
        return self.artifact.statement


def fetch_signed(
    store: ArtifactStore,
    reference: Reference,
    *,
    owners: Sequence[VerifyingKey],
    threshold: int = 1,
    trust: ResolvedTrust | None = None,
) -> SignedModule:
    """Return what `reference` names, if `threshold` of `owners` signed it. Raises `RunnerError`.

    With `trust` they have to be that many owners too, by keys that had not expired.
    """
    with refused_as(RunnerCode.ARTIFACT_REFUSED):
        found = describe(store, reference, owners=owners)
        artifact = verify_artifact(
            found.manifest.raw,
            found.config,
            found.bundles,
            owners=owners,
            threshold=threshold,
        )
        if trust is not None:
            created = artifact.statement.created
            trust.require(artifact.signers, owner=artifact.owner, created=created)
    requested = parse_grant(artifact.statement.capabilities)
    return SignedModule(artifact, found.config, requested)


def require_fit(module: SignedModule, offer: Offer, terms: Terms) -> None:
    """Accept a module that could run here, by its size, its signed bill and this node's terms.

    The broker may still grant less. Raises `RunnerError`.
    """
    size = module.artifact.manifest.layer_size
    if size > limits.MAX_MODULE_BYTES:
        detail = f"module is {size} bytes, expected at most {limits.MAX_MODULE_BYTES}"
        raise RunnerError(RunnerCode.MODULE_TOO_LARGE, detail)
    if isinstance(module.artifact.config, ModuleConfig) and module.artifact.config.component:
        raise RunnerError(RunnerCode.COMPONENT_UNSUPPORTED, "this runner runs core modules only")
    require_texts(offer)
    require_runnable(module, within(module.requested, terms.guardrails), offer)


def require_runnable(module: SignedModule, grant: CapabilityPolicy, offer: Offer) -> None:
    """Accept a grant under which the module can be run with what the caller offers.

    Raises `RunnerError` with the lines that would grant what is missing.
    """
    bill = module.statement.bill
    # A hidden bill says nothing yet: the worker compares what the opened module imports.
    if isinstance(bill, BillOfMaterials):
        require_imports_granted(grant, [(one.module, one.name) for one in bill.imports])
    require_folders_granted(offer.folders, grant)
    require_arguments_granted(grant, offer.arguments)


def fetch_ciphertext(store: ArtifactStore, module: SignedModule) -> bytes:
    """Return the layer, with its digest checked. Raises `RunnerError`."""
    with refused_as(RunnerCode.ARTIFACT_REFUSED):
        return fetch_layer(store, module.artifact.manifest)
