"""`sealwasm pull`: a checked copy of an artifact in a local folder."""

from __future__ import annotations

import click

from sealwasm.options import plain_http_option
from sealwasm.session import Session, output_option, pass_session, table


@click.command()
@click.argument("reference")
@click.argument("target", metavar="oci:FOLDER[:TAG]")
@plain_http_option
@output_option
@pass_session
def pull(session: Session, reference: str, target: str, plain_http: bool) -> None:
    """Copy a sealed module into an OCI image-layout folder.

    Every blob is checked against its digest and size; who signed it is not: use `sealwasm verify`.
    """
    from sealwasm.artifacts import copy_artifact

    facts = copy_artifact(reference, target, plain_http=plain_http)
    session.say(f"next: sealwasm verify {facts['reference']} --owner OWNER.pub")
    session.show(facts, table=table(list(facts.items())))
