"""`sealwasm context`: what commands take for granted, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealwasm.contexts.completing import context_names
from sealwasm.contexts.options import with_context
from sealwasm.session import (
    Command,
    Session,
    dry_run_option,
    facts_table,
    output_option,
    pass_session,
    table,
)

if TYPE_CHECKING:
    from sealwasm.contexts.models import ConfigFile, ContextFile

# Options of `add` that hold a path; relative ones are of the current folder.
_PATHS = ("release_policy", "capabilities", "registry_ca", "registry_auth")


@click.group()
def context() -> None:
    """Choose what commands take for granted: broker, key, policies, registry."""


@context.command("list", short_help="List the contexts of the config file.")
@with_context
@output_option
@pass_session
def list_contexts(session: Session) -> None:
    """List the contexts of the config file; the one in use has a star."""
    config = load_or_empty(session)
    in_use = session.context_name or config.current
    document = [
        {"name": name, "current": name == in_use, **one.to_document()}
        for name, one in config.contexts.items()
    ]
    rows = [
        (
            "*" if name == in_use else "",
            name,
            one.module or "-",
            ", ".join(broker.url for broker in one.brokers) or "-",
            one.publish_to or "-",
        )
        for name, one in config.contexts.items()
    ]
    text = table(rows, header=("", "name", "module", "brokers", "publish-to"))
    session.show(document, table=text if rows else f"no contexts in {session.config_path()}")


@context.command(short_help="Show what a context says, its paths made absolute.")
@click.argument("name", required=False, shell_complete=context_names)
@with_context
@output_option
@pass_session
def show(session: Session, name: str | None) -> None:
    """Show what the named or the current context says, its paths made absolute."""
    from sealwasm.failure import CliError, Kind

    session.context_name = name or session.context_name
    found = session.context()
    if found is None:
        raise CliError(
            Kind.NOT_FOUND,
            "context-none",
            f"no context is in use: {session.config_path()} names none",
            next_step="sealwasm init, or: sealwasm context add NAME --help",
        )
    document = {"name": found.name, **{key: _plain(found.get(key)) for key in found.values}}
    session.show(document, table=table([(key, _shown(value)) for key, value in document.items()]))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value)
    if isinstance(value, dict):
        return f"{value['url']} ({value.get('identity') or 'identity not pinned'})"
    return str(value)


@context.command(short_help="Make another context the current one.")
@click.argument("name", shell_complete=context_names)
@with_context
@dry_run_option
@output_option
@pass_session
def use(session: Session, name: str, dry_run: bool) -> None:
    """Make another context the current one."""
    config = _require(session, name)
    _save(session, config.using(name), dry_run=dry_run)
    facts = {"current": name, "config": str(session.config_path())}
    session.show(facts, table=facts_table(facts))


@context.command(short_help="Forget a context.")
@click.argument("name", shell_complete=context_names)
@with_context
@dry_run_option
@output_option
@pass_session
def remove(session: Session, name: str, dry_run: bool) -> None:
    """Forget a context. Files that it names stay."""
    config = _require(session, name)
    _save(session, config.without(name), dry_run=dry_run)
    facts = {"removed": name, "config": str(session.config_path())}
    session.show(facts, table=facts_table(facts))


# What a context may say, as options.
_MEMBERS = (
    click.option("--module", metavar="NAME", help="Name of the module, such as acme/scoring."),
    click.option("--owner", metavar="NAME", help="Name of the owner, such as acme."),
    click.option("--key", metavar="FILE|URI", help="Where the owner's private key is."),
    click.option(
        "--owner-key", "owners", multiple=True, metavar="FILE", help="Public key to trust."
    ),
    click.option(
        "--broker", "urls", multiple=True, metavar="URL", help="A key broker; repeatable."
    ),
    click.option(
        "--broker-identity",
        "identities",
        multiple=True,
        metavar="ID",
        help="Key id; one per --broker.",
    ),
    click.option("--threshold", type=click.IntRange(min=1), help="How many are needed."),
    click.option("--publish-to", metavar="PLACE", help="oci:FOLDER or HOST/PATH for its modules."),
    click.option("--policy", metavar="NAME", help="Name of the release policy."),
    click.option("--release-policy", metavar="FILE", help="The release policy itself."),
    click.option("--capabilities", metavar="FILE", help="Capability policy."),
    click.option(
        "--registry-ca", metavar="FILE", help="Certificates that registries are checked with."
    ),
    click.option("--registry-auth", metavar="FILE", help="Credentials for registries."),
)


def _member_options(command: Command) -> Command:
    for option in reversed(_MEMBERS):
        command = option(command)
    return command


@context.command(short_help="Write down a context.")
@click.argument("name")
@_member_options
@click.option("--use", "current", is_flag=True, help="Make it the current context.")
@click.option("--replace", is_flag=True, help="Replace a context of that name.")
@with_context
@dry_run_option
@output_option
@pass_session
def add(
    session: Session, /, name: str, current: bool, replace: bool, dry_run: bool, **given: Any
) -> None:
    """Write down a context. The first one is the current one.

    A broker on this machine is asked for its identity, which is pinned from then on; for others
    name it with --broker-identity. Of keys only the place is kept.

    Example: sealwasm context add work --broker https://broker.example --broker-identity ID
    --key owner.key --publish-to registry.example/acme
    """
    from sealwasm.failure import CliError, Kind

    config = load_or_empty(session)
    if name in config.contexts and not replace:
        raise CliError(
            Kind.CONFLICT,
            "context-exists",
            f"{session.config_path()} has a context {name}",
            next_step="--replace, or choose another name",
        )
    made = validated(_members_of(session, given))
    _save(session, with_one_more(config, name, made, current=current), dry_run=dry_run)
    document = {"name": name, "config": str(session.config_path()), **made.to_document()}
    session.show(document, table=table([(key, _shown(value)) for key, value in document.items()]))


@context.command("set", short_help="Change what a context says.")
@click.argument("name", required=False, shell_complete=context_names)
@_member_options
@with_context
@dry_run_option
@output_option
@pass_session
def set_members(session: Session, /, name: str | None, dry_run: bool, **given: Any) -> None:
    """Change what the current context says, or the one called NAME; the rest of it stays.

    Example: sealwasm context set --key owner-2.key --owner-key owner-2.key.pub
    """
    from sealwasm.failure import CliError, Kind

    chosen = name or load_or_empty(session).current
    if chosen is None:
        raise CliError(
            Kind.USAGE,
            "usage",
            "no context is in use, and none is named",
            next_step="sealwasm context set NAME, or: sealwasm context add --help",
        )
    config = _require(session, chosen)
    members = config.contexts[chosen].members() | _members_of(session, given)
    made = validated(members)
    _save(session, with_one_more(config, chosen, made, current=False), dry_run=dry_run)
    document = {"name": chosen, "config": str(session.config_path()), **made.to_document()}
    session.show(document, table=table([(key, _shown(value)) for key, value in document.items()]))


def _members_of(session: Session, given: dict[str, Any]) -> dict[str, Any]:
    """Return what the options say of a context, and nothing where they say nothing."""
    from sealwasm.contexts.stored import key_from, path_from, place_from

    here = Path.cwd()
    members: dict[str, Any] = {
        name.replace("_", "-"): path_from(given[name], here) for name in _PATHS if given[name]
    }
    members |= {
        name: given[name] for name in ("module", "owner", "policy", "threshold") if given[name]
    }
    if given["key"]:
        members["key"] = key_from(given["key"], here)
    if given["publish_to"]:
        members["publish-to"] = place_from(given["publish_to"], here)
    if given["owners"]:
        members["owners"] = tuple(path_from(path, here) for path in given["owners"])
    if given["urls"] or given["identities"]:
        members["brokers"] = _brokers(session, given["urls"], given["identities"])
    return members


def _brokers(
    session: Session, urls: tuple[str, ...], identities: tuple[str, ...]
) -> tuple[dict[str, str], ...]:
    from sealwasm.failure import CliError, Kind
    from sealwasm.owner.pinning import pinned_identity

    if identities and len(identities) != len(urls):
        raise CliError(
            Kind.USAGE, "usage", f"{len(urls)} --broker and {len(identities)} --broker-identity"
        )
    pins = [
        pinned_identity(session, url, identities[at] if identities else None)
        for at, url in enumerate(urls)
    ]
    return tuple(
        {"url": url} | ({"identity": pin} if pin else {})
        for url, pin in zip(urls, pins, strict=True)
    )


def validated(members: dict[str, Any]) -> ContextFile:
    """Return the context with these members, or raise `CliError`."""
    from pydantic import ValidationError

    from policies.problems import refusal_of
    from policies.source import SourceMap
    from sealwasm.contexts.models import ContextFile
    from sealwasm.failure import CliError, Kind

    try:
        return ContextFile.model_validate(members)
    except ValidationError as error:
        refusal = refusal_of(error, SourceMap("context"))
        raise CliError(
            Kind.USAGE, "context-invalid", refusal.detail, where=refusal.where
        ) from error


def with_one_more(config: ConfigFile, name: str, made: ContextFile, *, current: bool) -> ConfigFile:
    """Return `config` with the context under `name`, or raise `CliError` for what is no name."""
    from sealwasm.failure import CliError, Kind

    try:
        return config.with_context(name, made, current=current)
    except ValueError as error:
        raise CliError(
            Kind.USAGE,
            "context-name",
            f"'{name}' is no name for a context",
            why="expected lower-case letters, digits and . _ -",
        ) from error


def load_or_empty(session: Session) -> ConfigFile:
    """Return the config file; an empty one where there is none."""
    from sealwasm.contexts.models import ConfigFile
    from sealwasm.contexts.stored import load_config

    return load_config(session.config_path()) or ConfigFile.empty()


def _require(session: Session, name: str) -> ConfigFile:
    from sealwasm.contexts.stored import unknown_context

    config = load_or_empty(session)
    if name not in config.contexts:
        raise unknown_context(name, session.config_path(), tuple(config.contexts))
    return config


def _save(session: Session, config: ConfigFile, *, dry_run: bool) -> None:
    from sealwasm.contexts.stored import save_config

    if dry_run:
        session.say(f"dry run: {session.config_path()} was not written")
    else:
        save_config(session.config_path(), config)
