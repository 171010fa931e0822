"""`sealwasm inspect`: what anyone sees, without any key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealwasm.completing import references
from sealwasm.options import registry_options
from sealwasm.session import Session, output_option, pass_session, table

if TYPE_CHECKING:
    from sealing.manifest import SealedManifest
    from sealing.oci.transfer import PulledArtifact
    from sealwasm.registry_access import RegistryAccess


@click.command()
@click.argument("subject", metavar="REFERENCE|FILE", shell_complete=references)
@registry_options
@output_option
@pass_session
def inspect(session: Session, subject: str, registry: RegistryAccess) -> None:
    """Show what anyone can see of a sealed module.

    Nothing is verified: whoever holds the registry can write all of it. `sealwasm verify` checks
    it against the owner's key. For a FILE in clear, shows its bill of materials.
    """
    from sealwasm.artifacts import looks_like_reference, pull_artifact
    from sealwasm.modules import open_module

    if not looks_like_reference(subject):
        from sealing.bom import bill_of_materials

        module = open_module(subject)
        document: dict[str, Any] = {
            "file": subject,
            "sealed": False,
            "bytes": module.size,
            "bill": bill_of_materials(module).to_document(),
        }
    else:
        document = describe(pull_artifact(subject, registry=registry), subject)
    session.show(document, table=_text(document))


def describe(pulled: PulledArtifact, reference: str) -> dict[str, Any]:
    """Return what the artifact says of itself; true only as far as the owner is trusted.

    Anybody may attach a signature: one that says nothing of this artifact is named as foreign.
    """
    from sealing.canonical import digest_of
    from sealing.errors import SealError
    from sealing.manifest import SealedManifest
    from sealwasm.holders import warnings_for

    manifest = SealedManifest.parse(pulled.manifest)
    signatures: list[dict[str, Any]] = []
    foreign: list[dict[str, Any]] = []
    bills: list[dict[str, Any]] = []
    for data in pulled.bundles:
        try:
            signature, bill = _unverified(data, manifest)
        except SealError as error:
            foreign.append({"digest": digest_of(data), "bytes": len(data), "why": error.code.value})
        else:
            signatures.append(signature)
            bills.append(bill)
    return {
        "reference": reference,
        "sealed": True,
        "verified": False,
        "manifest": manifest.digest,
        "layer": {"digest": manifest.layer_digest, "bytes": manifest.layer_size},
        "shape": manifest.shape.name,
        "recipients": list(manifest.recipients),
        "warnings": warnings_for(manifest.recipients),
        "envelopes": [
            {"suite": one.suite, "broker": one.broker, "context": one.context.to_document()}
            for one in manifest.envelopes
        ],
        "signatures": signatures,
        "foreign_signatures": foreign,
        "bill": bills[0] if bills else {},
    }


def _unverified(bundle: bytes, manifest: SealedManifest) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `bundle` says of `manifest`, and its bill of materials, or raise `SealError`."""
    from sealing.statement import unverified_key_hint, unverified_statement

    statement = unverified_statement(bundle)
    statement.require_manifest(manifest)
    signature = {
        "key_hint": unverified_key_hint(bundle),
        "module": statement.module,
        "version": statement.version,
        "policy": statement.policy,
        "brokers": list(statement.brokers),
        "capabilities": dict(statement.capabilities),
    }
    return signature, statement.bill.to_document()


_SHOWN_APART = (
    "bill", "envelopes", "signatures", "foreign_signatures", "layer", "recipients", "warnings"
)  # fmt: skip


def _text(document: dict[str, Any]) -> str:
    bill = document["bill"]
    rows: list[tuple[str, object]] = [
        (name, value)
        for name, value in document.items()
        if name not in _SHOWN_APART
    ]
    rows.extend(
        ("sealed for broker", f"{envelope['broker']} ({envelope['suite']})")
        for envelope in document.get("envelopes", ())
    )
    for one in document.get("signatures", ()):
        rows.append(("says it is", f"{one['module']} version {one['version']}"))
        rows.append(("released under", one["policy"]))
        rows.append(("signed with key", f"{one['key_hint']} (not verified)"))
    rows.extend(
        ("foreign signature", f"{one['digest']} ({one['why']})")
        for one in document.get("foreign_signatures", ())
    )
    if "recipients" in document:
        rows.append(("opens with", ", ".join(document["recipients"])))
        rows.extend(("warning", text) for text in document["warnings"])
    if layer := document.get("layer"):
        rows.append(("ciphertext", f"{layer['bytes']} bytes, {layer['digest']}"))
    if bill:
        rows.append(("functions", bill["functions"]))
        rows.append(("data bytes", bill["data"]["bytes"]))
        rows.extend(("import", f"{one['module']}.{one['name']}") for one in bill["imports"])
        rows.extend(("export", one["name"]) for one in bill["exports"])
    return table(rows)
