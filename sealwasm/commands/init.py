"""`sealwasm init`: everything an owner needs before the first module."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealwasm.commands.simulate import TEES
from sealwasm.contexts.options import with_context
from sealwasm.options import DEFAULT_BROKER
from sealwasm.session import Session, dry_run_option, facts_table, output_option, pass_session

if TYPE_CHECKING:
    from sealwasm.owner.project import Runner

# A file to write: where, what, with which mode.
Planned = tuple[Path, bytes, int]


@click.command()
@click.argument("folder", default=".")
@click.option("--module", metavar="FILE", help="Draft the capability policy from its imports.")
@click.option("--name", metavar="NAME", help="Name of the module (default: OWNER/its file's name).")
@click.option("--owner", metavar="NAME", help="Name of the owner (default: your login).")
@click.option("--key", metavar="KEY", help="Use that key, a file or URI, instead of a new one.")
@click.option(
    "--kind", type=click.Choice(["p256", "ed25519"]), default="p256", show_default=True,
    help="Kind of the new key.",
)  # fmt: skip
@click.option("--passphrase-file", metavar="FILE", help="First line of FILE encrypts the new key.")
@click.option(
    "--broker", default=DEFAULT_BROKER, show_default=True, metavar="URL", help="The key broker."
)
@click.option(
    "--broker-identity", metavar="ID", help="Needed unless the broker is on this machine."
)
@click.option("--publish-to", metavar="PLACE", help="HOST/PATH or oci:FOLDER (default: a folder).")
@click.option("--tee", type=click.Choice(TEES), default="snp", show_default=True, help="To run on.")
@click.option(
    "--measurement", metavar="HEX", help="Of the runner (default: the one installed here)."
)
@with_context
@dry_run_option
@output_option
@pass_session
def init(session: Session, /, folder: str, dry_run: bool, **given: Any) -> None:
    """Make an owner's project: key, policies, and a context that commands use.

    Writes owner.key and owner.key.pub, grant.yaml (what a module may do), release.yaml (which
    runner may have its key) and .gitignore into FOLDER, and a context into the config file. Nothing
    that exists is overwritten, and nothing is asked. A broker on this machine is asked for its
    identity, which the context pins.

    Example: sealwasm init --module app.wasm
    """
    from sealwasm.files import make_folder, refuse_existing, write_file
    from sealwasm.owner.project import context_members, word

    home = Path(folder).absolute()
    name = session.context_name or word(home.name, "owner")
    facts = _facts(session, home, given)
    public, planned = _planned(session, home, given, facts)
    for path, _, _ in planned:
        refuse_existing(path)
    config = _config_with(session, name, context_members(home, facts))
    if not dry_run:
        make_folder(home)
        for path, data, mode in planned:
            write_file(path, data, mode=mode)
        _save(session, config)
    _say(session, given, facts, dry_run=dry_run)
    shown = {
        "folder": str(home),
        "files": [path.name for path, _, _ in planned],
        "context": name,
        "config": str(session.config_path()),
        "key_id": public,
        **{key: facts[key] for key in ("owner", "name", "policy", "broker", "identity")},
        "dry_run": dry_run,
    }
    session.show(shown, table=facts_table(shown))


def _facts(session: Session, home: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Return what the options leave open, decided."""
    from sealwasm.owner.pinning import look_at_broker
    from sealwasm.owner.project import word
    from sealwasm.owner.publishing import require_name

    login = session.environment.get("LOGNAME") or session.environment.get("USER", "")
    owner = given["owner"] or word(login, "owner")
    subject = Path(given["module"]).stem if given["module"] else home.name
    name = given["name"] or f"{owner}/{word(subject, 'module')}"
    for one in (owner, name):
        require_name(one)
    found = look_at_broker(session, given["broker"], given["broker_identity"])
    return {
        "owner": owner,
        "name": name,
        "policy": f"{owner}/prod",
        "broker": given["broker"],
        "identity": found.identity,
        "simulated": found.simulated,
        "key": _place(given["key"]),
        "publish_to": given["publish_to"],
        "runner": _runner(given["tee"], given["measurement"]),
    }


