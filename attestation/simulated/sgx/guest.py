"""An enclave on simulated SGX: gives quotes, and can be made to go wrong in one way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from attestation.evidence import UnverifiedEvidence
from attestation.report_data import REPORT_DATA_BYTES
from attestation.simulated.intel.levels import PCE_SVN, QE_SVN
from attestation.simulated.intel.quote_writer import (
    ENCLAVE_REPORT,
    SGX,
    EnclaveReport,
    QuoteHeader,
    with_type_and_size,
)
from attestation.simulated.intel.silicon import IntelSilicon
from attestation.simulated.sgx.faults import Fault

MEASUREMENT_BYTES: Final = 48
MR_SIGNER: Final = hashlib.sha256(b"SIMULATED enclave signer").digest()
_MRENCLAVE_AT: Final = 48 + 64
# Later versions nest what certifies the quoting enclave; the last says what its body is.
_VERSION_UNNESTED: Final = 3
_VERSION_WITH_TYPE: Final = 5
_DEBUG: Final = 1 << 1


def launch_value(measurement: bytes) -> bytes:
    """Return MRENCLAVE for a 48-byte measurement: its SHA-256, as there are 32 bytes for it."""
    return hashlib.sha256(measurement).digest()


@dataclass(frozen=True, slots=True)
class SimulatedSgxEnclave:
    """An `Attester`. `version` is that of its quotes: 3, 4 or 5.

    `padding` is how many zero bytes follow the quote.
    """

    silicon: IntelSilicon = field(repr=False)
    measurement: bytes
    isv_prod_id: int = 1
    isv_svn: int = 1
    version: int = 3
    padding: int = 0
    faults: frozenset[Fault] = frozenset()

    def __post_init__(self) -> None:
        if len(self.measurement) != MEASUREMENT_BYTES:
            raise ValueError(f"measurement is {len(self.measurement)} bytes, expected 48")

    @property
    def tee(self) -> str:
        """The TEE's name, as in evidence."""
        return "sgx"

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return a signed quote over exactly these 64 bytes, unless a fault says otherwise.

        Raises `ValueError` for another length.
        """
        if len(report_data) != REPORT_DATA_BYTES:
            raise ValueError(f"report data is {len(report_data)} bytes, expected 64")
        if Fault.REPLAYED_NONCE in self.faults:
            report_data = hashlib.sha512(b"an earlier request").digest()
        body = self.report(report_data).encode()
        if self.version == _VERSION_WITH_TYPE:
            body = with_type_and_size(ENCLAVE_REPORT, body)
        quoting = self.silicon.quoting(self.faults)
        sign = quoting.sign_v3 if self.version == _VERSION_UNNESTED else quoting.sign_v4
        quote = bytearray(sign(self._header().encode() + body))
        if Fault.TAMPERED in self.faults:
            quote[_MRENCLAVE_AT + (6 if self.version == _VERSION_WITH_TYPE else 0)] ^= 1
        tail = b"\x01" if Fault.TRAILING_DATA in self.faults else bytes(self.padding)
        return UnverifiedEvidence("sgx", {"quote": bytes(quote) + tail})

    def report(self, report_data: bytes) -> EnclaveReport:
        """Return the enclave report that gets quoted, with the faults that it shows."""
        report = EnclaveReport(
            cpu_svn=self.silicon.extension().cpu_svn,
            mr_enclave=launch_value(self.measurement),
            mr_signer=MR_SIGNER,
            report_data=report_data,
            isv_prod_id=self.isv_prod_id,
            isv_svn=self.isv_svn,
        )
        for fault in sorted(self.faults & REPORT_FAULTS.keys()):
            report = REPORT_FAULTS[fault](report)
        return report

    def _header(self) -> QuoteHeader:
        header = QuoteHeader(
            version=self.version,
            tee_type=SGX,
            qe_svn=QE_SVN if self.version == _VERSION_UNNESTED else 0,
            pce_svn=PCE_SVN if self.version == _VERSION_UNNESTED else 0,
            user_data=self.silicon.identity.derive("user data", 16) + bytes(4),
        )
        for fault in sorted(self.faults & HEADER_FAULTS.keys()):
            header = HEADER_FAULTS[fault](header)
        return header

    def with_fault(self, fault: Fault) -> SimulatedSgxEnclave:
        """Return this enclave with one more fault."""
        return replace(self, faults=self.faults | {fault})


# What each fault does to the header and to the report before they are signed.
HEADER_FAULTS: Final[Mapping[Fault, Callable[[QuoteHeader], QuoteHeader]]] = MappingProxyType(
    {
        Fault.WRONG_QE_VENDOR: lambda header: replace(header, vendor=b"\x5e" * 16),
        Fault.WRONG_KEY_TYPE: lambda header: replace(header, key_type=3),
        Fault.UNKNOWN_VERSION: lambda header: replace(header, version=2),
    }
)
REPORT_FAULTS: Final[Mapping[Fault, Callable[[EnclaveReport], EnclaveReport]]] = MappingProxyType(
    {
        Fault.DEBUG: lambda report: replace(report, attributes=report.attributes | _DEBUG),
        Fault.EMPTY_REPORT_DATA: lambda report: replace(report, report_data=bytes(64)),
    }
)
