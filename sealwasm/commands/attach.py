"""`sealwasm attach`: signed documents about an artifact, in the formats of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealwasm.artifacts.owner_trust_options import trust_options
from sealwasm.failure import CliError, Kind
from sealwasm.options import owner_key_options, registry_options
from sealwasm.session import Session, output_option, pass_session, table

if TYPE_CHECKING:
    from sealwasm.artifacts.owner_trust_options import TrustChoice
    from sealwasm.artifacts.registry_access import RegistryAccess


@click.command()
@click.argument("reference")
@click.option("--provenance", metavar="FILE", help="SLSA provenance v1 (JSON) of the build.")
@click.option("--sbom", metavar="FILE", help="Software bill of materials (CycloneDX, JSON).")
@click.option(
    "--generate",
    is_flag=True,
    help="Write those that no file is given for from what sealing knows: who sealed which module, "
    "and its producers. How it was built, sealing did not see.",
)
@owner_key_options
@trust_options
@click.option("--dry-run", is_flag=True, help="Show what would be signed; sign nothing.")
@registry_options
@output_option
@pass_session
def attach(
    session: Session,
    /,
    reference: str,
    provenance: str | None,
    sbom: str | None,
    generate: bool,
    dry_run: bool,
    **given: Any,
) -> None:
    """Attach provenance or a bill of materials to an artifact, signed.

    Anybody can read what is attached. The artifact is checked against --owner first, without one
    against --key itself; of an index every entry is, and each gets its own. cosign reads what is
    attached: cosign verify-attestation --type slsaprovenance1.

    Example: sealwasm attach registry.example/acme/app:1 --generate --key owner.key
    """
    if provenance is None and sbom is None and not generate:
        raise CliError(
            Kind.USAGE,
            "usage",
            "nothing to attach",
            next_step="add --provenance FILE, --sbom FILE or --generate",
        )
    wanted = {"provenance": provenance, "sbom": sbom, "generate": generate}
    facts = _attach(session, reference, wanted, dry_run=dry_run, **given)
    session.show(facts, table=table(_rows(facts)))


def _attach(
    session: Session,
    reference: str,
    wanted: dict[str, Any],
    *,
    key: str,
    passphrase_file: str | None,
    trust: TrustChoice,
    dry_run: bool,
    registry: RegistryAccess,
) -> dict[str, Any]:
    from sealwasm.artifacts.offered import offered_at
    from sealwasm.artifacts.transfers import parse_reference
    from sealwasm.evidence.attesting import attest, facts_of, predicates
    from sealwasm.keyfiles import load_signing_key

    place = parse_reference(reference)
    signer = load_signing_key(key, passphrase_file)
    owners = trust.load_or(signer.public)
    with registry.open(place) as store:
        offered = offered_at(store, place, owners.resolve(session.now()))
        facts = facts_of(place, offered) | {"signer": signer.key_id, "attached": []}
        # Every document is read before the first is attached.
        about = [(one, predicates(one, **wanted)) for one in offered.artifacts]
        for artifact, documents in about:
            beside = {"manifest": artifact.manifest.digest} if offered.is_index else {}
            for kind, predicate in documents:
                done = (
                    {"predicate": predicate}
                    if dry_run
                    else {"bundle": attest(store, artifact, signer, kind, predicate)}
                )
                facts["attached"].append({"type": kind, **beside, **done})
    session.say(
        "dry run: nothing was attached"
        if dry_run
        else f"next: sealwasm verify {reference} --owner OWNER.pub"
    )
    return facts


def _rows(facts: dict[str, Any]) -> list[tuple[str, object]]:
    from sealwasm.evidence.attesting import dumped

    rows: list[tuple[str, object]] = [(n, v) for n, v in facts.items() if n != "attached"]
    for one in facts["attached"]:
        to = f" to {one['manifest']}" if "manifest" in one else ""
        rows.append(("attached" if "bundle" in one else "would attach", one["type"] + to))
        if "predicate" in one:
            rows.extend(("", line) for line in dumped(one["predicate"]).splitlines())
    return rows
