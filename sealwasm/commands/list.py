"""`sealwasm list`: what is published at one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealwasm.contexts.completing import references
from sealwasm.contexts.options import context_option
from sealwasm.options import registry_options
from sealwasm.session import Session, output_option, pass_session, table

if TYPE_CHECKING:
    from sealwasm.artifacts.registry_access import RegistryAccess


@click.command("list")
@click.argument("place", required=False, shell_complete=references)
@context_option(
    "--owner",
    "owners",
    from_context="owners",
    multiple=True,
    metavar="FILE",
    help="Public key of an owner to trust; without one nothing is verified.",
)
@context_option("--publish-to", from_context="publish-to", hidden=True)
@context_option("--name", from_context="module", hidden=True)
@registry_options
@output_option
@pass_session
def list_published(
    session: Session,
    place: str | None,
    owners: tuple[str, ...],
    publish_to: str | None,
    name: str | None,
    registry: RegistryAccess,
) -> None:
    """List what is published at PLACE.

    PLACE is HOST/REPOSITORY or oci:FOLDER; without it, where the context publishes its module.
    Everything of a line that does not say `verified` is only claimed.

    Example: sealwasm list registry.example/acme/app
    """
    from sealwasm.artifacts.listing import published
    from sealwasm.artifacts.transfers import parse_reference
    from sealwasm.contexts.options import missing_option
    from sealwasm.keyfiles import load_public_key
    from sealwasm.owner.publishing import place_for

    where = place_for(place, publish_to, name or "")
    if where is None or (place is None and not name):
        raise missing_option(session, "PLACE", "publish-to")
    reference = parse_reference(where)
    keys = [load_public_key(path) for path in owners]
    with registry.open(reference) as store:
        found = [one.to_document() for one in published(store, reference, keys)]
    found.sort(key=lambda one: (str(one.get("module", "")), one.get("version", 0), one["tag"]))
    if not keys:
        session.say("nothing was verified: no --owner FILE, and no context says one")
    text = _table(found) if found else f"nothing is published at {reference.location}"
    session.show({"place": reference.location, "artifacts": found}, table=text)


def _table(found: list[dict[str, Any]]) -> str:
    header = ("tag", "module", "version", "bytes", "sealed", "signed by", "", "policy", "manifest")
    return table([_row(one) for one in found], header=header)


# What is no fault of an artifact, in words.
_TRUST = {"seal-signer-unknown": "key not trusted"}


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    if "digest" not in one:
        return (one["tag"], "-", "-", "-", "-", "-", one["refused"], "-", "-")
    trust = "verified" if one["verified"] else one.get("refused", "unverified")
    trust = _TRUST.get(trust, trust)
    return (
        one["tag"],
        one["module"],
        one["version"],
        one["bytes"],
        one["created"] or "-",
        one["signer"][:16],
        trust,
        one["policy"],
        one["digest"],
    )
