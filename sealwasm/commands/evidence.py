"""`sealwasm evidence`: look at TEE evidence without trusting it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealwasm.session import Session, output_option, pass_session, table

if TYPE_CHECKING:
    from attestation.endorsements import Endorsements
    from attestation.evidence import UnverifiedEvidence
    from attestation.policy import CrlPolicy
    from attestation.report_data import ExpectedReportData, UnsafeAnyReportData


@click.group()
def evidence() -> None:
    """Verify TEE evidence."""


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


@evidence.command(short_help="Verify one piece of evidence.")
@click.argument("file", required=False)
@click.option("--report", metavar="FILE", help="A raw SEV-SNP report (1184 bytes).")
@click.option("--vek", metavar="FILE", help="Its VCEK or VLEK certificate, DER or PEM.")
@click.option("--chain", "chains", multiple=True, metavar="FILE", help="ASK and ARK certificates.")
@click.option("--crl", "crls", multiple=True, metavar="FILE", help="Revocation list; repeatable.")
@click.option("--unsafe-no-crl", is_flag=True, help="Accept that no revocation list is given.")
@click.option("--report-data", metavar="HEX", help="The 64 bytes the evidence must be bound to.")
@click.option("--unsafe-any-report-data", is_flag=True, help="Look at archived evidence.")
@click.option("--trust-simulated", metavar="FOLDER", help="Trust that simulated platform's root.")
@click.option("--at", metavar="TIME", help="Judge at this time (RFC 3339) instead of now.")
@output_option
@pass_session
def verify(session: Session, /, file: str | None, **given: Any) -> None:
    """Verify one piece of evidence: a JSON file as runners send it, or a raw report.

    Says who is speaking and whether the machine is acceptable under the strict defaults; whether
    its measurement is wanted is for a release policy to say.
    """
    from attestation.policy import EvidencePolicy
    from attestation.verify import verify as verify_evidence
    from sealwasm.trust import anchors_with

    expected = _expected(given)
    claims = verify_evidence(
        _evidence(file, given["report"], given["vek"]),
        report_data=expected,
        endorsements=endorsements_of(given),
        policy=EvidencePolicy(crl=crl_policy_of(given)),
        anchors=anchors_with(given["trust_simulated"]),
        now=_moment(given["at"]) if given["at"] else session.now(),
    )
    document = {"verdict": "accept", "tee": claims.tee, "claims": dict(claims.values)}
    session.show(document, table=table([("verdict", "accept"), *claims.values.items()]))


def endorsements_of(given: dict[str, Any]) -> Endorsements:
    """Return what `--chain`, `--crl` and `--trust-simulated` name."""
    from attestation.endorsements import Endorsements
    from sealwasm.files import read_file
    from sealwasm.trust import simulated_material

    chains, crls = simulated_material(given["trust_simulated"])
    return Endorsements.parse(
        [*(read_file(path) for path in given["chains"]), *chains],
        [*(read_file(path) for path in given["crls"]), *crls],
    )


def crl_policy_of(given: dict[str, Any]) -> CrlPolicy:
    """Return whether a revocation list must be there: yes, unless `--unsafe-no-crl` is given."""
    from attestation.policy import CrlPolicy

    return CrlPolicy.UNSAFE_NOT_REQUIRED if given["unsafe_no_crl"] else CrlPolicy.REQUIRED


def _evidence(file: str | None, report: str | None, vek: str | None) -> UnverifiedEvidence:
    from attestation.evidence import UnverifiedEvidence
    from sealwasm.failure import CliError, Kind
    from sealwasm.files import read_file

    if file is not None:
        if report is not None or vek is not None:
            raise _contradiction("FILE holds report and certificate", "drop --report and --vek")
        return UnverifiedEvidence.from_wire(_wire_document(file))
    if report is None:
        raise CliError(
            Kind.USAGE,
            "evidence-missing",
            "no evidence was named",
            next_step="sealwasm evidence verify FILE.json, or --report FILE --vek FILE",
        )
    parts = {"report": read_file(report)}
    if vek is not None:
        parts["vek"] = _der(read_file(vek))
    return UnverifiedEvidence("snp", parts)


def _wire_document(file: str) -> Any:
    """Return the JSON in a file, read as strictly as a broker reads it."""
    from attestation.encoding import parse_json
    from attestation.errors import EvidenceError
    from sealwasm.failure import CliError, Kind
    from sealwasm.files import SMALL_FILE_BYTES, read_file

    try:
        return parse_json(read_file(file), limit_bytes=SMALL_FILE_BYTES, what=file)
    except EvidenceError as error:
        raise CliError(
            Kind.USAGE, "evidence-file", error.detail, next_step="--report FILE"
        ) from error


def _contradiction(what: str, next_step: str) -> Exception:
    from sealwasm.failure import CliError, Kind

    return CliError(
        Kind.USAGE, "usage", what, why="one of the two is not used", next_step=next_step
    )


def _der(data: bytes) -> bytes:
    from attestation.x509.pem import der_blobs

    return der_blobs(data, label="CERTIFICATE", limit=1)[0]


def _expected(given: dict[str, Any]) -> ExpectedReportData | UnsafeAnyReportData:
    from attestation.report_data import ExpectedReportData, UnsafeAnyReportData

    if not given["unsafe_any_report_data"]:
        return ExpectedReportData(_report_data(given["report_data"]))
    if given["report_data"] is not None:
        raise _contradiction("any report data, or one?", "drop --unsafe-any-report-data")
    return UnsafeAnyReportData()


def _report_data(text: str | None) -> bytes:
    from sealwasm.failure import CliError, Kind

    try:
        data = bytes.fromhex(text or "")
    except ValueError:
        data = b""
    if len(data) != 64 or not any(data):
        raise CliError(
            Kind.USAGE,
            "report-data",
            "what the evidence must be bound to is not given as 64 bytes of hex",
            why="evidence that is not bound to a request can be replayed by anyone",
            next_step="--report-data HEX, or --unsafe-any-report-data for archived evidence",
        )
    return data


def _moment(text: str) -> datetime:
    from sealwasm.failure import CliError, Kind

    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CliError(Kind.USAGE, "time", f"'{text}' is not an RFC 3339 time") from error
    if moment.tzinfo is None:
        raise CliError(Kind.USAGE, "time", f"'{text}' has no time zone", next_step=f"--at {text}Z")
    return moment
