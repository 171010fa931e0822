"""`sealwasm verify`: everything about an artifact that can be checked with no secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from sealwasm.artifacts.owner_trust_options import trust_options
from sealwasm.contexts.completing import references
from sealwasm.options import registry_options
from sealwasm.session import Session, facts_table, output_option, pass_session, table

if TYPE_CHECKING:
    from sealing.signatures.owner_trust import OwnerTrust
    from sealwasm.artifacts.owner_trust_options import TrustChoice
    from sealwasm.artifacts.registry_access import RegistryAccess
    from sealwasm.artifacts.verification import Verification, VerifiedEntry

CHECKS = (
    "every blob has the digest and size that name it",
    "the manifest keeps the strict profile",
    "the owner's key signed exactly this manifest",
    "every envelope is the one the owner signed, bound to this module, version and policy",
    "the ciphertext is the one the manifest names",
)
OF_AN_INDEX = "all of that for every entry of the index, and they say the same but for ciphertexts"


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

    Of an index every entry has to hold, and to say the same as the others. Lists attestations and
    other signatures that are attached too: they count if a trusted key signed them, and decide
    about nothing. Not checked, as it takes the content key: that a ciphertext opens, and holds the
    module that the bill of materials describes. The runner checks both before it runs anything. For
    a FILE in clear, checks the signature inside of it.

    Example: sealwasm verify registry.example/acme/app:1 --owner alice.pub --owner bob.pub
    --threshold 2
    """
    from sealwasm.artifacts.transfers import looks_like_reference
    from sealwasm.artifacts.verification import verify_reference

    owners = trust.load()
    if not looks_like_reference(subject):
        document = _module(session, subject, owners)
        session.show(document, table=facts_table(document))
        return
    found = verify_reference(
        subject, owners, registry=registry, now=session.now(), layer=not no_layer
    )
    document = _document(subject, found, CHECKS[:-1] if no_layer else CHECKS)
    session.show(document, table=table(_rows(document)))


def _document(reference: str, found: Verification, checks: Sequence[str]) -> dict[str, Any]:
    from sealwasm.artifacts.holders import warnings_for

    offered = found.offered
    artifact, statement = offered.first, offered.first.statement
    document = {
        "reference": reference,
        "verified": True,
        "manifest": artifact.manifest.digest,
        "module": statement.module,
        "version": statement.version,
        "owner": artifact.owner.key_id,
        "signed_by": found.signers_of_all,
        "owners_required": found.trust.threshold,
        "policy": statement.policy,
        "brokers": list(statement.brokers),
        "brokers_needed": statement.threshold,
        "recipients": list(statement.recipients),
        "warnings": warnings_for(statement.recipients),
        "statements": [
            one | ({"manifest": each.artifact.manifest.digest} if offered.is_index else {})
            for each in found.entries
            for one in each.statements
        ],
        "checks": [*checks, *((OF_AN_INDEX,) if offered.is_index else ())],
    }
    if offered.is_index:
        document |= {
            "index": offered.digest,
            "entries": [_entry(found, one) for one in found.entries],
        }
    return document


def _entry(found: Verification, entry: VerifiedEntry) -> dict[str, Any]:
    """Return what one shape in an index has that the others have otherwise."""
    manifest = entry.artifact.manifest
    return {
        "shape": manifest.shape.name,
        "manifest": manifest.digest,
        "layer": manifest.layer_digest,
        "bytes": manifest.layer_size,
        "signed_by": found.signers(entry.artifact),
    }


def _rows(document: dict[str, Any]) -> list[tuple[str, object]]:
    lists = ("signed_by", "statements", "checks", "recipients", "warnings", "entries")
    facts = {name: value for name, value in document.items() if name not in lists}
    rows: list[tuple[str, object]] = [(name.replace("_", " "), facts[name]) for name in facts]
    entries = document.get("entries", [])
    shapes = {one["manifest"]: f"{one['shape']}: " for one in entries}
    rows.extend(("entry", f"{shapes[one['manifest']]}{one['manifest']}") for one in entries)
    rows.extend(("signed by", _signer(one)) for one in document["signed_by"])
    for entry in entries:
        alone = [one for one in entry["signed_by"] if one not in document["signed_by"]]
        rows.extend(("signed by", f"{entry['shape']} alone: {_signer(one)}") for one in alone)
    rows.append(("opens with", ", ".join(document["recipients"])))
    rows.extend(("warning", text) for text in document["warnings"])
    # What is ours comes first: the type is whatever somebody wrote there.
    for one in document["statements"]:
        said = f"{shapes.get(one.get('manifest', ''), '')}{_standing(one)}: {one['type']}"
        rows.append(("also says", said))
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
