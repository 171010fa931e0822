"""What both kinds of Azure evidence share: the virtual TPM, once hardware vouched for its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from attestation.claims import ClaimValue, VerifiedClaims
from attestation.errors import EvidenceError, Refusal
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData, UnsafeAnyReportData
from attestation.tpm.signature import TpmSignature
from attestation.trace import Trace
from attestation.verifiers.azure.hcl import HclReport, parse_hcl_report
from attestation.verifiers.azure.runtime import Runtime, bound_runtime
from attestation.verifiers.tpm.claims import quote_claims
from attestation.verifiers.tpm.quote import (
    GivenQuote,
    Signer,
    check_event_log,
    check_nonce,
    check_pcrs,
    find_signer,
    parse_parts,
)

SECURE_BOOT: Final = "secure-boot"


@dataclass(frozen=True, slots=True)
class Given:
    """The parts both kinds have, read. Nothing has been verified."""

    hcl: HclReport
    quote: GivenQuote


@dataclass(frozen=True, slots=True)
class Hardware:
    """What the hardware report proved, in the claims of its own kind."""

    simulated: bool
    measurement: bytes
    values: Mapping[str, ClaimValue]


@dataclass(frozen=True, slots=True)
class VerifiedVtpm:
    """A quote by the virtual TPM that the hardware report is about."""

    runtime: Runtime
    quote: GivenQuote
    signer: Signer
    signature: TpmSignature
    facts: Mapping[str, bool]

    def add_claims(self, values: dict[str, ClaimValue]) -> None:
        """Add what quote, event log and runtime data say.

        Secure Boot is on where both the paravisor and the event log say so, if there is a log.
        """
        values.update(quote_claims(self.quote, self.signer, self.signature))
        values.update(self.runtime.claims)
        values.update(self.facts)
        said = [one[SECURE_BOOT] for one in (self.facts, self.runtime.claims) if SECURE_BOOT in one]
        if said:
            values[SECURE_BOOT] = all(said)


def parse_given(parts: Mapping[str, bytes], report_type: int, trace: Trace) -> Given:
    """Return the shared parts; refuse an HCL report of another kind of hardware as `malformed`."""
    trace.check("H1", "length of the HCL report", "a report", len(parts.get("hcl_report", b"")))
    hcl = parse_hcl_report(parts.get("hcl_report", b""))
    trace.check("H4", "report type", report_type, hcl.report_type)
    if hcl.report_type != report_type:
        raise EvidenceError(Refusal.MALFORMED, "HCL report is of another kind of hardware")
    return Given(hcl, parse_parts(parts, trace))


def verify_vtpm(
    parts: Mapping[str, bytes],
    given: Given,
    hardware_report_data: bytes,
    *,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    policy: EvidencePolicy,
    trace: Trace,
) -> VerifiedVtpm:
    """Return the quote, once the hardware report with `hardware_report_data` was authenticated.

    Raises `EvidenceError`: `binding`, `signature-invalid`, `pcr-digest-mismatch`,
    `event-log-mismatch`, `report-data-mismatch` or `malformed`.
    """
    trace.check("B1", "digest of the runtime data", hardware_report_data, given.hcl.hash_name)
    runtime = bound_runtime(given.hcl, hardware_report_data)
    signer, signature = find_signer(given.quote, [runtime.signer], trace)
    check_pcrs(given.quote, signature, trace)
    facts = check_event_log(parts, given.quote, policy.tpm, trace)
    check_nonce(given.quote, report_data, trace)
    return VerifiedVtpm(runtime, given.quote, signer, signature, facts)


def azure_claims(tee: str, hardware: Hardware, vtpm: VerifiedVtpm) -> VerifiedClaims:
    """Return the claims of hardware and virtual TPM as one.

    The measurement is the hardware's, so that of the paravisor; report data is the quote's nonce,
    because only that is fresh.
    """
    nonce = vtpm.quote.quote.extra_data
    values = dict(hardware.values)
    vtpm.add_claims(values)
    values["tee"] = tee
    values["report-data"] = nonce.hex()
    return VerifiedClaims(
        tee=tee,
        simulated=hardware.simulated,
        measurement=hardware.measurement,
        report_data=nonce,
        values=MappingProxyType(values),
    )
