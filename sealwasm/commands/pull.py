"""`sealwasm pull`: a checked copy of an artifact in a local folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealwasm.contexts.completing import references
from sealwasm.options import registry_options
from sealwasm.session import Session, dry_run_option, facts_table, output_option, pass_session

if TYPE_CHECKING:
    from sealwasm.artifacts.registry_access import RegistryAccess


@click.command()
@click.argument("reference", shell_complete=references)
@click.argument("target", metavar="oci:FOLDER[:TAG]", shell_complete=references)
@registry_options
@dry_run_option
@output_option
@pass_session
def pull(
    session: Session, reference: str, target: str, registry: RegistryAccess, dry_run: bool
) -> None:
    """Copy a sealed module into an OCI image-layout folder.

    Every blob is checked against its digest and size; who signed it is not: use `sealwasm verify`.
    """
    from sealwasm.artifacts.modules import expected_sealed
    from sealwasm.artifacts.transfers import copy_artifact, foresee_copy

    with expected_sealed(reference, registry):
        if dry_run:
            facts = foresee_copy(reference, target, registry=registry)
        else:
            facts = copy_artifact(reference, target, registry=registry)
    if dry_run:
        session.say("dry run: nothing was written")
    else:
        session.say(f"next: sealwasm verify {facts['reference']} --owner OWNER.pub")
    session.show(facts, table=facts_table(facts))
