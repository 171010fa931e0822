"""The one door from bytes to claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from attestation.claims import VerifiedClaims
from attestation.composite import DEVICES, verify_composite, without_devices
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import PARTS, UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedNonce, ExpectedReportData, UnsafeAnyReportData
from attestation.trace import NO_TRACE, Trace
from attestation.trust import TrustAnchors
from attestation.verifiers.azure.snp import verify_azure_snp
from attestation.verifiers.azure.tdx import verify_azure_tdx
from attestation.verifiers.cca.verifier import verify_cca
from attestation.verifiers.nitro.verifier import verify_nitro
from attestation.verifiers.nvidia.verifier import verify_nvidia
from attestation.verifiers.psa.verifier import verify_psa
from attestation.verifiers.sgx.verifier import verify_sgx
from attestation.verifiers.snp.verifier import verify_snp
from attestation.verifiers.tdx.verifier import verify_tdx
from attestation.verifiers.tpm.verifier import verify_tpm

Verifier = Callable[..., VerifiedClaims]

VERIFIERS: Final[Mapping[str, Verifier]] = MappingProxyType(
    {
        "snp": verify_snp,
        "tdx": verify_tdx,
        "sgx": verify_sgx,
        "nitro": verify_nitro,
        "cca": verify_cca,
        "psa": verify_psa,
        "tpm": verify_tpm,
        "azure-snp": verify_azure_snp,
        "azure-tdx": verify_azure_tdx,
        "nvidia": verify_nvidia,
    }
)


def verify(
    evidence: UnverifiedEvidence,
    *,
    report_data: ExpectedReportData | UnsafeAnyReportData,
    endorsements: Endorsements,
    policy: EvidencePolicy,
    anchors: TrustAnchors,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> VerifiedClaims:
    """Return what `evidence` proves about its sender at `now`.

    Says who is speaking and that `policy` accepts the machine, never whether its measurement is
    wanted, nor whether the evidence was seen before. `trace` is told every comparison. Pure: no
    clock, network or disk; safe to call from any thread. Raises `EvidenceError` for anything
    wrong with the input, and `ValueError` if `now` has no time zone.
    """
    _require_known(evidence, now)

    def verify_one(
        one: UnverifiedEvidence,
        expected: ExpectedReportData | ExpectedNonce | UnsafeAnyReportData,
        noted: Trace,
    ) -> VerifiedClaims:
        return VERIFIERS[one.tee](
            one,
            report_data=expected,
            endorsements=endorsements,
            policy=policy,
            anchors=anchors,
            now=now,
            trace=noted,
        )

    if DEVICES in evidence.parts:
        return verify_composite(evidence, verify_one, report_data=report_data, trace=trace)
    claims = verify_one(evidence, report_data, trace)
    return without_devices(claims) if DEVICES in PARTS[evidence.tee][1] else claims


def _require_known(evidence: UnverifiedEvidence, now: datetime) -> None:
    if now.tzinfo is None:
        raise ValueError("now has no time zone")
    if evidence.tee not in VERIFIERS:
        raise EvidenceError(Refusal.UNSUPPORTED, "no verifier for this kind of TEE")
