"""`sealwasm rewrap`: the same ciphertext for other brokers or holders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from sealwasm.artifacts.holders import also_option, recovery_option
from sealwasm.options import (
    owner_key_options,
    registry_options,
    sealing_brokers_options,
    suite_option,
)
from sealwasm.session import (
    Session,
    dry_run_option,
    facts_table,
    output_option,
    pass_session,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sealing.holders.recipients import Recipients
    from sealing.keys import Signer
    from sealing.oci.reference import Reference
    from sealing.oci.store import ArtifactStore
    from sealing.seal import SealedModule
    from sealwasm.artifacts.offered import Offered
    from sealwasm.artifacts.registry_access import RegistryAccess
    from sealwasm.owner.resealing import OwnKeyChoice


@click.command()
@click.argument("reference")
@click.option("--recovery-key", metavar="FILE", help="Private recovery key of the owner.")
@click.option("--jwe-key", metavar="FILE", help="Private key of a JWE recipient (PEM or JWK).")
@click.option(
    "--opening-passphrase-file", metavar="FILE", help="First line of FILE opens that key."
)
@owner_key_options
@sealing_brokers_options
@suite_option
@recovery_option("--recovery-key-for")
@also_option
@click.option("--version", type=click.IntRange(min=1), help="Another version than it has.")
@click.option("--policy", metavar="NAME", help="Another release policy than it has.")
@click.option("--to", "target", required=True, metavar="REFERENCE", help="Where it goes.")
@registry_options
@dry_run_option
@output_option
@pass_session
def rewrap(
    session: Session,
    /,
    reference: str,
    target: str,
    registry: RegistryAccess,
    dry_run: bool,
    **given: Any,
) -> None:
    """Seal a published module for other brokers or holders without touching its ciphertext.

    It has to be signed by --key, and --recovery-key or --jwe-key opens it. Envelopes, manifest and
    signature are new; layer and config stay, and within one registry no byte of them moves. Of an
    index every entry is sealed anew, by the digest of one entry that one alone. Who could open the
    old artifact still can: to take a module away from somebody, seal it again.

    Example: sealwasm rewrap registry.example/acme/app:7 --recovery-key backup.key --key owner.key
    --broker https://new.example --to registry.example/acme/app:7b
    """
    from sealwasm.artifacts.offered import offered_at
    from sealwasm.artifacts.transfers import parse_goal, parse_reference
    from sealwasm.keyfiles import load_signing_key
    from sealwasm.owner.resealing import OwnKeyChoice, published_over, trust_in

    place, goal = parse_reference(reference), parse_goal(target)
    choice = OwnKeyChoice.of(given)
    owner = load_signing_key(given["key"], given["passphrase_file"])
    now = session.now()
    with registry.open(place) as source:
        offered = offered_at(source, place, trust_in(owner).resolve(now))
        sealed = _sealed_anew(source, offered, choice, given, owner=owner, now=now)
        facts = published_over(
            session, registry, source, sealed, goal, owner=owner, dry_run=dry_run
        )
    _say_what_changed(session, place, offered, sealed[0].statement.recipients)
    session.show(facts, table=facts_table(facts))


def _sealed_anew(
    source: ArtifactStore,
    offered: Offered,
    choice: OwnKeyChoice,
    given: dict[str, Any],
    *,
    owner: Signer,
    now: datetime,
) -> list[SealedModule]:
    """Return every entry for the holders that options name; they get one `now`."""
    from sealing.rewrap import terms_of
    from sealwasm.owner.resealing import rewrapped

    recipients = _recipients(given)
    terms = terms_of(offered.first, version=given["version"], policy=given["policy"])
    key = choice.load()
    return [
        rewrapped(source, one, key, terms, recipients, owner=owner, now=now)
        for one in offered.artifacts
    ]


def _say_what_changed(
    session: Session, place: Reference, offered: Offered, after: Sequence[str]
) -> None:
    """Say which kinds of keys open the old artifact and not the new one, and where the old is."""
    if left_out := sorted(set(offered.first.statement.recipients) - set(after)):
        options = "--recovery-key-for and --also"
        session.say(f"not sealed any more for: {', '.join(left_out)}; {options} name such keys")
    old = " and ".join(f"{place.location}@{digest}" for digest in offered.shapes.values())
    session.say(f"what was published before stays, for whom it was sealed then: {old}")


def _recipients(given: dict[str, Any]) -> Recipients:
    from sealwasm.artifacts.holders import with_holders
    from sealwasm.owner.chosen_brokers import ChosenBrokers

    brokers = ChosenBrokers.taken_from(given).recipients(given["suite"])
    return with_holders(brokers, given["recovery_keys"], given["also"])
