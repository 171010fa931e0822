"""From files and options to what a verifier is given: evidence, material, trust, policy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sealwasm.failure import CliError, Kind
from sealwasm.files import read_file

if TYPE_CHECKING:
    from attestation.endorsements import Endorsements
    from attestation.evidence import UnverifiedEvidence
    from attestation.policy import CrlPolicy, EvidencePolicy
    from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
    from attestation.trust import TrustAnchors

# What a file is taken for when `--tee` says of what: the part that is the evidence itself.
MAIN_PARTS = {
    "snp": "report",
    "tdx": "quote",
    "sgx": "quote",
    "nitro": "document",
    "cca": "token",
    "psa": "token",
    "tpm": "quote",
    "azure-snp": "hcl_report",
    "azure-tdx": "hcl_report",
    "nvidia": "report",
}
# Wire documents with devices hold some hundred KiB.
WIRE_BYTES = 4 << 20


def evidence_of(given: dict[str, Any]) -> UnverifiedEvidence:
    """Return the evidence that FILE, `--tee` and `--part` (or `--report`, `--vek`) name."""
    from attestation.errors import EvidenceError
    from attestation.evidence import UnverifiedEvidence
    from attestation.recognise import recognise

    parts = _named_parts(given)
    if given["file"] is not None:
        if parts and given["tee"] is None:
            raise contradiction(
                "FILE is evidence of its own", "drop --part, --report and --vek, or add --tee"
            )
        data = read_file(given["file"], limit_bytes=WIRE_BYTES)
        if given["tee"] is None and data.lstrip()[:1] in {b"{", b"["}:
            return UnverifiedEvidence.from_wire(_wire_document(given["file"]))
        if given["tee"] is not None:
            return _with_parts(given["tee"], {MAIN_PARTS[given["tee"]]: data, **parts})
        try:
            tee, part = recognise(data)
        except EvidenceError as error:
            raise CliError(
                Kind.USAGE,
                "evidence-file",
                f"{given['file']} is no evidence that is known by its first bytes",
                next_step=f"name what it is: --tee {'|'.join(MAIN_PARTS)}",
            ) from error
        return UnverifiedEvidence(tee, {part: data})
    if not parts:
        raise CliError(
            Kind.USAGE,
            "evidence-missing",
            "no evidence was named",
            next_step="sealwasm evidence verify FILE, or --tee snp --part report=FILE ...",
        )
    return _with_parts(given["tee"] or "snp", parts)


def _with_parts(tee: str, parts: dict[str, bytes]) -> UnverifiedEvidence:
    """Return evidence of these parts; refuse parts that such evidence does not have."""
    from attestation.evidence import PARTS, UnverifiedEvidence

    required, optional = PARTS[tee]
    if not required <= parts.keys() <= required | optional:
        raise CliError(
            Kind.USAGE,
            "evidence-parts",
            f"{tee} evidence has other parts than {', '.join(sorted(parts))}",
            why=f"required: {', '.join(sorted(required))}; "
            f"optional: {', '.join(sorted(optional)) or 'none'}",
            next_step=f"--tee {tee} "
            + " ".join(f"--part {name}=FILE" for name in sorted(required)),
        )
    return UnverifiedEvidence(tee, parts)


def _named_parts(given: dict[str, Any]) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    for text in given["parts"]:
        name, equals, path = text.partition("=")
        if not equals or not name or not path:
            raise CliError(Kind.USAGE, "usage", f"'{text}' is not NAME=FILE")
        parts[name] = read_file(path)
    if given["report"] is not None:
        parts["report"] = read_file(given["report"])
    if given["vek"] is not None:
        parts["vek"] = _der(read_file(given["vek"]))
    return parts


def _wire_document(file: str) -> Any:
    """Return the JSON in a file, read as strictly as a broker reads it."""
    from attestation.encoding import parse_json
    from attestation.errors import EvidenceError

    try:
        data = read_file(file, limit_bytes=WIRE_BYTES)
        return parse_json(data, limit_bytes=WIRE_BYTES, what=file)
    except EvidenceError as error:
        raise CliError(
            Kind.USAGE, "evidence-file", error.detail, next_step="--report FILE"
        ) from error


def endorsements_of(given: dict[str, Any]) -> Endorsements:
    """Return what the options name, with the CA certificates that every installation carries."""
    from attestation.endorsements import DocumentKind, Endorsements, GivenDocument
    from sealwasm.evidence.anchors import anchors_with, simulated_endorsements
    from sealwasm.evidence.endorsement_files import load_endorsements
    from sealwasm.keyfiles import load_public_key

    kinds = {
        "collaterals": DocumentKind.INTEL_COLLATERAL,
        "ocsps": DocumentKind.OCSP,
        "rims": DocumentKind.NVIDIA_RIM,
    }
    documents = [
        GivenDocument.of(kind, read_file(path))
        for name, kind in kinds.items()
        for path in given.get(name, ())
    ]
    named = Endorsements.parse(
        map(read_file, given["chains"]), map(read_file, given["crls"]), documents
    )
    simulated = simulated_endorsements(given["trust_simulated"])
    bundles = load_endorsements(
        given.get("endorsements", ()),
        anchors=anchors_with(given["trust_simulated"]),
        clock=lambda: datetime.now(UTC),
        keys=[load_public_key(path) for path in given.get("bundle_keys", ())],
    )
    return named.joined(simulated).joined(bundles).joined(Endorsements.vendor())


def crl_policy_of(given: dict[str, Any]) -> CrlPolicy:
    """Return whether a revocation list must be there: yes, unless `--unsafe-no-crl` is given."""
    from attestation.policy import CrlPolicy

    return CrlPolicy.UNSAFE_NOT_REQUIRED if given["unsafe_no_crl"] else CrlPolicy.REQUIRED


def policy_of(given: dict[str, Any]) -> EvidencePolicy:
    """Return the strict defaults with what the options relax."""
    from attestation.policy import EvidencePolicy, IntelPolicy

    statuses = frozenset(given["accept_tcb"]) | {"UpToDate"}
    return EvidencePolicy(crl=crl_policy_of(given), intel=IntelPolicy(accepted_statuses=statuses))


def anchors_of(given: dict[str, Any], tee: str) -> TrustAnchors:
    """Return pinned roots, those of `--trust-simulated`, and the keys of `--key` for this TEE."""
    from attestation.arm_keys import load_arm_keys
    from attestation.keys import load_keys
    from sealwasm.evidence.anchors import anchors_with

    # Arm's makers publish keys in lists that tie each to a device.
    load = load_arm_keys if tee in {"cca", "psa"} else load_keys
    anchors = anchors_with(given["trust_simulated"])
    for path in given["tpm_roots"]:
        anchors = _with_tpm_root(anchors, read_file(path))
    for path in given["keys"]:
        try:
            anchors = anchors.with_keys(tee, load(read_file(path)))
        except ValueError as error:
            raise contradiction(
                f"evidence of {tee} is not verified by keys", "drop --key"
            ) from error
    return anchors


def _with_tpm_root(anchors: TrustAnchors, root: bytes) -> TrustAnchors:
    from attestation.errors import EvidenceError

    try:
        return anchors.with_roots("tpm", root)
    except EvidenceError:
        # One that calls itself simulated marks what rests on it; anything else is refused again.
        return anchors.with_simulated(root)


def expected_report_data(given: dict[str, Any]) -> ExpectedReportData | UnsafeAnyReportData:
    """Return what the evidence has to be bound to; saying nothing is an error."""
    from attestation.report_data import ExpectedReportData, UnsafeAnyReportData

    if not given["unsafe_any_report_data"]:
        return ExpectedReportData(_report_data(given["report_data"]))
    if given["report_data"] is not None:
        raise contradiction("any report data, or one?", "drop --unsafe-any-report-data")
    return UnsafeAnyReportData()


def _report_data(text: str | None) -> bytes:
    what = _wrong_report_data(text)
    if what:
        raise CliError(
            Kind.USAGE,
            "report-data",
            what,
            why="evidence that is not bound to a request can be replayed by anyone",
            next_step="--report-data HEX (128 digits); to look at archived evidence: "
            "sealwasm evidence verify --unsafe-any-report-data",
        )
    return bytes.fromhex(text or "")


def _wrong_report_data(text: str | None) -> str:
    if text is None:
        return "what the evidence must be bound to is not said"
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return "--report-data is not hex"
    if len(data) != 64:
        return f"--report-data has {len(data)} bytes, 64 are needed"
    return "" if any(data) else "--report-data is all zeros, which binds to nothing"


def moment_of(text: str) -> datetime:
    """Return the time in `--at`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CliError(
            Kind.USAGE,
            "time",
            f"'{text}' is not an RFC 3339 time",
            next_step="--at 2026-11-22T12:00:00Z",
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
        example = moment.isoformat().replace("+00:00", "Z")
        raise CliError(
            Kind.USAGE, "time", f"'{text}' has no time zone", next_step=f"--at {example}"
        )
    return moment


def contradiction(what: str, next_step: str) -> CliError:
    """Return the error of options that do not go together."""
    return CliError(
        Kind.USAGE, "usage", what, why="one of the two is not used", next_step=next_step
    )


def _der(data: bytes) -> bytes:
    from attestation.x509.pem import der_blobs

    return der_blobs(data, label="CERTIFICATE", limit=1)[0]
