"""`sealwasm pull`: a checked copy of an artifact in a local folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealwasm.options import registry_options
from sealwasm.session import Session, output_option, pass_session, table

if TYPE_CHECKING:
    from sealwasm.registry_access import RegistryAccess


@click.command()
@click.argument("reference")
@click.argument("target", metavar="oci:FOLDER[:TAG]")
@registry_options
@output_option
@pass_session
def pull(session: Session, reference: str, target: str, registry: RegistryAccess) -> None:
    """Copy a sealed module into an OCI image-layout folder.

    Every blob is checked against its digest and size; who signed it is not: use `sealwasm verify`.
    """
    from sealwasm.artifacts import copy_artifact

    facts = copy_artifact(reference, target, registry=registry)
    session.say(f"next: sealwasm verify {facts['reference']} --owner OWNER.pub")
    session.show(facts, table=table(list(facts.items())))
