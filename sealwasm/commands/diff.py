"""`sealwasm diff`: two versions of a module side by side, without any key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealwasm.contexts.completing import references
from sealwasm.contexts.options import context_option
from sealwasm.options import registry_options
from sealwasm.session import Session, output_option, pass_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealing.keys import VerifyingKey
    from sealwasm.artifacts.differences import Sides
    from sealwasm.artifacts.registry_access import RegistryAccess


@click.command()
@click.argument("before", metavar="REFERENCE", shell_complete=references)
@click.argument("after", metavar="REFERENCE", shell_complete=references)
@context_option(
    "--owner",
    "owners",
    from_context="owners",
    multiple=True,
    metavar="FILE",
    help="Public key of an owner to trust; without one nothing is verified.",
)
@registry_options
@output_option
@pass_session
def diff(
    session: Session, before: str, after: str, owners: tuple[str, ...], registry: RegistryAccess
) -> int:
    """Say what is different between two versions.

    Imports, exports, limits, the capability policy, the release policy's name, sizes, brokers and
    signers. Exit code 0 when there is no difference but the ciphertext, 8 when there is one.

    Example: sealwasm diff registry.example/acme/app:1 registry.example/acme/app:2
    """
    from sealwasm.artifacts.differences import as_text, differences
    from sealwasm.exit_codes import ExitCode
    from sealwasm.keyfiles import load_public_key

    keys = [load_public_key(path) for path in owners]
    if not keys:
        session.say("nothing was verified: no --owner FILE, and no context says one")
    one, other = (_side(text, keys, registry) for text in (before, after))
    found = differences(one, other)
    document = {
        "before": {"reference": before, "manifest": one.found.digest},
        "after": {"reference": after, "manifest": other.found.digest},
        "verified": bool(keys),
        "same": not found,
        "differences": found,
    }
    session.show(document, table=as_text(found) or "no difference")
    return ExitCode.DIFFERENT if found else ExitCode.OK


def _side(text: str, keys: Sequence[VerifyingKey], registry: RegistryAccess) -> Sides:
    """Return one side: verified where an owner's key is known, else as the artifact claims."""
    from sealing.oci.transfer import describe
    from sealing.unseal import verify_artifact
    from sealwasm.artifacts.differences import Sides
    from sealwasm.artifacts.listing import claimed
    from sealwasm.artifacts.modules import expected_sealed
    from sealwasm.artifacts.transfers import parse_reference

    reference = parse_reference(text)
    with expected_sealed(text, registry), registry.open(reference) as store:
        found = describe(store, reference, owners=keys)
    if not keys:
        return Sides(found, *claimed(found))
    artifact = verify_artifact(found.manifest.raw, found.config, found.bundles, owners=keys)
    return Sides(found, artifact.statement, tuple(key.key_id for key in artifact.signers))
