"""`sealwasm evidence`: what a verifier compares in TEE evidence, and what evidence says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealwasm.evidence.inputs import MAIN_PARTS
from sealwasm.evidence.token_input import ISSUERS
from sealwasm.session import Session, output_option, pass_session, table

if TYPE_CHECKING:
    from attestation.claims import VerifiedClaims
    from attestation.errors import EvidenceError
    from attestation.trace import Check

Command = Callable[..., Any]

# What a policy may accept below UpToDate: the names of `attestation.policy.intel`.
TCB_STATUSES = [
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
]


def _evidence_options(command: Command) -> Command:
    """Add FILE and the options that name the parts of evidence."""
    for option in (
        click.option("--vek", metavar="FILE", help="Its VCEK or VLEK certificate, DER or PEM."),
        click.option("--report", metavar="FILE", help="A raw SEV-SNP report (1184 bytes)."),
        click.option(
            "--part", "parts", multiple=True, metavar="NAME=FILE", help="A part, by its name."
        ),
        click.option(
            "--tee",
            type=click.Choice(list(MAIN_PARTS)),
            metavar="NAME",
            help=f"What FILE is: {', '.join(MAIN_PARTS)}.",
        ),
        click.argument("file", required=False),
    ):
        command = option(command)
    return command


def trust_options(command: Command) -> Command:
    """Add the options that name vendors' material and what is trusted."""
    files: dict[str, tuple[str, str]] = {
        "--chain": ("chains", "CA certificates, DER or PEM; repeatable."),
        "--crl": ("crls", "Revocation list; repeatable."),
        "--collateral": ("collaterals", "Intel collateral (JSON); repeatable."),
        "--ocsp": ("ocsps", "OCSP response; repeatable."),
        "--rim": ("rims", "NVIDIA reference manifest; repeatable."),
        "--endorsements": ("endorsements", "Bundle or store of endorsements; repeatable."),
        "--bundle-key": ("bundle_keys", "Key of whoever signed the bundles; repeatable."),
        "--key": ("keys", "Public key that makes such evidence (Arm, PSA, TPM); repeatable."),
        "--tpm-root": ("tpm_roots", "Root of a TPM manufacturer; repeatable."),
    }
    for name, (where, text) in reversed(files.items()):
        command = click.option(name, where, multiple=True, metavar="FILE", help=text)(command)
    for option in (
        click.option("--unsafe-no-crl", is_flag=True, help="Accept that no list is given."),
        click.option("--trust-simulated", metavar="FOLDER", help="Trust that platform's root."),
    ):
        command = option(command)
    return command


@click.group()
def evidence() -> None:
    """Verify TEE evidence, and show what it says."""


@evidence.command(short_help="Verify every case of a folder of vectors.")
@click.argument("folder")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON array, as -o json does.")
@output_option
@pass_session
def vectors(session: Session, folder: str, as_json: bool) -> None:
    """Verify every case of FOLDER/MANIFEST.toml under the strict base policy.

    Prints one verdict per case: accept, reject with its reason, or unsupported.
    """
    from attestation.vectors import run_manifest
    from sealwasm.files import read_file

    read_file(Path(folder) / "MANIFEST.toml", limit_bytes=16 << 20)
    results = run_manifest(Path(folder))
    if as_json:
        session.output = "json"
    rows = [(one["id"], one["verdict"], one["reason"] or "") for one in results]
    session.show(results, table=table(rows, header=("case", "verdict", "reason")))


@evidence.command(short_help="Verify one piece of evidence, comparison by comparison.")
@_evidence_options
@trust_options
@click.option("--report-data", metavar="HEX", help="The 64 bytes the evidence must be bound to.")
@click.option("--unsafe-any-report-data", is_flag=True, help="Look at archived evidence.")
@click.option(
    "--accept-tcb",
    multiple=True,
    type=click.Choice(TCB_STATUSES),
    metavar="STATUS",
    help="Accept this TCB status of Intel too, such as SWHardeningNeeded.",
)
@click.option("--at", metavar="TIME", help="Judge at this time (RFC 3339) instead of now.")
@output_option
@pass_session
def verify(session: Session, /, **given: Any) -> None:
    """Verify one piece of evidence: a JSON file as runners send it, or its raw bytes.

    Prints every comparison with what was expected and what was found; the last one is where it
    failed. Says who is speaking and whether the machine is acceptable under the strict defaults;
    whether its measurement is wanted is for a release policy to say.
    """
    from attestation.errors import EvidenceError
    from attestation.trace import RecordedTrace
    from attestation.verify import verify as verify_evidence
    from sealwasm.evidence import inputs as read

    expected = read.expected_report_data(given)
    unverified = read.evidence_of(given)
    trace = RecordedTrace()
    try:
        claims = verify_evidence(
            unverified,
            report_data=expected,
            endorsements=read.endorsements_of(given),
            policy=read.policy_of(given),
            anchors=read.anchors_of(given, unverified.tee),
            now=read.moment_of(given["at"]) if given["at"] else session.now(),
            trace=trace,
        )
    except EvidenceError as error:
        _show_refusal(session, unverified.tee, trace.checks, error)
        raise
    _show_claims(session, claims, trace.checks)


def _show_claims(session: Session, claims: VerifiedClaims, checks: Sequence[Check]) -> None:
    document = {
        "verdict": "accept",
        "tee": claims.tee,
        "simulated": claims.simulated,
        "checks": _documents(checks, failed=False),
        "claims": dict(claims.values),
        "devices": [dict(device.values) for device in claims.devices],
    }
    shown = [("verdict", "accept"), *claims.values.items()]
    session.show(document, table="\n\n".join((_rows(checks, failed=False), table(shown))))


