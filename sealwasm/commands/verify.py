"""`sealwasm verify`: everything about an artifact that can be checked with no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealwasm.options import owners_option, registry_options
from sealwasm.session import Session, output_option, pass_session, table

if TYPE_CHECKING:
    from sealwasm.registry_access import RegistryAccess

CHECKS = (
    "every blob has the digest and size that name it",
    "the manifest keeps the strict profile",
    "the owner's key signed exactly this manifest",
    "every envelope is the one the owner signed, bound to this module, version and policy",
    "the ciphertext is the one the manifest names",
)


@click.command()
@click.argument("reference")
@owners_option
@registry_options
@output_option
@pass_session
def verify(
    session: Session, reference: str, owners: tuple[str, ...], registry: RegistryAccess
) -> None:
    """Check an artifact against its owner's key.

    Not checked, as it takes the content key: that the ciphertext opens, and holds the module that
    the bill of materials describes. The runner checks both before it runs anything.
    """
    from sealing.unseal import verify_artifact
    from sealwasm.artifacts import pull_artifact
    from sealwasm.keyfiles import load_public_key

    keys = [load_public_key(path) for path in owners]
    pulled = pull_artifact(reference, registry=registry)
    artifact = verify_artifact(pulled.manifest, pulled.config, pulled.bundles, owners=keys)
    statement = artifact.statement
    document = {
        "reference": reference,
        "verified": True,
        "manifest": artifact.manifest.digest,
        "module": statement.module,
        "version": statement.version,
        "owner": artifact.owner.key_id,
        "policy": statement.policy,
        "brokers": list(statement.brokers),
        "threshold": statement.threshold,
        "checks": list(CHECKS),
    }
    rows: list[tuple[str, object]] = [(n, v) for n, v in document.items() if n != "checks"]
    rows.extend(("checked", text) for text in CHECKS)
    session.show(document, table=table(rows))
