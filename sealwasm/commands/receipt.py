"""`sealwasm receipt`: what ran, for whom, proved offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealwasm.commands.evidence import TCB_STATUSES, trust_options
from sealwasm.session import Session, facts_table, output_option, pass_session, table

if TYPE_CHECKING:
    from keybroker.protocol import Descriptor, ReleaseDocument
    from runner.receipt import Receipt
    from sealwasm.evidence.receipt_findings import Trust

# A receipt carries evidence, releases and proofs; runner.receipt has the same figure.
RECEIPT_FILE_BYTES = 32 << 20


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
    session.show(document, table=facts_table(document))


def _summary(receipt_: Receipt) -> dict[str, Any]:
    predicate, releases = receipt_.predicate, receipt_.releases()
    release = releases[0]
    return {
        "module": release.module,
        "version": release.version,
        "manifest": release.manifest,
        "owner": release.owner,
        "releases": [_release_summary(each) for each in releases],
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


def _release_summary(release: ReleaseDocument) -> dict[str, Any]:
    share = release.share
    return {
        "decision": release.decision,
        "policy": f"{release.policy.name} version {release.policy.version}",
        "key": f"share {share.index} of {share.of}, {share.threshold} needed" if share else "whole",
        "lease": release.lease.expires,
    }


@receipt.command()
@click.argument("file")
@click.option(
    "--descriptor",
    "descriptors",
    multiple=True,
    metavar="FILE",
    help="A broker's signed descriptor, from a file; repeatable.",
)
@click.option(
    "--broker",
    "brokers",
    multiple=True,
    metavar="URL",
    help="Or ask the broker itself for it; repeatable.",
)
@click.option(
    "--broker-identity",
    "identities",
    multiple=True,
    metavar="ID",
    help="Key id a broker must have; repeatable, in the order of the brokers.",
)
@click.option("--owner", "owners", multiple=True, metavar="FILE", help="Owner to expect.")
@click.option("--measurement", "measurements", multiple=True, metavar="HEX", help="To expect.")
@click.option(
    "--brokers-needed",
    type=click.IntRange(1, 16),
    metavar="N",
    help="Of how many brokers the module's owner wants a release.",
)
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

    A run of a split key has a release by each broker whose share was used: name them all.

    Example: sealwasm receipt verify run.json --descriptor broker.json --trust-simulated tee
    """
    from sealwasm.evidence.receipt_check import verify_receipt
    from sealwasm.files import read_file

    data = read_file(file, limit_bytes=RECEIPT_FILE_BYTES)
    findings = verify_receipt(data, _trust(_descriptors(given), given, _tee_of(data)))
    summary = _summary(findings.receipt)
    measurement = findings.measurement
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


def _descriptors(given: dict[str, Any]) -> tuple[Descriptor, ...]:
    """Return what the named brokers say of themselves: those in files, then those at URLs."""
    from itertools import chain, repeat

    from sealwasm.broker_api import fetch_descriptor
    from sealwasm.failure import CliError, Kind

    files, urls, identities = given["descriptors"], given["brokers"], given["identities"]
    if not files and not urls:
        raise CliError(
            Kind.USAGE,
            "broker-not-named",
            "which broker released the key is not said",
            why="a receipt counts only with the broker and the audit log that somebody trusts",
            next_step="--descriptor FILE (sealwasm broker describe), or --broker URL",
        )
    if len(identities) > len(files) + len(urls):
        raise CliError(Kind.USAGE, "usage", "there are more --broker-identity than brokers")
    pins = chain(identities, repeat(None))
    return (
        *(_descriptor_in(path, next(pins)) for path in files),
        *(fetch_descriptor(url, next(pins)) for url in urls),
    )


def _descriptor_in(path: str, identity: str | None) -> Descriptor:
    from keybroker.protocol import unverified_identity, verify_descriptor
    from sealwasm.files import read_file

    data = read_file(path)
    # A file named by its verifier is as good a pin as an id; an id beside it must agree.
    return verify_descriptor(data, identity=identity or unverified_identity(data))


def _tee_of(data: bytes) -> str:
    """Return which TEE the evidence in a receipt says it is of: whose keys `--key` names."""
    from runner.errors import RunnerError
    from runner.receipt import read_receipt

    try:
        return read_receipt(data).predicate.releases[0].evidence["tee"]
    except RunnerError:
        # Verifying it will say what is wrong with it.
        return ""


def _trust(descriptors: tuple[Descriptor, ...], given: dict[str, Any], tee: str) -> Trust:
    from sealwasm.evidence.inputs import anchors_of, endorsements_of, policy_of
    from sealwasm.evidence.receipt_findings import Trust
    from sealwasm.keyfiles import load_public_key

    return Trust(
        descriptors=descriptors,
        anchors=anchors_of(given, tee),
        endorsements=endorsements_of(given),
        policy=policy_of(given),
        owners=frozenset(load_public_key(path).key_id for path in given["owners"]),
        measurements=frozenset(given["measurements"]),
        brokers_needed=given["brokers_needed"],
    )
