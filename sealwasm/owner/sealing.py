"""What `seal` and `publish` share: read the owner's inputs, check them, seal."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealwasm.failure import CliError, Kind
from sealwasm.files import read_file

if TYPE_CHECKING:
    from datetime import datetime

    from policies.models import CapabilityPolicy
    from sealing.keys import Signer
    from sealing.module_source import ModuleSource
    from sealing.seal import SealedModule
    from sealing.signatures.statement import SealedModuleStatement
    from sealwasm.owner.chosen_brokers import ChosenBrokers


@dataclass(frozen=True, slots=True)
class SealOrder:
    """One owner's wish: which module, under which name and policies, for whom."""

    module: ModuleSource
    name: str
    version: int
    policy: str
    capabilities: str
    brokers: ChosenBrokers
    suite: str
    # A key that signs the module itself too, before it is encrypted.
    embed_signature: str | None = None
    # Who else can open it: files of recovery keys, and what `--also` was told.
    recovery_keys: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    # Of docs/specs/sealed-module.md, "Shapes". With more than one it is sealed once for each.
    shapes: tuple[str, ...] = ("wasm",)
    # Of the same page, "Hidden bill".
    hide_details: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of holders it would have, as the owner's statement lists them."""
        recovery = {"recovery"} if self.recovery_keys else set()
        also = {text.partition(":")[0] for text in self.also}
        return tuple(sorted({"broker"} | recovery | also))


def load_capabilities_file(path: str) -> CapabilityPolicy:
    """Return the capability policy in a YAML file."""
    from policies.load import load_capabilities

    return load_capabilities(read_file(path), name=path)


def require_covered(policy: CapabilityPolicy, imports: list[tuple[str, str]]) -> None:
    """Raise when the module needs an import that its own policy does not name."""
    granted = set(policy.spec.imports)
    missing = [f"{module}.{name}" for module, name in imports if f"{module}.{name}" not in granted]
    if missing:
        raise CliError(
            Kind.BAD_POLICY,
            "import-not-granted",
            f"the module imports what {policy.name} does not grant: {', '.join(missing)}",
            why="every run would be refused",
            where="spec.imports",
            next_step="add to spec.imports: " + ", ".join(missing),
        )


def seal_order(order: SealOrder, *, owner: Signer, now: datetime) -> SealedModule:
    """Return the module in the first of its shapes, or raise before anything is encrypted."""
    return next(seal_shapes(order, owner=owner, now=now))


def seal_shapes(order: SealOrder, *, owner: Signer, now: datetime) -> Iterator[SealedModule]:
    """Give the module in each of its shapes, sealed apart, or raise before any is encrypted."""
    from sealing.bill import bill_of
    from sealing.bom import BillOfMaterials
    from sealing.seal import seal
    from sealing.shapes import SHAPES
    from sealwasm.artifacts.holders import with_holders

    # (1) The owner's inputs, checked as the runner will check them.
    module = opened(order)
    policy = load_capabilities_file(order.capabilities)
    bill = bill_of(module)
    # What a component imports is for its own host to grant.
    if isinstance(bill, BillOfMaterials):
        require_covered(policy, [(item.module, item.name) for item in bill.imports])
    _require_hidable(order)

    # (2) Who will be able to release the key.
    brokers = order.brokers.recipients(order.suite)
    recipients = with_holders(brokers, order.recovery_keys, order.also)

    # (3) Encrypt and sign.
    for shape in order.shapes:
        yield seal(
            module,
            name=order.name,
            version=order.version,
            policy_name=order.policy,
            capabilities=policy.to_document(),
            recipients=recipients,
            owner=owner,
            now=now,
            shape=SHAPES[shape],
            hide_details=order.hide_details,
        )


def _require_hidable(order: SealOrder) -> None:
    shown = [shape for shape in order.shapes if shape != "wasm"]
    if order.hide_details and shown:
        raise CliError(
            Kind.USAGE,
            "details-not-hidable",
            f"the shape {shown[0]} cannot hide what the module is",
            why="whoever unpacks a container image compares it with the digest in its config",
            next_step="leave out --hide-details, or --shape",
        )


def opened(order: SealOrder) -> ModuleSource:
    """Return the module as it will be sealed: as it is, or with a signature inside."""
    if order.embed_signature is None:
        return order.module
    from sealing.signed_module import SignedModule
    from sealing.wasm.signature import DELIMITER_BYTES
    from sealwasm.keyfiles import load_signing_key

    key = load_signing_key(order.embed_signature)
    return SignedModule(order.module, key, delimiter=secrets.token_bytes(DELIMITER_BYTES))


def facts_of(sealed: SealedModule) -> dict[str, Any]:
    """Return what the owner wants to note down about a sealed module."""
    return facts_about(sealed.statement, sealed.layer.size)


def facts_about(statement: SealedModuleStatement, layer_bytes: int) -> dict[str, Any]:
    """Return the same of a module that was sealed before."""
    return {
        "module": statement.module,
        "version": statement.version,
        "owner": statement.owner,
        "policy": statement.policy,
        "brokers": list(statement.brokers),
        "brokers_needed": statement.threshold,
        "manifest": statement.manifest,
        "layer": statement.layer,
        "bytes": layer_bytes,
    }


def foreseen_of(modules: Sequence[SealedModule]) -> dict[str, Any]:
    """Return the same of a dry run: no digests, as what is sealed again has others."""
    facts = facts_of(modules[0])
    shapes = shapes_of(modules)
    known = {name: value for name, value in facts.items() if name not in ("manifest", "layer")}
    return known | ({"shapes": list(shapes["shapes"])} if shapes else {})


def shapes_of(modules: Sequence[SealedModule]) -> dict[str, Any]:
    """Return the digest of each shape, where there are several."""
    from sealing.manifest import SealedManifest

    if len(modules) == 1:
        return {}
    shapes = [SealedManifest.parse(one.manifest).shape.name for one in modules]
    return {"shapes": dict(zip(shapes, (one.manifest_digest for one in modules), strict=True))}
