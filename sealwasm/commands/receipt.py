"""`sealwasm receipt`: what ran, for whom, proved offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealwasm.commands.evidence import TCB_STATUSES, trust_options
from sealwasm.session import Session, output_option, pass_session, table

if TYPE_CHECKING:
    from keybroker.protocol import Descriptor
    from runner.receipt import Receipt
    from sealwasm.receipt_findings import Trust

# A receipt carries evidence, a release and a proof; runner.receipt has the same figure.
RECEIPT_FILE_BYTES = 4 << 20


@click.group()
def receipt() -> None:
    """Show and verify execution receipts."""


@receipt.command()
@click.argument("file")
@output_option
@pass_session
def show(session: Session, file: str) -> None:
    """Show what a receipt says. Only its own signature is checked, by the key it names itself."""
    from runner.receipt import read_receipt
    from sealwasm.files import read_file

    found = read_receipt(read_file(file, limit_bytes=RECEIPT_FILE_BYTES))
    document = {"verified": False} | _summary(found)
    session.show(document, table=table(list(document.items())))


def _summary(receipt_: Receipt) -> dict[str, Any]:
    predicate, release = receipt_.predicate, receipt_.release()
    return {
        "module": release.module,
        "version": release.version,
        "manifest": release.manifest,
        "owner": release.owner,
        "policy": f"{release.policy.name} version {release.policy.version}",
        "decision": release.decision,
        "ending": predicate.result.ending.value,
        "exit_code": predicate.result.exit_code,
        "started": predicate.started,
        "finished": predicate.finished,
        "engine": f"{predicate.engine.name} {predicate.engine.version}",
        "usage": predicate.usage,
        "stdout": predicate.outputs.stdout.digest,
        "denials": list(predicate.denials),
        "lockdown": sorted(predicate.lockdown.held),
        "lockdown_missing": sorted(predicate.lockdown.missing),
        "deterministic": predicate.deterministic,
        "simulated": predicate.simulated,
    }


@receipt.command()
@click.argument("file")
@click.option("--descriptor", metavar="FILE", help="The broker's signed descriptor, from a file.")
@click.option("--broker", metavar="URL", help="Or ask the broker itself for it.")
@click.option("--broker-identity", metavar="ID", help="Key id the broker must have.")
@click.option("--owner", "owners", multiple=True, metavar="FILE", help="Owner to expect.")
@click.option("--measurement", "measurements", multiple=True, metavar="HEX", help="To expect.")
@trust_options
@click.option(
    "--accept-tcb",
    multiple=True,
    type=click.Choice(TCB_STATUSES),
    metavar="STATUS",
    help="Accept this TCB status of Intel too, such as SWHardeningNeeded.",
)
@output_option
@pass_session
def verify(session: Session, /, file: str, **given: Any) -> None:
    """Verify a receipt offline, back to the TEE vendor's root and the broker's log.

    Example: sealwasm receipt verify run.json --descriptor broker.json --trust-simulated tee
    """
    from sealwasm.files import read_file
    from sealwasm.receipt_check import verify_receipt

    data = read_file(file, limit_bytes=RECEIPT_FILE_BYTES)
    findings = verify_receipt(data, _trust(_descriptor(given), given, _tee_of(data)))
    summary = _summary(findings.receipt)
    measurement = findings.claims.measurement.hex() if findings.claims else ""
    document = {
        "verified": True,
        "simulated": summary["simulated"],
        "checks": [check._asdict() for check in findings.checks],
        "measurement": measurement,
        "receipt": summary,
    }
    rows: list[tuple[object, ...]] = [
        (check.state, check.name, check.shown) for check in findings.checks
    ]
    rows.append(("", "module", f"{summary['module']} version {summary['version']}"))
    rows.append(("", "runner measures", measurement))
    rows.append(("", "ended", f"{summary['ending']} {summary['exit_code']}"))
    if summary["simulated"]:
        rows.append(("", "SIMULATED", "this proves nothing about any hardware"))
    session.show(document, table=table(rows))


def _descriptor(given: dict[str, Any]) -> Descriptor:
    from keybroker.protocol import unverified_identity, verify_descriptor
    from sealwasm.broker_api import fetch_descriptor
    from sealwasm.failure import CliError, Kind
    from sealwasm.files import read_file

    if given["descriptor"]:
        data = read_file(given["descriptor"])
        # A file named by its verifier is as good a pin as an id; an id beside it must agree.
        return verify_descriptor(
            data, identity=given["broker_identity"] or unverified_identity(data)
        )
    if given["broker"]:
        return fetch_descriptor(given["broker"], given["broker_identity"])
    raise CliError(
        Kind.USAGE,
        "broker-not-named",
        "which broker released the key is not said",
        why="a receipt counts only with the broker and the audit log that somebody trusts",
        next_step="--descriptor FILE (sealwasm broker describe), or --broker URL",
    )


def _tee_of(data: bytes) -> str:
    """Return which TEE the evidence in a receipt says it is of: whose keys `--key` names."""
    from runner.errors import RunnerError
    from runner.receipt import read_receipt

    try:
        return read_receipt(data).predicate.evidence["tee"]
    except RunnerError:
        # Verifying it will say what is wrong with it.
        return ""


def _trust(descriptor: Descriptor, given: dict[str, Any], tee: str) -> Trust:
    from sealwasm.evidence_input import anchors_of, endorsements_of, policy_of
    from sealwasm.keyfiles import load_public_key
    from sealwasm.receipt_findings import Trust

    return Trust(
        descriptor=descriptor,
        anchors=anchors_of(given, tee),
        endorsements=endorsements_of(given),
        policy=policy_of(given),
        owners=frozenset(load_public_key(path).key_id for path in given["owners"]),
        measurements=frozenset(given["measurements"]),
    )
