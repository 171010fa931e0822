"""`sealwasm sign`: one more owner agrees with what the first one signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealwasm.artifacts.owner_trust_options import trust_options
from sealwasm.options import owner_key_options, registry_options
from sealwasm.session import Session, facts_table, output_option, pass_session

if TYPE_CHECKING:
    from sealwasm.artifacts.owner_trust_options import TrustChoice
    from sealwasm.artifacts.registry_access import RegistryAccess


@click.command()
@click.argument("reference")
@owner_key_options
@trust_options
@click.option("--dry-run", is_flag=True, help="Check and show what would be signed; sign nothing.")
@registry_options
@output_option
@pass_session
def sign(
    session: Session,
    /,
    reference: str,
    key: str,
    passphrase_file: str | None,
    trust: TrustChoice,
    dry_run: bool,
    registry: RegistryAccess,
) -> None:
    """Sign a published artifact with one more key.

    The same statement is signed again, after it was checked against --owner: with this, two of
    three owners can be asked for. A new key of the same owner signs older artifacts this way. Of an
    index every entry is checked, then every entry is signed.

    Example: sealwasm sign registry.example/acme/app:1 --key bob.key --owner alice.pub
    """
    from sealwasm.artifacts.offered import offered_at
    from sealwasm.artifacts.transfers import parse_reference
    from sealwasm.evidence.attesting import co_sign, facts_of
    from sealwasm.keyfiles import load_signing_key

    place = parse_reference(reference)
    owners = trust.load()
    signer = load_signing_key(key, passphrase_file)
    with registry.open(place) as store:
        offered = offered_at(store, place, owners.resolve(session.now()))
        facts = facts_of(place, offered) | {"signer": signer.key_id, "signed": not dry_run}
        if dry_run:
            session.say("dry run: nothing was signed")
        else:
            bundles = [co_sign(store, one, signer) for one in offered.artifacts]
            facts |= {"bundle": bundles[0]} if len(bundles) == 1 else {"bundles": bundles}
            who = "--owner OWNER.pub --owner SIGNER.pub"
            if_two = "with --threshold 2 if these are two owners, not two keys of one"
            session.say(f"next: sealwasm verify {facts['reference']} {who} ({if_two})")
    session.show(facts, table=facts_table(facts))
