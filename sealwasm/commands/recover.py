"""`sealwasm recover`: a module back in clear, with the owner's own key and no broker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealwasm.artifacts.owner_trust_options import trust_options
from sealwasm.options import registry_options
from sealwasm.session import Session, dry_files_option, facts_table, output_option, pass_session

if TYPE_CHECKING:
    from sealing.unseal import VerifiedArtifact
    from sealwasm.artifacts.offered import Offered
    from sealwasm.artifacts.owner_trust_options import TrustChoice
    from sealwasm.artifacts.registry_access import RegistryAccess


@click.command()
@click.argument("reference")
@click.option("--recovery-key", metavar="FILE", help="Private recovery key of the owner.")
@click.option("--jwe-key", metavar="FILE", help="Private key of a JWE recipient (PEM or JWK).")
@click.option("--passphrase-file", metavar="FILE", help="First line of FILE opens that key.")
@click.option("--to", "target", required=True, metavar="FILE", help="Where the module goes.")
@trust_options
@registry_options
@dry_files_option
@output_option
@pass_session
def recover(
    session: Session,
    /,
    reference: str,
    recovery_key: str | None,
    jwe_key: str | None,
    passphrase_file: str | None,
    target: str,
    trust: TrustChoice,
    registry: RegistryAccess,
) -> None:
    """Open a sealed module offline and write it, in clear, to a file.

    For the day when its brokers are gone. The owner's signature is checked before anything is
    opened, and the module has to be the one that was signed. Of an index all entries are checked
    and the first is opened; by the digest of one entry, that one. What is written is plaintext:
    mode 0600, and yours to delete.

    Example: sealwasm recover oci:shop:app --recovery-key backup.key --owner owner.key.pub
    --to app.wasm
    """
    from sealwasm.artifacts.offered import offered_at
    from sealwasm.artifacts.transfers import parse_reference
    from sealwasm.files import refuse_existing, write_file
    from sealwasm.owner.resealing import OwnKeyChoice, recovered

    refuse_existing(Path(target))
    place = parse_reference(reference)
    owners = trust.load()
    key = OwnKeyChoice(recovery_key, jwe_key, passphrase_file)
    with registry.open(place) as store:
        offered = offered_at(store, place, owners.resolve(session.now()))
        opened = recovered(store, offered.first, key.load())
    with opened.memory:
        write_file(target, bytes(opened.module), mode=0o600)
        size = len(opened.module)
    _say_what(session, offered, target)
    facts = _facts(offered.first) | {"file": target, "bytes": size}
    session.show(facts, table=facts_table(facts))


def _say_what(session: Session, offered: Offered, target: str) -> None:
    """Say which entry was opened, and what lies in the file now."""
    from sealwasm.files import is_dry_run

    if offered.is_index:
        shape = offered.first.manifest.shape.name
        session.say(f"all entries of the index agree; the one of shape {shape} was opened")
    if not is_dry_run():
        session.say(f"warning: {target} is the module in clear; delete it when you are done")


def _facts(artifact: VerifiedArtifact) -> dict[str, Any]:
    return {
        "module": artifact.statement.module,
        "version": artifact.statement.version,
        "manifest": artifact.manifest.digest,
    }
