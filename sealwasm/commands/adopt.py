"""`sealwasm adopt`: what skopeo encrypted becomes a sealed module over the same ciphertext."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealwasm.artifacts.holders import holder_options
from sealwasm.options import (
    module_options,
    owner_key_options,
    registry_options,
    sealing_brokers_options,
    suite_option,
)
from sealwasm.session import (
    Session,
    dry_run_option,
    facts_table,
    output_option,
    pass_session,
)

if TYPE_CHECKING:
    from sealing.foreign_manifest import ForeignKey
    from sealing.holders.recipients import Recipients
    from sealing.seal import Terms
    from sealwasm.artifacts.registry_access import RegistryAccess

_STILL = "whoever could open the original still can: the content key is the same"


@click.command()
@click.argument("reference")
@click.option("--jwe-key", metavar="FILE", help="Private key that opens it (PEM or JWK).")
@click.option("--coco-key", metavar="KID=FILE", help="Wrapping key that opens it, and its name.")
@click.option(
    "--opening-passphrase-file", metavar="FILE", help="First line of FILE opens --jwe-key."
)
@module_options(required=True)
@click.option("--version", type=click.IntRange(min=1), required=True, help="Only ever goes up.")
@owner_key_options
@sealing_brokers_options
@suite_option
@holder_options
@click.option("--to", "target", required=True, metavar="REFERENCE", help="Where it goes.")
@registry_options
@dry_run_option
@output_option
@pass_session
def adopt(
    session: Session,
    /,
    reference: str,
    target: str,
    registry: RegistryAccess,
    dry_run: bool,
    **given: Any,
) -> None:
    """Seal what another tool encrypted, over the same ciphertext.

    skopeo, podman and buildah encrypt for anybody and sign nothing: whose REFERENCE is, you say,
    with your signature. It has to hold one WebAssembly module, as it is or as plugin.wasm in an
    image of one layer.

    Example: sealwasm adopt registry.example/acme/app:enc --jwe-key ours.key --name acme/app
    --version 1 --policy acme/prod --capabilities grant.yaml --key owner.key
    --to registry.example/acme/app:1
    """
    from sealwasm.artifacts.transfers import parse_goal, parse_reference
    from sealwasm.keyfiles import load_signing_key
    from sealwasm.owner.resealing import adopted, published_over

    place, goal = parse_reference(reference), parse_goal(target)
    key = _foreign_key(given)
    owner = load_signing_key(given["key"], given["passphrase_file"])
    terms, recipients = _terms(given), _recipients(given)
    with registry.open(place) as source:
        sealed = adopted(source, place, key, terms, recipients, owner=owner, now=session.now())
        _require_covered(given["capabilities"], sealed.statement.bill)
        session.say(f"warning: {_STILL}")
        facts = published_over(
            session, registry, source, [sealed], goal, owner=owner, dry_run=dry_run
        )
    session.show(facts, table=facts_table(facts))


def _foreign_key(given: dict[str, Any]) -> ForeignKey:
    from sealwasm.artifacts.holders import read_coco, read_jwe_private
    from sealwasm.failure import CliError, Kind

    if (given["jwe_key"] is None) == (given["coco_key"] is None):
        raise CliError(
            Kind.USAGE,
            "usage",
            "exactly one key that opens the original has to be named",
            next_step="--jwe-key FILE, or --coco-key KID=FILE",
        )
    if given["coco_key"] is not None:
        return read_coco(given["coco_key"])
    return read_jwe_private(given["jwe_key"], given["opening_passphrase_file"])


def _terms(given: dict[str, Any]) -> Terms:
    from sealing.seal import Terms
    from sealwasm.owner.sealing import load_capabilities_file

    policy = load_capabilities_file(given["capabilities"])
    return Terms(given["name"], given["version"], given["policy"], policy.to_document())


def _recipients(given: dict[str, Any]) -> Recipients:
    from sealwasm.artifacts.holders import with_holders
    from sealwasm.owner.chosen_brokers import ChosenBrokers

    chosen = ChosenBrokers.taken_from(given)
    return with_holders(chosen.recipients(given["suite"]), given["recovery_keys"], given["also"])


def _require_covered(path: str, bill: Any) -> None:
    from sealwasm.owner.sealing import load_capabilities_file, require_covered

    names = [(item.module, item.name) for item in bill.imports]
    require_covered(load_capabilities_file(path), names)
