"""`sealwasm export`: an artifact with its signatures in one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealwasm.contexts.completing import references
from sealwasm.options import registry_options
from sealwasm.session import Session, dry_run_option, facts_table, output_option, pass_session

if TYPE_CHECKING:
    from sealwasm.artifacts.registry_access import RegistryAccess


@click.command()
@click.argument("reference", shell_complete=references)
@click.argument("file", metavar="FILE.tar")
@click.option("--descriptor", metavar="FILE", help="Put that broker descriptor in as well.")
@click.option("--release-policy", metavar="FILE", help="Put that release policy in as well.")
@registry_options
@dry_run_option
@output_option
@pass_session
def export(
    session: Session,
    reference: str,
    file: str,
    descriptor: str | None,
    release_policy: str | None,
    registry: RegistryAccess,
    dry_run: bool,
) -> None:
    """Write a sealed module to one file, for where no network goes.

    The file is a tar of an OCI image layout with the artifact, its signatures and what is attached
    to it. The same artifact gives the same bytes. Nothing secret is in it.

    Example: sealwasm export registry.example/acme/app:1 app.tar
    """
    from sealwasm.artifacts.airgap import checked_documents, export_artifact, foresee_export
    from sealwasm.files import refuse_existing

    refuse_existing(Path(file))
    documents = checked_documents(descriptor, release_policy)
    if dry_run:
        facts = foresee_export(reference, file, documents, registry=registry)
        session.say("dry run: nothing was written")
    else:
        facts = export_artifact(reference, file, documents, registry=registry)
        session.say(f"next: carry it over, then: sealwasm import {file} HOST/REPOSITORY:TAG")
    session.show(facts, table=facts_table(facts))
