"""`sealwasm key`: signing keys of owners, operators and compliance teams."""

from __future__ import annotations

from pathlib import Path

import click

from sealwasm.session import Session, output_option, pass_session, table


@click.group()
def key() -> None:
    """Generate and show owner keys."""


@key.command()
@click.option("--out", required=True, metavar="FILE", help="Private key file; FILE.pub beside it.")
@click.option(
    "--kind",
    type=click.Choice(["p256", "ed25519"]),
    default="p256",
    show_default=True,
    help="p256 works with every signature tool; ed25519 is shorter and faster.",
)
@click.option("--passphrase-file", metavar="FILE", help="Encrypt with the first line of FILE.")
@output_option
@pass_session
def generate(session: Session, out: str, kind: str, passphrase_file: str | None) -> None:
    """Generate a signing key.

    Example: sealwasm key generate --out owner.key
    """
    from sealing.keys import SigningKey
    from sealwasm.files import refuse_existing, write_file
    from sealwasm.keyfiles import read_passphrase

    passphrase = read_passphrase(passphrase_file)
    public_path = Path(out + ".pub")
    refuse_existing(public_path)
    signing_key = SigningKey.generate(kind)
    write_file(out, signing_key.to_pem(passphrase), mode=0o600)
    write_file(public_path, signing_key.public.to_pem())
    facts = {
        "key_id": signing_key.public.key_id,
        "kind": kind,
        "private": out,
        "public": str(public_path),
        "encrypted": passphrase is not None,
    }
    session.show(facts, table=table(list(facts.items())))


@key.command()
@click.argument("file")
@output_option
@pass_session
def show(session: Session, file: str) -> None:
    """Show the id and kind of a public key file."""
    from sealwasm.keyfiles import load_public_key

    public = load_public_key(file)
    facts = {"key_id": public.key_id, "kind": public.kind}
    session.show(facts, table=table(list(facts.items())))
