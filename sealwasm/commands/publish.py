"""`sealwasm publish`: from a module in clear to a reference that runners are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealwasm.artifacts.holders import holder_options
from sealwasm.contexts.completing import references
from sealwasm.contexts.options import context_option
from sealwasm.options import (
    hide_details_option,
    key_options,
    module_options,
    registry_options,
    sealing_brokers_options,
    suite_option,
)
from sealwasm.session import Session, dry_run_option, facts_table, output_option, pass_session

if TYPE_CHECKING:
    from policies.models import ReleasePolicy
    from sealing.keys import VerifyingKey
    from sealing.module_source import ModuleSource
    from sealwasm.artifacts.registry_access import RegistryAccess
    from sealwasm.owner.chosen_brokers import ChosenBrokers
    from sealwasm.owner.publishing import Wish
    from sealwasm.owner.sealing import SealOrder


SHAPES_OF = {"wasm": ("wasm",), "compat": ("compat",), "both": ("wasm", "compat")}


@click.command()
@click.argument("source", metavar="MODULE|plain:REFERENCE|REFERENCE", shell_complete=references)
@click.argument("target", metavar="[PLACE]", required=False, shell_complete=references)
@module_options(required=False)
@context_option(
    "--release-policy",
    from_context="release-policy",
    metavar="FILE",
    help="Release policy (YAML) to enrol, if the broker does not have that version.",
)
@click.option(
    "--version", type=click.IntRange(min=1), help="Default: one more than the highest there."
)
@key_options(required=False)
@sealing_brokers_options
@suite_option
@holder_options
@hide_details_option
@click.option(
    "--shape",
    type=click.Choice(list(SHAPES_OF)),
    default="wasm",
    show_default=True,
    help="compat: a container image with plugin.wasm, for Istio and Envoy tools; both: an index "
    "that offers it in both shapes, sealed apart.",
)
@context_option("--publish-to", from_context="publish-to", hidden=True)
@registry_options
@dry_run_option
@output_option
@pass_session
def publish(
    session: Session,
    /,
    source: str,
    target: str | None,
    registry: RegistryAccess,
    dry_run: bool,
    **given: Any,
) -> None:
    """Seal, sign and push a module, and enrol its release policy.

    PLACE is HOST/REPOSITORY[:TAG] or oci:FOLDER[:TAG]; without it the context says where, and
    without TAG it is tagged with its version. A module that is published there unchanged is not
    sealed again, and a command that failed half-way goes on when it is called again. Prints the
    reference by digest. plain:REFERENCE takes the module that another tool published there in
    clear. With a REFERENCE to a sealed module as source, copies that.

    Example: sealwasm publish app.wasm registry.example/acme/app
    """
    from sealwasm.artifacts.modules import PLAIN_PREFIX
    from sealwasm.artifacts.transfers import looks_like_reference

    if looks_like_reference(source) and not source.startswith(PLAIN_PREFIX):
        _copy(session, source, target, registry, dry_run=dry_run)
        return
    _publish(session, source, target, registry, given, dry_run=dry_run)


def _copy(
    session: Session, source: str, target: str | None, registry: RegistryAccess, *, dry_run: bool
) -> None:
    from sealwasm.artifacts.modules import expected_sealed
    from sealwasm.artifacts.transfers import copy_artifact, foresee_copy
    from sealwasm.failure import CliError, Kind

    if target is None:
        raise CliError(
            Kind.USAGE,
            "usage",
            f"where the sealed module {source} is to go is not said",
            next_step=f"sealwasm publish {source} HOST/REPOSITORY:TAG",
        )
    with expected_sealed(source, registry):
        if dry_run:
            facts = foresee_copy(source, target, registry=registry)
        else:
            facts = copy_artifact(source, target, registry=registry)
    if dry_run:
        session.say("dry run: nothing was written")
    else:
        session.say(f"next: sealwasm run {facts['reference']} --owner OWNER.pub")
    session.show(facts, table=facts_table(facts))


def _publish(
    session: Session,
    source: str,
    target: str | None,
    registry: RegistryAccess,
    given: dict[str, Any],
    *,
    dry_run: bool,
) -> None:
    from sealwasm.contexts.options import missing_option
    from sealwasm.keyfiles import load_signing_key
    from sealwasm.owner.publishing import publish_module

    if given["key"] is None:
        raise missing_option(session, "--key", "key")
    wish = _wish(session, source, target, given, registry)
    owner = load_signing_key(given["key"], given["passphrase_file"])
    document = publish_module(session, wish, owner, registry, dry_run=dry_run)
    if dry_run:
        session.say("dry run: nothing was written and nothing was sent")
    else:
        known = owner.key_id in {one.key_id for one in wish.owners}
        trust = "" if known else " --owner OWNER.pub"
        session.say(f"next: sealwasm run {document['reference']}{trust}")
    session.show(document, table=_text(document))


def _wish(
    session: Session,
    source: str,
    target: str | None,
    given: dict[str, Any],
    registry: RegistryAccess,
) -> Wish:
    """Return what is wanted, everything of it checked that can be before the module is read."""
    from sealwasm.artifacts.modules import take_module
    from sealwasm.artifacts.transfers import parse_place
    from sealwasm.contexts.options import missing_option
    from sealwasm.owner.chosen_brokers import ChosenBrokers
    from sealwasm.owner.enrolling import load_release_file
    from sealwasm.owner.publishing import Wish, place_for, require_name

    path = given["release_policy"]
    release = load_release_file(path) if path else None
    policy = _policy_name(session, given["policy"], release)
    for name in ("name", "capabilities"):
        if given[name] is None:
            raise missing_option(session, f"--{name}", "module" if name == "name" else name)
    require_name(given["name"])
    place = place_for(target, given["publish_to"], given["name"])
    if place is None:
        raise missing_option(session, "PLACE", "publish-to")
    reference = parse_place(place)
    brokers = ChosenBrokers.taken_from(given).pinned()
    module = take_module(session, source, registry)
    order = _order(given, module, policy, brokers)
    return Wish(order, reference, reference.tag is not None, release, _owners(session))


def _order(
    given: dict[str, Any], module: ModuleSource, policy: str, brokers: ChosenBrokers
) -> SealOrder:
    from sealwasm.owner.sealing import SealOrder

    return SealOrder(
        module=module,
        name=given["name"],
        version=given["version"] or 0,
        policy=policy,
        capabilities=given["capabilities"],
        brokers=brokers,
        suite=given["suite"],
        recovery_keys=given["recovery_keys"],
        also=given["also"],
        shapes=SHAPES_OF[given["shape"]],
        hide_details=given["hide_details"],
    )


def _owners(session: Session) -> tuple[VerifyingKey, ...]:
    """Return the owners whom the context trusts: their versions are the module's too."""
    from sealwasm.keyfiles import load_public_key

    context = session.context()
    return tuple(load_public_key(path) for path in (context and context.get("owners")) or ())


def _policy_name(session: Session, name: str | None, release: ReleasePolicy | None) -> str:
    from sealwasm.contexts.options import missing_option
    from sealwasm.failure import CliError, Kind

    if release is None:
        if name is None:
            raise missing_option(session, "--policy", "policy")
        return name
    if name is not None and name != release.name:
        raise CliError(
            Kind.USAGE,
            "policy-name-differs",
            f"the release policy's name is {release.name}, and the module is to name {name}",
            why="no broker would find the policy of the module",
            next_step=f"--policy {release.name}",
        )
    return release.name


def _text(document: dict[str, Any]) -> str:
    from sealwasm.artifacts.visibility import as_lines

    aside = {"sees", "release_policy"}
    facts = {name: value for name, value in document.items() if name not in aside}
    lines = [facts_table(facts)]
    if document.get("release_policy"):
        import yaml

        policy = yaml.safe_dump(document["release_policy"], sort_keys=False).rstrip()
        lines += ["", "release policy that would be sent:", policy]
    if "sees" in document:
        lines += ["", *as_lines(document["sees"])]
    return "\n".join(lines)
