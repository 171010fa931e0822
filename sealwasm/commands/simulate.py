"""`sealwasm simulate`: TEE silicon in software, for tests and the demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealwasm.session import Session, dry_run_option, facts_table, output_option, pass_session

if TYPE_CHECKING:
    from attestation.simulated.machine import SimulatedMachine

PRODUCTS = ["milan", "genoa", "turin"]
# The names of `attestation.simulated.platforms`, which takes long to import; a test compares.
TEES = ["snp", "tdx", "sgx", "nitro", "cca", "tpm", "azure-snp", "azure-tdx"]


@click.group()
def simulate() -> None:
    """Create simulated TEE platforms for tests."""


@simulate.command()
@click.argument("folder")
@click.option("--tee", type=click.Choice(TEES), default="snp", show_default=True)
@click.option("--product", type=click.Choice(PRODUCTS), help="With --tee snp (default: genoa).")
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="Break one thing.")
@click.option("--like", metavar="FOLDER", help="With --tee snp: that platform's chip and vendor.")
@dry_run_option
@output_option
@pass_session
def platform(
    session: Session,
    folder: str,
    tee: str,
    product: str | None,
    faults: tuple[str, ...],
    like: str | None,
    dry_run: bool,
) -> None:
    """Create a simulated platform in FOLDER: its root, its chip, its keys.

    Whatever rests on it says `simulated`, and nothing trusts it unless told to by name.
    """
    from sealwasm.files import refuse_existing

    _check_faults(tee, faults)
    if tee != "snp":
        _refuse_for_others(tee, product=product, like=like)
    refuse_existing(Path(folder))
    if dry_run:
        session.say("dry run: nothing was written")
    else:
        _create(session, tee, Path(folder), product=product or "genoa", faults=faults, like=like)
        _publish_bundle(Path(folder))
        session.say(f"next: sealwasm broker init BROKER --trust-simulated {folder}")
    facts = {
        "folder": folder,
        "tee": tee,
        **({"product": product or "genoa"} if tee == "snp" and like is None else {}),
        "faults": sorted(faults),
        "simulated": True,
    }
    session.show(facts, table=facts_table(facts))


def _create(
    session: Session,
    tee: str,
    folder: Path,
    *,
    product: str,
    faults: tuple[str, ...],
    like: str | None,
) -> SimulatedMachine:
    from attestation.simulated.platforms import PLATFORMS
    from attestation.simulated.snp.faults import Fault
    from attestation.simulated.snp.platform import SimulatedPlatform

    if like is not None:
        return SimulatedPlatform.copy(Path(like), folder, faults=map(Fault, faults))
    if tee == "snp":
        now = session.now()
        return SimulatedPlatform.create(folder, product=product, now=now, faults=faults)
    return PLATFORMS[tee].create(folder, now=session.now(), faults=faults)


def _publish_bundle(folder: Path) -> None:
    """Put what the vendor publishes into one file, as every kind of platform has it."""
    from attestation.bundle import CERTIFICATE, CRL, Bundle, BundleDocument
    from attestation.x509.pem import der_blobs

    target = folder / "endorsements.json"
    if target.exists() and not (folder / "endorsements.pem").exists():
        return
    documents = [
        BundleDocument(kind, der, "simulated")
        for name, kind, label in (
            ("endorsements.pem", CERTIFICATE, "CERTIFICATE"),
            ("crl.der", CRL, "X509 CRL"),
        )
        if (folder / name).exists()
        for der in der_blobs((folder / name).read_bytes(), label=label, limit=8)
    ]
    target.write_bytes(Bundle.of(documents).to_bytes())


def _check_faults(tee: str, names: tuple[str, ...]) -> None:
    from attestation.simulated.platforms import FAULTS
    from sealwasm.failure import CliError, Kind

    known = FAULTS[tee]
    unknown = sorted(set(names) - known)
    if unknown:
        raise CliError(
            Kind.USAGE,
            "fault-unknown",
            f"{tee} has no fault named {', '.join(unknown)}",
            why=f"known faults: {', '.join(sorted(known))}",
        )


def _refuse_for_others(tee: str, *, product: str | None, like: str | None) -> None:
    from sealwasm.failure import CliError, Kind

    for option, value in (("--product", product), ("--like", like)):
        if value is not None:
            raise CliError(
                Kind.USAGE, "usage", f"{option} is for --tee snp, not {tee}", next_step="drop it"
            )