def _show_refusal(
    session: Session, tee: str, checks: Sequence[Check], error: EvidenceError
) -> None:
    document = {
        "verdict": "reject",
        "tee": tee,
        "reason": error.code.value,
        "detail": error.detail,
        "checks": _documents(checks, failed=True),
    }
    if checks or session.output != "table":
        session.show(document, table=_rows(checks, failed=True))


def _documents(checks: Sequence[Check], *, failed: bool) -> list[dict[str, Any]]:
    return [
        {
            "step": one.step,
            "check": one.what,
            "expected": one.expected,
            "actual": one.actual,
            "holds": not failed or index < len(checks) - 1,
        }
        for index, one in enumerate(checks)
    ]


def _rows(checks: Sequence[Check], *, failed: bool) -> str:
    rows = [
        (
            "ok" if one["holds"] else "FAIL",
            one["step"],
            one["check"],
            _short(one["expected"]),
            _short(one["actual"]),
        )
        for one in _documents(checks, failed=failed)
    ]
    return table(rows, header=("", "step", "check", "expected", "actual"))


def _short(text: str) -> str:
    """Keep a table readable: `-o json` has the whole text."""
    return text if len(text) <= 44 else f"{text[:20]}...{text[-20:]}"


@evidence.command(short_help="Show every field of evidence, decoded; verifies nothing.")
@_evidence_options
@output_option
@pass_session
def show(session: Session, /, **given: Any) -> None:
    """Show every field of a piece of evidence against what it means.

    Nothing is verified: anyone can write such bytes. `evidence verify` says whether they hold.
    """
    from attestation.describe import describe
    from sealwasm.evidence import inputs as read

    unverified = read.evidence_of(given)
    fields = describe(unverified)
    document = {
        "tee": unverified.tee,
        "verified": False,
        "fields": [
            {"part": one.part, "field": one.name, "value": one.value, "meaning": one.meaning}
            for one in fields
        ],
    }
    rows = [(one.name, one.meaning, one.value) for one in fields]
    session.say(f"{unverified.tee} evidence, NOT verified")
    session.show(document, table=table(rows, header=("field", "meaning", "value")))


@evidence.command(short_help="Ask this machine's TEE for evidence.")
@click.option("--report-data", metavar="HEX", required=True, help="64 bytes to bind it to.")
@click.option("--simulated-platform", metavar="FOLDER", help="Use that simulated platform.")
@output_option
@pass_session
def collect(session: Session, report_data: str, simulated_platform: str | None) -> None:
    """Ask this machine's TEE for evidence over 64 bytes; print it as runners send it.

    `sealwasm doctor` says which TEE is used and why not another.
    """
    from runner.attest import pick_attester, take_evidence
    from runner.measure import runner_measurement
    from sealwasm import printable
    from sealwasm.evidence import inputs as read

    given = {"report_data": report_data, "unsafe_any_report_data": False}
    read.expected_report_data(given)
    folder = Path(simulated_platform) if simulated_platform else None
    attester = pick_attester(folder, runner_measurement())
    made = take_evidence(attester, bytes.fromhex(report_data))
    session.say(f"evidence of {made.tee}; next: sealwasm evidence verify FILE --report-data HEX")
    document = made.to_wire()
    session.show(document, table=printable.as_json(document))


@evidence.command(short_help="Verify a token of an attestation service with pinned keys.")
@click.argument("service", type=click.Choice(ISSUERS))
@click.argument("file")
@click.option("--key", "keys", multiple=True, required=True, metavar="FILE", help="Its key set.")
@click.option("--issuer", metavar="URL", help="Who must have issued it (maa, ita: required).")
@click.option("--audience", metavar="TEXT", help="For whom it must be (gcs: required).")
@click.option("--nonce", metavar="TEXT", help="What it must be bound to.")
@click.option("--unsafe-any-nonce", is_flag=True, help="Look at archived tokens.")
@click.option("--hwmodel", "hwmodels", multiple=True, metavar="NAME", help="Allowed GPU (nras).")
@click.option("--at", metavar="TIME", help="Judge at this time (RFC 3339) instead of now.")
@output_option
@pass_session
def token(session: Session, /, service: str, file: str, **given: Any) -> None:
    """Verify a token of Azure (maa), Google (gcs), Intel (ita) or NVIDIA (nras).

    It proves what the service said. Keys are the ones named here: addresses in a token are never
    asked. Example: sealwasm evidence token gcs FILE --key jwks.json --audience URL --nonce TEXT
    """
    from attestation.errors import EvidenceError
    from attestation.trace import RecordedTrace
    from sealwasm.evidence import inputs as read
    from sealwasm.evidence.token_input import verify_token

    trace = RecordedTrace()
    now = read.moment_of(given["at"]) if given["at"] else session.now()
    try:
        claims = verify_token(service, file, given, now, trace)
    except EvidenceError as error:
        _show_refusal(session, service, trace.checks, error)
        raise
    document = {
        "verdict": "accept",
        "service": service,
        "issuer": claims.issuer,
        "expires": claims.expires.isoformat(),
        "checks": _documents(trace.checks, failed=False),
        "claims": dict(claims.subject),
        "devices": {name: dict(one) for name, one in claims.devices.items()},
    }
    shown = [("verdict", "accept"), ("issuer", claims.issuer), *claims.subject.items()]
    session.show(document, table="\n\n".join((_rows(trace.checks, failed=False), table(shown))))
