"""TPM 2.0: from a quote, its PCR values and its key to verified claims."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType

from attestation.claims import ClaimValue, VerifiedClaims
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy, TpmPolicy
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.tpm.ak import AttestationKeys, check_dates, find_keys
from attestation.verifiers.tpm.claims import quote_claims
from attestation.verifiers.tpm.quote import (
    GivenQuote,
    check_event_log,
    check_nonce,
    check_pcrs,
    find_signer,
    parse_parts,
)


def verify_tpm(
    evidence: UnverifiedEvidence,
    *,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    endorsements: Endorsements,
    policy: EvidencePolicy,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> VerifiedClaims:
    """Return what the quote proves, or raise `EvidenceError` with the most fundamental reason.

    Steps are those of docs/specs/evidence-tpm.md. Not checked: what PCR values mean; whether this
    quote was shown before; where the key is, beyond what vouches for it.
    """
    # (1) Structure of the quote and of the PCR values.
    given = parse_parts(parts := evidence.parts, trace)

    # (2) The key: named by the caller, or certified up to a trusted root.
    trace.check("K1", "attestation key", "named or certified", lambda: sorted(parts))
    found = find_keys(parts, endorsements=endorsements, anchors=anchors)

    # (3) Dates and revocation, at the caller's time, on every call.
    trace.check("D1", "certificates are valid", now, found.path is not None and "certified")
    check_dates(found, endorsements=endorsements, policy=policy.crl, now=now)

    # (4) That key signed exactly these bytes.
    signer, signature = find_signer(given, found.signers, trace)

    # (5) The PCR values are those that were quoted, and the log those that led to them.
    check_pcrs(given, signature, trace)
    facts = check_event_log(parts, given, policy.tpm, trace)

    # (6) The quote was made for this request.
    check_nonce(given, report_data, trace)

    # (7) What counts as the measurement.
    measurement = _measurement(given, policy.tpm, trace)
    values = quote_claims(given, signer, signature) | facts | _root(found)
    return _claims(given, values, simulated=signer.key.simulated, measurement=measurement)


def _root(found: AttestationKeys) -> dict[str, ClaimValue]:
    return {} if found.path is None else {"root": found.path.anchor.product}


def _claims(
    given: GivenQuote, values: dict[str, ClaimValue], *, simulated: bool, measurement: bytes
) -> VerifiedClaims:
    shared: dict[str, ClaimValue] = {
        "tee": "tpm",
        "simulated": simulated,
        "measurement": measurement.hex(),
        "report-data": given.quote.extra_data.hex(),
    }
    return VerifiedClaims(
        tee="tpm",
        simulated=simulated,
        measurement=measurement,
        report_data=given.quote.extra_data,
        values=MappingProxyType(shared | values),
    )


def _measurement(given: GivenQuote, policy: TpmPolicy, trace: Trace) -> bytes:
    if policy.measurement_pcr is None:
        return given.quote.pcr_digest
    trace.check("P1", "PCR of the measurement", policy.measurement_pcr, lambda: [*given.sha256])
    value = given.sha256.get(policy.measurement_pcr)
    if value is None:
        raise EvidenceError(Refusal.MISSING_CLAIMS, f"PCR {policy.measurement_pcr} was not quoted")
    return value
