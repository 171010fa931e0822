"""`sealwasm import`: what `sealwasm export` wrote, into a registry or folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealwasm.contexts.completing import references
from sealwasm.options import registry_options
from sealwasm.session import Session, dry_run_option, facts_table, output_option, pass_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealwasm.artifacts.registry_access import RegistryAccess


@click.command("import")
@click.argument("file", metavar="FILE.tar")
@click.argument("target", shell_complete=references)
@click.option("--documents", metavar="FOLDER", help="Write descriptor and policy, if any, there.")
@registry_options
@dry_run_option
@output_option
@pass_session
def import_archive(
    session: Session,
    file: str,
    target: str,
    documents: str | None,
    registry: RegistryAccess,
    dry_run: bool,
) -> None:
    """Read a sealed module from a file that `export` wrote.

    Read strictly: anything in the file that is not the artifact and what belongs to it refuses all
    of it. Without a tag, TARGET gets the one of the file. Whose the artifact is is not checked
    here: `sealwasm verify` does that.

    Example: sealwasm import app.tar registry.inside.example/acme/app
    """
    from sealwasm.artifacts.airgap import check_documents, goal_of, import_artifact, open_archive

    with open_archive(file) as (archive, layout):
        check_documents(archive.documents)
        if documents is not None:
            _require_free(Path(documents), archive.documents)
        goal = goal_of(target, archive)
        facts: dict[str, Any] = {"reference": str(goal), "manifest": archive.digest}
        if dry_run:
            session.say("dry run: nothing was written")
        else:
            facts = import_artifact(archive, layout, target, registry=registry)
            if documents is not None:
                _write(Path(documents), archive.documents)
        facts["documents"] = sorted(archive.documents)
    if facts["documents"]:
        session.say("what the file says of broker and policy is not verified: anybody may add it")
    if not dry_run:
        session.say(f"next: sealwasm verify {facts['reference']} --owner OWNER.pub")
    session.show(facts, table=facts_table(facts))


def _require_free(folder: Path, documents: Mapping[str, bytes]) -> None:
    from sealwasm.files import refuse_existing

    for name in documents:
        refuse_existing(folder / Path(name).name)


def _write(folder: Path, documents: Mapping[str, bytes]) -> None:
    from sealwasm.files import make_folder, write_file

    make_folder(folder)
    for name, data in documents.items():
        write_file(folder / Path(name).name, data)
