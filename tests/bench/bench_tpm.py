"""TPM and Azure verification against the bare sum of their primitives, chains remembered."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestation.endorsements import Endorsements
from attestation.evidence import UnverifiedEvidence
from attestation.policy import EvidencePolicy
from attestation.report_data import ExpectedReportData
from attestation.simulated import SimulatedGuest
from attestation.simulated.azure.guest import SimulatedAzureGuest
from attestation.simulated.tpm.machine import SimulatedTpmMachine
from attestation.tpm.signature import parse_signature
from attestation.trust import TrustAnchors
from attestation.verifiers.azure.hcl import parse_hcl_report
from attestation.verifiers.snp.report import parse_report
from attestation.verify import verify
from attestation.x509.pem import encode_pem
from tests.fakes.silicon import MEASUREMENT, NOW, REPORT_DATA, make_silicon
from tests.fakes.tpm import VENDOR, azure_keys, rsa_key

RUNS = 2000
POLICY, EXPECTED = EvidencePolicy(), ExpectedReportData(REPORT_DATA)
SILICON = make_silicon("genoa")
TPM = SimulatedTpmMachine(VENDOR, MEASUREMENT).attest(REPORT_DATA)
AZURE = SimulatedAzureGuest(
    SimulatedGuest(SILICON, lambda: SILICON, MEASUREMENT), azure_keys(), MEASUREMENT
).attest(REPORT_DATA)
ROOTS = (VENDOR.root.certificate, SILICON.root())
ANCHORS = TrustAnchors.vendor().with_simulated(
    b"".join(encode_pem("CERTIFICATE", one) for one in ROOTS)
)
OF_TPM = Endorsements.parse([], VENDOR.lists())
OF_AZURE = Endorsements.parse([SILICON.intermediate("vcek"), SILICON.root()], [SILICON.crl()])


def verification(evidence: UnverifiedEvidence, endorsements: Endorsements) -> Callable[[], object]:
    return lambda: verify(
        evidence,
        report_data=EXPECTED,
        endorsements=endorsements,
        policy=POLICY,
        anchors=ANCHORS,
        now=NOW,
    )


def without_log(evidence: UnverifiedEvidence) -> UnverifiedEvidence:
    kept = {name: data for name, data in evidence.parts.items() if name != "event_log"}
    return UnverifiedEvidence(evidence.tee, kept)


def bare_tpm() -> Callable[[], object]:
    """One elliptic signature and one digest over 24 PCRs."""
    key, message = VENDOR.ak().public_key(), TPM.parts["quote"]
    values = parse_signature(TPM.parts["signature"], key).values
    r, s = (int.from_bytes(value, "big") for value in values)
    signature, scheme = encode_dss_signature(r, s), ec.ECDSA(hashes.SHA256())

    def run() -> None:
        key.verify(signature, message, scheme)
        hashlib.sha256(bytes(24 * 32)).digest()

    return run


def bare_azure() -> Callable[[], object]:
    """The hardware's signature, the quote's, and two digests."""
    hcl = parse_hcl_report(AZURE.parts["hcl_report"])
    report = parse_report(hcl.hardware)
    vek = SILICON.vek("vcek", SILICON.identity.model.tcb).key.public_key()
    signature, scheme = encode_dss_signature(report.r, report.s), ec.ECDSA(hashes.SHA384())
    ak, digest = rsa_key("ak").public_key(), hashes.SHA256()
    quote, signed = AZURE.parts["quote"], AZURE.parts["signature"]

    def run() -> None:
        vek.verify(signature, report.signed, scheme)
        hashlib.sha256(hcl.runtime).digest()
        ak.verify(signed, quote, padding.PKCS1v15(), digest)
        hashlib.sha256(bytes(24 * 32)).digest()

    return run


def best_of(*calls: Callable[[], object]) -> list[float]:
    """Return microseconds of the quickest call of each; they alternate so that noise is shared."""
    best = [float("inf")] * len(calls)
    for _ in range(RUNS):
        for index, call in enumerate(calls):
            started = time.perf_counter()
            call()
            best[index] = min(best[index], (time.perf_counter() - started) * 1e6)
    return best


def row(name: str, value: float, bare: float, goal: float | None) -> dict[str, Any]:
    ratio = value / bare
    return {
        "name": name,
        "value": round(value, 1),
        "unit": "us",
        "bare": round(bare, 1),
        "ratio": round(ratio, 3),
        "goal": None if goal is None else f"ratio <= {goal}",
        "ok": None if goal is None else ratio <= goal,
    }


def rows() -> list[dict[str, Any]]:
    """Return rows of both kinds, chains remembered, without and with an event log to replay."""
    tpm, tpm_log, bare, azure, azure_log, bare_both = best_of(
        verification(without_log(TPM), OF_TPM),
        verification(TPM, OF_TPM),
        bare_tpm(),
        verification(without_log(AZURE), OF_AZURE),
        verification(AZURE, OF_AZURE),
        bare_azure(),
    )
    return [
        row("tpm verification, chain remembered", tpm, bare, 1.3),
        row("tpm verification with an event log", tpm_log, bare, None),
        row("azure-snp verification, chain remembered", azure, bare_both, 1.3),
        row("azure-snp verification with an event log", azure_log, bare_both, None),
    ]
