"""`sealwasm rotate`: another key in the place of an owner's, for readers and for brokers."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from sealwasm.options import every_broker_options, owner_key_options
from sealwasm.session import (
    Session,
    dry_run_option,
    facts_table,
    output_option,
    pass_session,
)


@click.command()
@click.option("--new-key", required=True, metavar="KEY", help="The key that comes next.")
@click.option("--new-passphrase-file", metavar="FILE", help="First line of FILE opens the new key.")
@click.option(
    "--statement",
    required=True,
    metavar="FILE",
    help="Where the key statement goes, for everybody who trusts the old key.",
)
@click.option("--root", metavar="FILE", help="The first public key, if this is not the first one.")
@click.option(
    "--key-statement",
    "statements",
    multiple=True,
    metavar="FILE",
    help="A statement so far; repeatable. All of them, with --root.",
)
@owner_key_options
@every_broker_options
@dry_run_option
@output_option
@pass_session
def rotate(session: Session, /, dry_run: bool, **given: Any) -> None:
    """Put another key in the place of the owner's: a key statement, and every broker told.

    Modules that are published stay what they are, and both keys count. Name of the owner, release
    policies, versions and revocations go along. When nothing needs the old key any more:
    sealwasm revoke --whole-key --key OLD.

    Example: sealwasm rotate --key owner.key --new-key owner-2.key --statement owner-2.json
    """
    from sealing.signatures.key_statement import sign_key_statement
    from sealwasm.files import require_place, write_file
    from sealwasm.keyfiles import load_signing_key
    from sealwasm.owner.chosen_brokers import ChosenBrokers
    from sealwasm.owner.rotating import chain_to, require_another
    from sealwasm.owner.taking_back import rotation_for, tell_brokers

    brokers = ChosenBrokers.of(given["brokers"], given["identities"], 1)
    out = Path(given["statement"])
    require_place(out)
    old = load_signing_key(given["key"], given["passphrase_file"])
    new = load_signing_key(given["new_key"], given["new_passphrase_file"])
    require_another(old.public, new.public)
    now = session.now()
    facts: dict[str, Any] = {"old": old.key_id, "new": new.key_id, "statement": str(out)}
    chain = chain_to(old.public, given["root"], given["statements"], now=now)
    statement = sign_key_statement(chain, old, new.public, now=now)
    if dry_run:
        session.say("dry run: nothing was written and no broker was told")
    else:
        document = rotation_for(old, new, now)
        answers = tell_brokers(session, brokers, "/v1/owners/rotations", document)
        write_file(out, statement)
        _say_enrolled(session, answers)
        facts["brokers"] = [each["broker"] for each in answers]
        session.say(f"next: {_next(session, given['new_key'])}")
    session.show(facts, table=facts_table(facts))


def _say_enrolled(session: Session, answers: list[dict[str, Any]]) -> None:
    """Say which brokers knew the new key before they were told."""
    for each in answers:
        if "enrolled" in each:
            session.say(
                f"{each['broker']} had the new key already: from an earlier try of this, or "
                "enrolled apart, and then it follows no key there"
            )


def _next(session: Session, new: str) -> str:
    """Return how the new key comes into the context, which goes on to trust those before it."""
    context = session.context()
    if context is None:
        return f"sign with it from now on: --key {new}"
    owners = [*(context.get("owners") or ()), f"{new}.pub"]
    trusted = [word for each in owners for word in ("--owner-key", each)]
    return shlex.join(["sealwasm", "context", "set", "--key", new, *trusted])
