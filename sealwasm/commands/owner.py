"""`sealwasm owner`: who may seal modules for a broker."""

from __future__ import annotations

from datetime import timedelta

import click

from sealwasm.commands.policy import ENROLMENT_MINUTES
from sealwasm.options import broker_options, owner_key_options
from sealwasm.session import Session, output_option, pass_session, table


@click.group()
def owner() -> None:
    """Enrol a module owner with a broker."""


@owner.command()
@click.option("--name", required=True, help="Name of the owner, for example acme.")
@click.option("--tenant", help="Tenant the owner belongs to; the owner's name by default.")
@owner_key_options
@click.option("--operator-key", required=True, metavar="FILE", help="The broker operator's key.")
@broker_options
@output_option
@pass_session
def enrol(
    session: Session,
    name: str,
    tenant: str | None,
    key: str,
    passphrase_file: str | None,
    operator_key: str,
    broker: str,
    broker_identity: str | None,
) -> None:
    """Enrol an owner: signed by the owner's key and countersigned by the operator's."""
    from keybroker.enrolment import sign_owner
    from sealwasm.broker_api import fetch_descriptor, post_document
    from sealwasm.keyfiles import load_signing_key

    owner_key = load_signing_key(key, passphrase_file)
    operator = load_signing_key(operator_key)
    descriptor = fetch_descriptor(broker, broker_identity)
    body = sign_owner(
        broker=descriptor.identity_key().key_id,
        name=name,
        tenant=tenant or name,
        operator=operator,
        owner=owner_key,
        not_after=session.now() + timedelta(minutes=ENROLMENT_MINUTES),
    )
    answer = post_document(broker, "/v1/owners", body)
    session.say(f"next: sealwasm policy publish RELEASE.yaml --key {key} --broker {broker}")
    session.show(answer, table=table(list(answer.items())))