def _place(key: str | None) -> str | None:
    from sealwasm.contexts.stored import key_from

    return key and key_from(key, Path.cwd())


def _runner(tee: str, measurement: str | None) -> Runner | None:
    """Return the runner to allow: the named one, or that of this installation if there is one."""
    from sealwasm.owner.project import Runner

    try:
        from attestation.simulated.platforms import PLATFORMS
        from runner.measure import runner_measurement
    except ModuleNotFoundError:
        return Runner(tee, measurement, measurement, "Given to init.") if measurement else None
    digest = runner_measurement().digest
    own, pcr = (PLATFORMS[one].launch_value(digest).hex() for one in (tee, "tpm"))
    if measurement is not None:
        return Runner(tee, measurement, pcr, "Given to init.")
    return Runner(tee, own, pcr, "The runner of this very installation, as simulated silicon says.")


def _planned(
    session: Session, home: Path, given: dict[str, Any], facts: dict[str, Any]
) -> tuple[str, list[Planned]]:
    """Return the key's id and every file that is to be written."""
    from sealwasm.artifacts.transfers import read_module
    from sealwasm.owner import project

    module = read_module(given["module"]) if given["module"] else None
    key_id, planned = _key(home, given)
    grant = project.grant_text(module, facts["name"].rpartition("/")[2])
    planned.append((home / project.GRANT, grant.encode(), 0o644))
    if facts["runner"]:
        text = project.release_text(facts["policy"], facts["runner"], simulated=facts["simulated"])
        _require_release(text)
        planned.append((home / project.RELEASE, text.encode(), 0o644))
    ignore = home / project.IGNORE
    if ignore.exists():
        session.say(f"{ignore} is left as it is: see that it names {project.KEY}")
    else:
        planned.append((ignore, project.ignore_text().encode(), 0o644))
    return key_id, planned


def _key(home: Path, given: dict[str, Any]) -> tuple[str, list[Planned]]:
    from sealing.keys import SigningKey
    from sealwasm.keyfiles import load_signing_key, read_passphrase
    from sealwasm.owner import project

    if given["key"] is not None:
        known = load_signing_key(given["key"], given["passphrase_file"]).public
        return known.key_id, [(home / project.PUBLIC, known.to_pem(), 0o644)]
    passphrase = read_passphrase(given["passphrase_file"])
    made = SigningKey.generate(given["kind"])
    return made.public.key_id, [
        (home / project.KEY, made.to_pem(passphrase), 0o600),
        (home / project.PUBLIC, made.public.to_pem(), 0o644),
    ]


def _require_release(text: str) -> None:
    """Check the policy as a broker will: a measurement that somebody typed may be none."""
    from policies.load import load_release

    load_release(text.encode(), name="release.yaml")


def _config_with(session: Session, name: str, members: dict[str, Any]) -> Any:
    from sealwasm.commands.context import load_or_empty, validated, with_one_more
    from sealwasm.failure import CliError, Kind

    config = load_or_empty(session)
    if name in config.contexts:
        raise CliError(
            Kind.CONFLICT,
            "context-exists",
            f"{session.config_path()} has a context {name}",
            next_step="--context NAME, to call this one otherwise",
        )
    return with_one_more(config, name, validated(members), current=True)


def _save(session: Session, config: Any) -> None:
    from sealwasm.contexts.stored import save_config

    save_config(session.config_path(), config)


def _say(session: Session, given: dict[str, Any], facts: dict[str, Any], *, dry_run: bool) -> None:
    if not given["passphrase_file"] and not given["key"]:
        session.say("owner.key is not encrypted: --passphrase-file FILE would do that")
    if facts["runner"] is None:
        session.say("no release.yaml: no runner is installed here, so name one: --measurement HEX")
    elif given["measurement"] is None:
        session.say("release.yaml allows the runner of this installation; see what it says")
    if dry_run:
        session.say("dry run: nothing was written")
        return
    session.say("next: the broker's operator enrols you: sealwasm owner enrol --operator-key KEY")
    session.say(f" then: sealwasm publish {given['module'] or 'app.wasm'}")
