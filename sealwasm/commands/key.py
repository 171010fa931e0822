"""`sealwasm key`: signing keys of owners, operators and compliance teams."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealwasm.failure import CliError, Kind
from sealwasm.session import (
    Session,
    dry_files_option,
    facts_table,
    output_option,
    pass_session,
    table,
)
from sealwasm.times import UtcTime

if TYPE_CHECKING:
    from sealing.keys import SigningKey

_FORMATS = click.Choice(["pem", "cosign"])
TIME = UtcTime()


@click.group()
def key() -> None:
    """Generate, show, list and convert owner keys."""


def _encoded(signing_key: SigningKey, form: str, passphrase: bytes | None) -> bytes:
    from sealing.signers.cosign_key import write_cosign_key

    if form == "pem":
        return signing_key.to_pem(passphrase)
    if passphrase is None:
        raise CliError(
            Kind.USAGE,
            "passphrase-needed",
            "a key file of cosign has a passphrase",
            next_step="add a file with it on its first line: see --help",
        )
    return write_cosign_key(signing_key, passphrase)


@key.command()
@click.option("--out", required=True, metavar="FILE", help="Private key file; FILE.pub beside it.")
@click.option(
    "--kind",
    type=click.Choice(["p256", "ed25519"]),
    default="p256",
    show_default=True,
    help="p256 works with every signature tool; ed25519 is shorter and faster.",
)
@click.option(
    "--format",
    "form",
    type=_FORMATS,
    default="pem",
    show_default=True,
    help="cosign: a file that cosign signs with as well; needs a passphrase.",
)
@click.option("--passphrase-file", metavar="FILE", help="Encrypt with the first line of FILE.")
@click.option(
    "--recovery",
    "recovery_name",
    metavar="NAME",
    help="Make no signing key but a recovery key of this name: it opens modules that were sealed "
    "with --recovery-key OUT.pub, without any broker. Always with a passphrase.",
)
@dry_files_option
@output_option
@pass_session
def generate(session: Session, /, out: str, kind: str, form: str, **given: Any) -> None:
    """Generate a signing key, or a recovery key.

    Example: sealwasm key generate --out owner.key
    """
    if given["recovery_name"] is not None:
        _generate_recovery_key(session, out, given)
        return
    from sealing.keys import SigningKey
    from sealwasm.files import is_dry_run, refuse_existing, write_file
    from sealwasm.keyfiles import read_passphrase

    passphrase = read_passphrase(given["passphrase_file"])
    public_path = Path(out + ".pub")
    refuse_existing(public_path)
    signing_key = SigningKey.generate(kind)
    write_file(out, _encoded(signing_key, form, passphrase), mode=0o600)
    write_file(public_path, signing_key.public.to_pem())
    # A dry run's key is thrown away: the next one has another name.
    made = {} if is_dry_run() else {"key_id": signing_key.public.key_id}
    facts = {
        **made,
        "kind": kind,
        "private": out,
        "public": str(public_path),
        "encrypted": passphrase is not None,
    }
    session.show(facts, table=facts_table(facts))


def _generate_recovery_key(session: Session, out: str, given: dict[str, Any]) -> None:
    from sealwasm.owner.recovery import generate_recovery_key

    facts = generate_recovery_key(out, given["recovery_name"], given["passphrase_file"])
    session.say(f"keep {out} and its passphrase offline, and apart: nobody else can help you")
    session.show(facts, table=facts_table(facts))


@key.command()
@click.argument("place", metavar="KEY")
@click.option("--passphrase-file", metavar="FILE", help="First line of FILE opens a private key.")
@output_option
@pass_session
def show(session: Session, place: str, passphrase_file: str | None) -> None:
    """Show the id, the kind and the public half of KEY: a file, or a pkcs11:, awskms: or hv: URI.

    A private key file is opened for it; a token is asked without a PIN.
    """
    from sealing.signers.open import is_key_uri
    from sealwasm.keyfiles import is_private_file, load_private_file, load_public_key

    if not is_key_uri(place) and is_private_file(place):
        public = load_private_file(place, passphrase_file).public
    else:
        public = load_public_key(place)
    pem = public.to_pem().decode()
    rows = {"key_id": public.key_id, "kind": public.kind}
    session.show({**rows, "pem": pem}, table=f"{facts_table(rows)}\n{pem.rstrip()}")


@key.command()
@click.argument("file")
@click.option("--out", required=True, metavar="FILE", help="The new private key file.")
@click.option(
    "--format", "form", type=_FORMATS, default="pem", show_default=True, help="Form of it."
)
@click.option("--passphrase-file", metavar="FILE", help="First line of FILE opens the key.")
@click.option("--new-passphrase-file", metavar="FILE", help="First line of FILE opens the new one.")
@click.option("--unsafe-unencrypted", is_flag=True, help="Write a key that needs no passphrase.")
@dry_files_option
@output_option
@pass_session
def export(session: Session, /, file: str, out: str, form: str, **given: Any) -> None:
    """Write the private key in FILE to another file: another form, another passphrase.

    Keys on tokens and in key services cannot be had: that is what they are for.

    Example: sealwasm key export cosign.key --out owner.key --passphrase-file old
    --new-passphrase-file new
    """
    from sealwasm.files import require_place, write_file
    from sealwasm.keyfiles import load_private_file, read_passphrase

    passphrase = read_passphrase(given["new_passphrase_file"])
    if (passphrase is None) != given["unsafe_unencrypted"]:
        raise CliError(
            Kind.USAGE,
            "passphrase-needed",
            "either the new file has a passphrase, or --unsafe-unencrypted says that it has none",
            next_step="add --new-passphrase-file FILE",
        )
    require_place(Path(out))
    signing_key = load_private_file(file, given["passphrase_file"])
    write_file(out, _encoded(signing_key, form, passphrase), mode=0o600)
    facts = {
        "key_id": signing_key.key_id,
        "kind": signing_key.kind,
        "private": out,
        "encrypted": passphrase is not None,
    }
    session.show(facts, table=facts_table(facts))


@key.command("list")
@click.argument("place", default=".")
@output_option
@pass_session
def list_keys(session: Session, place: str) -> None:
    """List the keys in a folder (PLACE), or on a token by a pkcs11: URI without a key.

    Example: sealwasm key list 'pkcs11:token=owner?module-path=/usr/lib/softhsm/libsofthsm2.so'
    """
    from sealwasm.key_listing import keys_at

    found = keys_at(place)
    header = ("key id", "kind", "form", "place")
    rows = [(one["key_id"][:16], one["kind"], one["form"], one["place"]) for one in found]
    session.show(found, table=table(rows, header) if rows else f"no keys in {place}")


@key.command()
@click.argument("old", metavar="OLD")
@click.option("--new", required=True, metavar="FILE", help="Public key that comes after OLD.")
@click.option("--out", required=True, metavar="FILE", help="Where the key statement goes.")
@click.option("--passphrase-file", metavar="FILE", help="First line of FILE opens OLD.")
@click.option("--root", metavar="FILE", help="The first public key, if OLD is not the first one.")
@click.option(
    "--key-statement",
    "statements",
    multiple=True,
    metavar="FILE",
    help="A statement so far; repeatable. All of them, with --root.",
)
@click.option("--not-before", type=TIME, help="When the new key starts to count (default: now).")
@click.option(
    "--old-not-after", type=TIME, help="When OLD expires; without it, it goes on as well."
)
@dry_files_option
@output_option
@pass_session
def rotate(session: Session, /, **given: Any) -> None:
    """Say with the key OLD which key comes after it, so that nobody has to trust a new one by hand.

    Whoever trusts OLD adds the statement: sealwasm verify REFERENCE --owner OLD.pub
    --key-statement FILE. Published modules stay as they are; sign them again with: sealwasm sign.

    Example: sealwasm key rotate owner.key --new owner-2.key.pub --out owner-2.json
    """
    from sealwasm.owner.rotating import Rotation
    from sealwasm.owner.rotating import rotate as rotate_key

    facts = rotate_key(Rotation(**given), now=session.now())
    session.show(facts, table=facts_table(facts))
