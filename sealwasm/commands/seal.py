"""`sealwasm seal`: from a module in clear to a signed, encrypted artifact in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealwasm.artifacts.holders import holder_options, warn
from sealwasm.options import (
    hide_details_option,
    module_options,
    owner_key_options,
    registry_options,
    sealing_brokers_options,
    suite_option,
)
from sealwasm.session import Session, facts_table, output_option, pass_session

if TYPE_CHECKING:
    from sealwasm.artifacts.registry_access import RegistryAccess


@click.command()
@click.argument("module", metavar="MODULE|plain:REFERENCE")
@module_options(required=True)
@click.option("--version", type=click.IntRange(min=1), required=True, help="Only ever goes up.")
@owner_key_options
@sealing_brokers_options
@suite_option
@holder_options
@hide_details_option
@click.option(
    "--embed-signature",
    metavar="KEY",
    help="Sign the module itself too, inside, with this Ed25519 key; may be the owner's.",
)
@click.option("--to", "target", required=True, metavar="oci:FOLDER:TAG", help="Where it goes.")
@click.option("--dry-run", is_flag=True, help="Check and seal, but write nothing.")
@registry_options
@output_option
@pass_session
def seal(
    session: Session,
    /,
    module: str,
    target: str,
    dry_run: bool,
    registry: RegistryAccess,
    key: str,
    passphrase_file: str | None,
    **wish: Any,
) -> None:
    """Encrypt a module into an OCI image-layout folder.

    With --to HOST/REPOSITORY:TAG it goes to a registry at once. `sealwasm publish` does this and
    all that belongs to it. plain:REFERENCE seals what another tool published in clear.

    Example: sealwasm seal app.wasm --name acme/app --version 1 --policy acme/prod
    --capabilities grant.yaml --key owner.key --to oci:shop:app
    """
    from sealwasm.artifacts.modules import take_module
    from sealwasm.artifacts.transfers import parse_goal, push_artifact
    from sealwasm.keyfiles import load_signing_key
    from sealwasm.owner.chosen_brokers import ChosenBrokers
    from sealwasm.owner.sealing import SealOrder, facts_of, foreseen_of, seal_order

    goal = parse_goal(target)
    brokers = ChosenBrokers.taken_from(wish)
    owner = load_signing_key(key, passphrase_file)
    order = SealOrder(take_module(session, module, registry), brokers=brokers, **wish)
    sealed = seal_order(order, owner=owner, now=session.now())
    warn(session, sealed.statement.recipients)
    facts = foreseen_of([sealed]) if dry_run else facts_of(sealed)
    if dry_run:
        session.say("dry run: nothing was written")
    else:
        facts["reference"] = push_artifact(sealed, str(goal), owner=owner, registry=registry)
        session.say(f"next: sealwasm inspect {target}")
    session.show(facts, table=facts_table(facts))
