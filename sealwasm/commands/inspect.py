"""`sealwasm inspect`: what anyone sees, without any key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealwasm.contexts.completing import references
from sealwasm.options import registry_options
from sealwasm.session import Session, output_option, pass_session, table

if TYPE_CHECKING:
    from sealwasm.artifacts.registry_access import RegistryAccess


@click.command()
@click.argument("subject", metavar="REFERENCE|FILE", shell_complete=references)
@click.option(
    "--owner",
    "owners",
    multiple=True,
    metavar="FILE",
    help="Public key of an owner: shows only what such a one signed; repeatable.",
)
@registry_options
@output_option
@pass_session
def inspect(
    session: Session, subject: str, owners: tuple[str, ...], registry: RegistryAccess
) -> None:
    """Show what anyone can see of a sealed module.

    The ciphertext is not downloaded. Without --owner nothing is verified: whoever holds the
    registry can write all of it. For a FILE in clear, shows what sealing it would tell everybody;
    --hide-details keeps that from them.

    Example: sealwasm inspect registry.example/acme/app:1 --owner owner.key.pub
    """
    from sealwasm.artifacts.inspect_text import rows_of
    from sealwasm.artifacts.inspecting import inspect_file, inspect_reference
    from sealwasm.artifacts.modules import expected_sealed
    from sealwasm.artifacts.transfers import looks_like_reference
    from sealwasm.keyfiles import load_public_key

    if looks_like_reference(subject):
        keys = [load_public_key(path) for path in owners]
        with expected_sealed(subject, registry):
            document = inspect_reference(subject, keys, registry=registry)
    else:
        document = inspect_file(subject)
    session.show(document, table=table(rows_of(document)))
