"""`sealwasm simulate`: TEE silicon in software, for tests and the demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealwasm.session import Session, output_option, pass_session, table

if TYPE_CHECKING:
    from attestation.simulated.snp.faults import Fault

PRODUCTS = ["milan", "genoa", "turin"]


@click.group()
def simulate() -> None:
    """Create simulated TEE platforms for tests."""


@simulate.command()
@click.argument("folder")
@click.option("--product", type=click.Choice(PRODUCTS), default="genoa", show_default=True)
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="Break one thing.")
@click.option("--like", metavar="FOLDER", help="The same chip and vendor as that platform.")
@output_option
@pass_session
def platform(
    session: Session, folder: str, product: str, faults: tuple[str, ...], like: str | None
) -> None:
    """Create a simulated SEV-SNP platform in FOLDER: its root, its chip, its keys.

    Whatever rests on it says `simulated`, and nothing trusts it unless told to by name.
    """
    from attestation.simulated.snp.platform import SimulatedPlatform
    from sealwasm.files import refuse_existing

    chosen = _faults(faults)
    refuse_existing(Path(folder))
    if like is None:
        made = SimulatedPlatform.create(
            Path(folder), product=product, now=session.now(), faults=chosen
        )
    else:
        made = SimulatedPlatform.copy(Path(like), Path(folder), faults=chosen)
    facts = {
        "folder": folder,
        "tee": "snp",
        "product": made.product,
        "faults": sorted(made.faults),
        "simulated": True,
    }
    session.say(f"next: sealwasm broker init BROKER --trust-simulated {folder}")
    session.show(facts, table=table(list(facts.items())))


def _faults(names: tuple[str, ...]) -> list[Fault]:
    from attestation.simulated.snp.faults import Fault
    from sealwasm.failure import CliError, Kind

    known = {fault.value for fault in Fault}
    unknown = sorted(set(names) - known)
    if unknown:
        raise CliError(
            Kind.USAGE,
            "fault-unknown",
            f"there is no fault named {', '.join(unknown)}",
            why=f"known faults: {', '.join(sorted(known))}",
        )
    return [Fault(name) for name in names]
