"""`sealwasm owner`: who may seal modules for a broker."""

from __future__ import annotations

from datetime import timedelta

import click

from sealwasm.contexts.options import context_option
from sealwasm.options import broker_options, owner_key_options
from sealwasm.owner.enrolling import ENROLMENT_MINUTES
from sealwasm.session import (
    Session,
    dry_run_option,
    facts_table,
    output_option,
    pass_session,
)


@click.group()
def owner() -> None:
    """Enrol a module owner with a broker."""


@owner.command()
@context_option(
    "--name",
    from_context="owner",
    required=True,
    metavar="NAME",
    help="Name of the owner, for example acme.",
)
@owner_key_options
@click.option("--operator-key", required=True, metavar="FILE", help="The broker operator's key.")
@broker_options
@dry_run_option
@output_option
@pass_session
def enrol(
    session: Session,
    name: str,
    key: str,
    passphrase_file: str | None,
    operator_key: str,
    broker: str,
    broker_identity: str | None,
    dry_run: bool,
) -> None:
    """Enrol an owner: signed by the owner's key and countersigned by the operator's."""
    from keybroker.owners.enrolment import sign_owner
    from sealwasm.broker_api import fetch_descriptor, post_document
    from sealwasm.keyfiles import load_signing_key

    owner_key = load_signing_key(key, passphrase_file)
    operator = load_signing_key(operator_key)
    descriptor = fetch_descriptor(broker, broker_identity)
    body = sign_owner(
        broker=descriptor.identity_key().key_id,
        name=name,
        operator=operator,
        owner=owner_key,
        not_after=session.now() + timedelta(minutes=ENROLMENT_MINUTES),
    )
    if dry_run:
        facts = {"name": name, "owner": owner_key.key_id}
        session.say("dry run: nothing was sent")
        session.show(facts, table=facts_table(facts))
        return
    answer = post_document(broker, "/v1/owners", body)
    session.say("next: sealwasm publish MODULE, which sends the release policy along; or alone:")
    session.say(f"  sealwasm policy publish RELEASE.yaml --key {key} --broker {broker}")
    session.show(answer, table=facts_table(answer))
