"""What anybody sees of a sealed module: read from the registry, without its ciphertext or a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sealing.bill import AnyBill
    from sealing.envelope import Envelope
    from sealing.holders.disclosure import Bill
    from sealing.keys import VerifyingKey
    from sealing.manifest import SealedManifest
    from sealing.oci.transfer import PulledDescription
    from sealing.signatures.statement import SealedModuleStatement
    from sealwasm.artifacts.registry_access import RegistryAccess

HIDDEN = (
    "digest of the plaintext",
    "imports, exports and their types",
    "memories, tables, functions, data",
    "toolchain",
)


def inspect_reference(
    text: str, owners: Sequence[VerifyingKey], *, registry: RegistryAccess
) -> dict[str, Any]:
    """Return what the artifact at `text` tells; with `owners`, only what one of them signed."""
    from sealing.oci.transfer import describe
    from sealwasm.artifacts.transfers import parse_reference

    reference = parse_reference(text)
    with registry.open(reference) as store:
        found = describe(store, reference, owners=owners)
    return document_of(found, text, owners)


def document_of(
    found: PulledDescription, reference: str, owners: Sequence[VerifyingKey] = ()
) -> dict[str, Any]:
    """Return what an artifact says of itself, and whether that is verified.

    Anybody may attach a signature: one that says nothing of this artifact is named as foreign.
    Raises `SealError` if there are owners and none of them signed it.
    """
    from sealing.unseal import verify_artifact
    from sealwasm.artifacts.holders import warnings_for

    manifest = found.manifest
    document = {
        "reference": reference,
        "sealed": True,
        "verified": bool(owners),
        "manifest": manifest.digest,
        "shape": manifest.shape.name,
        "layer": {"digest": manifest.layer_digest, "bytes": manifest.layer_size},
        "recipients": list(manifest.recipients),
        "brokers_needed": manifest.threshold,
        "holders": holders_of(manifest),
        "warnings": warnings_for(manifest.recipients),
        "envelopes": [
            {"suite": one.suite, "broker": one.broker, "context": one.context.to_document()}
            for one in manifest.envelopes
        ],
    }
    if owners:
        artifact = verify_artifact(manifest.raw, found.config, found.bundles, owners=owners)
        said = _said(artifact.statement, artifact.owner.key_id)
        return (
            document
            | {"signatures": [said], "foreign_signatures": []}
            | told_by(artifact.statement.bill)
        )
    signatures, foreign, bills = _unverified(found)
    told = told_by(bills[0]) if bills else {"bill": {}, "hidden": []}
    return document | {"signatures": signatures, "foreign_signatures": foreign} | told


def inspect_file(path: str) -> dict[str, Any]:
    """Return what would be told of a module in clear."""
    from sealing.bill import bill_of
    from sealwasm.artifacts.modules import open_module

    module = open_module(path)
    facts = {"file": path, "sealed": False, "bytes": module.size, "digest": module.digest}
    return facts | told_by(bill_of(module))


def told_by(bill: Bill) -> dict[str, Any]:
    """Return the bill of materials, or what is hidden in its place."""
    from sealing.hidden_bill import HiddenBill

    if isinstance(bill, HiddenBill):
        return {"bill": {}, "hidden": list(HIDDEN)}
    return {"bill": bill.to_document(), "hidden": []}


def holders_of(manifest: SealedManifest) -> list[dict[str, Any]]:
    """Return who could open the module, each envelope and key beside it."""
    from sealing.holders.outside import COCO, JWE

    found = [_holder(envelope) for envelope in manifest.envelopes]
    outside = manifest.outside
    return found + [{"kind": JWE}] * len(outside.jwe) + [{"kind": COCO}] * len(outside.coco)


def _holder(envelope: Envelope) -> dict[str, Any]:
    facts: dict[str, Any] = {"suite": envelope.suite, "key": envelope.key}
    if envelope.broker is None:
        return {"kind": "recovery", **facts}
    share = envelope.share
    if share is None:
        return {"kind": "broker", "broker": envelope.broker, **facts}
    part = {"index": share.index, "threshold": share.threshold, "of": share.of}
    return {"kind": "broker", "broker": envelope.broker, **facts, "share": part}


def _unverified(
    found: PulledDescription,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[AnyBill]]:
    from sealing.canonical import digest_of
    from sealing.errors import SealError
    from sealing.signatures.statement import unverified_key_hint, unverified_statement

    signatures: list[dict[str, Any]] = []
    foreign: list[dict[str, Any]] = []
    bills: list[Any] = []
    for data in found.bundles:
        try:
            statement = unverified_statement(data)
            statement.require_manifest(found.manifest)
            signatures.append(_said(statement, unverified_key_hint(data)))
        except SealError as error:
            foreign.append({"digest": digest_of(data), "bytes": len(data), "why": error.code.value})
        else:
            bills.append(statement.bill)
    return signatures, foreign, bills


def _said(statement: SealedModuleStatement, key: str) -> dict[str, Any]:
    from sealing.names import format_time

    return {
        "key_hint": key,
        "module": statement.module,
        "version": statement.version,
        "policy": statement.policy,
        "brokers": list(statement.brokers),
        "created": format_time(statement.created),
        "capabilities": dict(statement.capabilities),
    }
