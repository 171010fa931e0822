"""`sealwasm seal`: from a module in clear to a signed, encrypted artifact in a folder."""

from __future__ import annotations

import click

from sealwasm.options import broker_options, module_options, owner_key_options
from sealwasm.session import Session, output_option, pass_session, table

# The first is post-quantum hybrid: a module must stay secret for years (ADR 3).
SUITES = ["mlkem768x25519-hkdfsha256-aes256gcm", "x25519-hkdfsha256-aes256gcm"]


@click.command()
@click.argument("module")
@module_options
@click.option("--version", type=click.IntRange(min=1), required=True, help="Only ever goes up.")
@owner_key_options
@broker_options
@click.option(
    "--suite",
    type=click.Choice(SUITES),
    default=SUITES[0],
    show_default=True,
    help="How the key is sealed to the broker.",
)
@click.option("--to", "target", required=True, metavar="oci:FOLDER:TAG", help="Where it goes.")
@click.option("--dry-run", is_flag=True, help="Check and seal, but write nothing.")
@output_option
@pass_session
def seal(session: Session, /, target: str, dry_run: bool, **wish: str | int | None) -> None:
    """Encrypt a module into an OCI image-layout folder.

    With --to HOST/REPOSITORY:TAG it goes to a registry at once.

    Example: sealwasm seal app.wasm --name acme/app --version 1 --policy acme/prod
    --capabilities grant.yaml --key owner.key --to oci:shop:app
    """
    from sealwasm.artifacts import parse_reference, push_artifact
    from sealwasm.sealing_work import SealOrder, facts_of, seal_order

    parse_reference(target)
    sealed, owner = seal_order(SealOrder(**wish), now=session.now())  # type: ignore[arg-type]
    facts = facts_of(sealed)
    if dry_run:
        session.say("dry run: nothing was written")
    else:
        facts["reference"] = push_artifact(sealed, target, owner=owner)
        session.say(f"next: sealwasm inspect {target}")
    session.show(facts, table=table(list(facts.items())))
