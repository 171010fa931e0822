"""`sealwasm demo`: see `sealwasm.demo.story` for what it does."""

from __future__ import annotations

from pathlib import Path

import click

from sealwasm.commands.simulate import TEES
from sealwasm.session import Session, output_option, pass_session


@click.command()
@click.option("--keep", is_flag=True, help="Keep the demo's folder to look at.")
@click.option("--files", metavar="FOLDER", help="Only write its module, policy and problems.")
@click.option("--tee", type=click.Choice(TEES), default="snp", show_default=True)
@output_option
@pass_session
def demo(session: Session, keep: bool, files: str | None, tee: str) -> int:
    """Run the main job end to end on a simulated TEE.

    Starts a broker and runners as processes of their own on loopback, in a temporary folder, and
    checks every step. Exit code 1 if one did not go as said.
    """
    from sealwasm.demo.play import as_document, as_text, play

    if files is not None:
        return _write(session, Path(files))
    played = play(keep=keep, tee=tee)
    document = as_document(played)
    failed = [one for one in played if not one.ok]
    for one in failed:
        session.say(f"\n{one.title}: {one.shown}")
    session.show(document, table="\n" + as_text(played))
    return 0 if document["ok"] else 1


def _write(session: Session, folder: Path) -> int:
    from sealwasm.demo.story import write_files
    from sealwasm.files import refuse_existing

    refuse_existing(folder)
    names = write_files(folder)
    session.show({"folder": str(folder), "files": names}, table="\n".join(names))
    return 0
