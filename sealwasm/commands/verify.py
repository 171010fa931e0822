"""`sealwasm verify`: everything about an artifact that can be checked with no secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from sealwasm.artifacts.owner_trust_options import trust_options
from sealwasm.contexts.completing import references
from sealwasm.options import registry_options
from sealwasm.session import Session, output_option, pass_session, table

if TYPE_CHECKING:
    from sealing.owner_trust import OwnerTrust
    from sealwasm.artifacts.owner_trust_options import TrustChoice
    from sealwasm.artifacts.registry_access import RegistryAccess
    from sealwasm.artifacts.verification import Verification

CHECKS = (
    "every blob has the digest and size that name it",
    "the manifest keeps the strict profile",
    "the owner's key signed exactly this manifest",
    "every envelope is the one the owner signed, bound to this module, version and policy",
    "the ciphertext is the one the manifest names",
)


@click.command()
@click.argument("subject", metavar="REFERENCE|FILE", shell_complete=references)
@trust_options
@click.option("--no-layer", is_flag=True, help="Do not download the ciphertext to check it too.")
@registry_options
@output_option
@pass_session
def verify(
    session: Session, subject: str, trust: TrustChoice, no_layer: bool, registry: RegistryAccess
) -> None:
    """Check an artifact against its owners' keys.

    Lists attestations and other signatures that are attached to it too: they count if a trusted
    key signed them, and decide about nothing. Not checked, as it takes the content key: that the
    ciphertext opens, and holds the module that the bill of materials describes. The runner checks
    both before it runs anything. For a FILE in clear, checks the signature inside of it.

    Example: sealwasm verify registry.example/acme/app:1 --owner alice.pub --owner bob.pub
    --threshold 2
    """
    from sealwasm.artifacts.transfers import looks_like_reference
    from sealwasm.artifacts.verification import verify_reference

    owners = trust.load()
    if not looks_like_reference(subject):
        document = _module(session, subject, owners)
        session.show(document, table=table(list(document.items())))
        return
    found = verify_reference(
        subject, owners, registry=registry, now=session.now(), layer=not no_layer
    )
    document = _document(subject, found, CHECKS[:-1] if no_layer else CHECKS)
    session.show(document, table=table(_rows(document)))


def _document(reference: str, found: Verification, checks: Sequence[str]) -> dict[str, Any]:
    from sealwasm.artifacts.holders import warnings_for

    artifact = found.artifact
    statement = artifact.statement
    return {
        "reference": reference,
        "verified": True,
        "manifest": artifact.manifest.digest,
        "module": statement.module,
        "version": statement.version,
        "owner": artifact.owner.key_id,
        "signed_by": found.signers,
        "owners_required": found.trust.threshold,
        "policy": statement.policy,
        "brokers": list(statement.brokers),
        "threshold": statement.threshold,
        "recipients": list(statement.recipients),
        "warnings": warnings_for(statement.recipients),
        "statements": list(found.statements),
        "checks": list(checks),
    }


def _rows(document: dict[str, Any]) -> list[tuple[str, object]]:
    lists = ("signed_by", "statements", "checks", "recipients", "warnings")
    rows: list[tuple[str, object]] = [(n, v) for n, v in document.items() if n not in lists]
    rows.extend(("signed by", _signer(one)) for one in document["signed_by"])
    rows.append(("opens with", ", ".join(document["recipients"])))
    rows.extend(("warning", text) for text in document["warnings"])
    # What is ours comes first: the type is whatever somebody wrote there.
    said = ((_standing(one), one["type"]) for one in document["statements"])
    rows.extend(("also says", f"{standing}: {kind}") for standing, kind in said)
    rows.extend(("checked", text) for text in document["checks"])
    return rows


def _signer(one: dict[str, Any]) -> str:
    """Return the key, and in whose name: without a trust file that is the key first trusted."""
    key, owner = one["key"], one["owner"]
    return key if key.startswith(owner) else f"{key}, a key of owner {owner}"


def _standing(statement: dict[str, Any]) -> str:
    if not statement["verified"]:
        return f"not verified ({statement['why']})"
    return f"by {statement['signer']}" + (", expired" if statement["expired"] else "")


def _module(session: Session, path: str, trust: OwnerTrust) -> dict[str, Any]:
    """Check the signature inside a module in clear."""
    from sealing.wasm.signature import verify_module
    from sealwasm.artifacts.transfers import read_module

    now = session.now()
    resolved = trust.resolve(now)
    signers = verify_module(read_module(path), keys=resolved.keys)
    counting = resolved.require_undated(signers, now=now)
    return {
        "file": path,
        "verified": True,
        "signed_by": [one.key.key_id for one in counting],
    }
