"""Attesters over a TPM: a machine with an enrolled attestation key, and Azure's guests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from attestation.evidence import UnverifiedEvidence
from attestation.tpm.client import Tpm
from attestation.tpm.enrolment import attestation_key
from attestation.tpm.quoting import take_quote
from attestation.tpm.templates import AK_ECC
from attestation.verifiers.azure.hcl import REPORT_SNP, parse_hcl_report

# Microsoft Learn, "Confidential VM guest attestation design detail".
HCL_REPORT_INDEX: Final = 0x01400001
AZURE_AK: Final = 0x81000003

OpenTpm = Callable[[], Tpm]


@dataclass(frozen=True, slots=True)
class TpmAttester:
    """An `Attester` over a TPM whose attestation key has a certificate.

    `ak_chain` is PEM, the certificate first; `event_log` the firmware's log, if it could be read.
    The TPM is opened for each piece of evidence, so others can use it in between.
    """

    open_tpm: OpenTpm = field(repr=False)
    ak_chain: bytes = field(repr=False)
    event_log: bytes | None = field(default=None, repr=False)
    template: bytes = field(default=AK_ECC, repr=False)

    @property
    def tee(self) -> str:
        """The TEE's name, as in evidence."""
        return "tpm"

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return a fresh quote over exactly these 64 bytes. Raises `TpmError`."""
        with self.open_tpm() as tpm, attestation_key(tpm, self.template) as key:
            taken = take_quote(tpm, key, report_data)
            parts = taken.parts | {"ak_public": key.public.area, "ak_chain": self.ak_chain}
        if self.event_log:
            parts["event_log"] = self.event_log
        return UnverifiedEvidence("tpm", parts)


@dataclass(frozen=True, slots=True)
class AzureAttester:
    """An `Attester` in a confidential guest of Azure, on SEV-SNP or TDX.

    `endorse` takes the HCL report and returns what Azure's local service gives for it: the VCEK as
    DER on SNP, a TD quote on TDX. Make one with `of`, which asks which of them it is.
    """

    tee: str
    open_tpm: OpenTpm = field(repr=False)
    endorse: Callable[[bytes], bytes] = field(repr=False)

    @classmethod
    def of(cls, open_tpm: OpenTpm, endorse: Callable[[bytes], bytes]) -> AzureAttester:
        """Return the attester of this guest.

        Raises `TpmError` where there is no HCL report, `EvidenceError` where it is not readable.
        """
        with open_tpm() as tpm:
            report = parse_hcl_report(tpm.nv_read(HCL_REPORT_INDEX))
        return cls(
            "azure-snp" if report.report_type == REPORT_SNP else "azure-tdx", open_tpm, endorse
        )

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return a fresh quote over exactly these 64 bytes, with the report behind its key.

        Raises `TpmError`, and whatever `endorse` raises.
        """
        with self.open_tpm() as tpm:
            hcl_report = tpm.nv_read(HCL_REPORT_INDEX)
            taken = take_quote(tpm, tpm.read_public(AZURE_AK), report_data)
        endorsement = "vek" if self.tee == "azure-snp" else "td_quote"
        parts = taken.parts | {"hcl_report": hcl_report, endorsement: self.endorse(hcl_report)}
        return UnverifiedEvidence(self.tee, parts)
