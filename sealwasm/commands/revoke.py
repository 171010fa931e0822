"""`sealwasm revoke`: no runner gets a key for it any more."""

from __future__ import annotations

from typing import Any

import click

from sealwasm.contexts.options import context_option
from sealwasm.options import every_broker_options, owner_key_options, registry_options
from sealwasm.session import (
    Session,
    dry_run_option,
    facts_table,
    output_option,
    pass_session,
    table,
)


@click.command()
@click.argument("reference", required=False)
@context_option("--name", "module", from_context="module", metavar="NAME", help="The module.")
@click.option(
    "--through",
    type=click.IntRange(min=1),
    metavar="VERSION",
    help="Revoke every version of the module up to this one.",
)
@click.option(
    "--whole-key", is_flag=True, help="Revoke the key itself, and all it signed and will sign."
)
@click.option("--reason", required=True, metavar="TEXT", help="For the audit log, in clear.")
@click.option(
    "--of",
    "owner",
    metavar="FILE",
    help="Public key of the owner, where --key is the operator's.",
)
@owner_key_options
@every_broker_options
@registry_options
@dry_run_option
@output_option
@pass_session
def revoke(session: Session, /, reference: str | None, dry_run: bool, **given: Any) -> None:
    """Tell brokers to give no more keys for an artifact, for versions or for a key's modules.

    It cannot be taken back: publish a higher version instead. What runs goes on until its lease
    ends. A module that was sealed again over the same code is another artifact.

    Example: sealwasm revoke --through 3 --name acme/solver --reason 'wrong answers'
    """
    from sealwasm.keyfiles import load_public_key, load_signing_key
    from sealwasm.owner.chosen_brokers import ChosenBrokers
    from sealwasm.owner.taking_back import revocation_for, revoked_thing, tell_brokers

    brokers = ChosenBrokers.of(given["brokers"], given["identities"], 1)
    taken = revoked_thing(
        given["registry"],
        reference=reference,
        module=given["module"],
        through=given["through"],
        whole_key=given["whole_key"],
    )
    signer = load_signing_key(given["key"], given["passphrase_file"])
    owner = load_public_key(given["owner"]).key_id if given["owner"] else signer.key_id
    _warn(session, reference, sealed_by=taken.owner, owner=owner)
    document = revocation_for(
        taken.revokes, owner=owner, reason=given["reason"], signer=signer, now=session.now()
    )
    facts: dict[str, Any] = {"owner": owner, "revokes": taken.revokes.model_dump(mode="json")}
    if dry_run:
        session.say("dry run: no broker was told")
        facts |= {"brokers": [one.url for one in brokers.brokers]}
        return session.show(facts, table=facts_table(facts))
    answers = tell_brokers(session, brokers, "/v1/revocations", document)
    session.say("what has a key now keeps it until its lease ends")
    facts |= {"answers": answers}
    rows = [(each["broker"], each["revocation"], f"leaf {each['leaf_index']}") for each in answers]
    return session.show(facts, table=table(rows, ("broker", "revocation", "log")))


def _warn(session: Session, reference: str | None, *, sealed_by: str | None, owner: str) -> None:
    """Say what cannot be known here of the thing that is revoked."""
    if reference is not None and sealed_by is None:
        session.say(f"warning: {reference} cannot be looked at: its digest is revoked as it stands")
    if sealed_by not in (owner, None):
        session.say(
            f"warning: key {sealed_by} sealed this; it counts only if {owner} came after that "
            "key by `sealwasm rotate`"
        )
