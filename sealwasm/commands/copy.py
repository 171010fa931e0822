"""`sealwasm copy`: an artifact with its signatures, from one place to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealwasm.contexts.completing import references
from sealwasm.options import registry_options
from sealwasm.session import Session, dry_run_option, facts_table, output_option, pass_session

if TYPE_CHECKING:
    from sealwasm.artifacts.registry_access import RegistryAccess


@click.command()
@click.argument("source", shell_complete=references)
@click.argument("target", shell_complete=references)
@registry_options
@dry_run_option
@output_option
@pass_session
def copy(
    session: Session, source: str, target: str, registry: RegistryAccess, dry_run: bool
) -> None:
    """Copy a sealed module with its signatures.

    Between registries and OCI image-layout folders, byte for byte: every digest is checked on the
    way and none changes. Whose it is is not checked: `sealwasm verify` does that.

    Example: sealwasm copy registry.example/acme/app:1 mirror.example/acme/app:1
    """
    from sealwasm.artifacts.modules import expected_sealed
    from sealwasm.artifacts.transfers import copy_artifact, foresee_copy

    with expected_sealed(source, registry):
        if dry_run:
            facts = foresee_copy(source, target, registry=registry)
        else:
            facts = copy_artifact(source, target, registry=registry)
    if dry_run:
        session.say("dry run: nothing was written")
    else:
        session.say(f"next: sealwasm verify {facts['reference']} --owner OWNER.pub")
    session.show(facts, table=facts_table(facts))
