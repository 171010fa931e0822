"""`sealwasm publish`: the artifact goes where runners will find it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealwasm.options import registry_options
from sealwasm.session import Session, output_option, pass_session, table

if TYPE_CHECKING:
    from sealwasm.registry_access import RegistryAccess


@click.command()
@click.argument("source", metavar="oci:FOLDER:TAG")
@click.argument("target", metavar="HOST/REPOSITORY:TAG|oci:FOLDER:TAG")
@registry_options
@output_option
@pass_session
def publish(session: Session, source: str, target: str, registry: RegistryAccess) -> None:
    """Push a sealed module to a registry or folder.

    Only sealed artifacts go out: a plaintext layer is refused. Prints the reference by digest.

    Example: sealwasm publish oci:shop:app registry.example/acme/app:1
    """
    from sealwasm.artifacts import copy_artifact

    facts = copy_artifact(source, target, registry=registry)
    session.say(f"next: sealwasm run {facts['reference']} --owner OWNER.pub")
    session.show(facts, table=table(list(facts.items())))
