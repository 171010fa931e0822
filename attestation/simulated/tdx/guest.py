"""A guest on simulated TDX: gives quotes, and can be made to go wrong in one way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from attestation.eventlog import replay_ccel
from attestation.eventlog.events import EV_SEPARATOR
from attestation.evidence import UnverifiedEvidence
from attestation.report_data import REPORT_DATA_BYTES
from attestation.simulated.intel.faults import IntelFault
from attestation.simulated.intel.levels import TDX_MICROCODE, tee_tcb_svn
from attestation.simulated.intel.quote_writer import (
    TD_REPORT_10,
    TD_REPORT_15,
    TDX,
    QuoteHeader,
    TdReport,
    with_type_and_size,
)
from attestation.simulated.intel.silicon import IntelSilicon
from attestation.simulated.tdx.faults import Fault
from attestation.simulated.tpm.log_writer import event, header
from attestation.tpm.constants import ALG_SHA384

MEASUREMENT_BYTES: Final = 48
# Where MRTD starts in a quote of version 4 and of version 5.
_MRTD_AT: Final = {4: 48 + 136, 5: 54 + 136}
_ZEROS: Final = bytes(48)
_DEBUG: Final = 1
_SEPT_VE_DISABLE: Final = 1 << 28
_MIGRATABLE: Final = 1 << 29


class QuoteForm(StrEnum):
    """Version of the quote and of the TD report in it."""

    V4 = "v4"
    V5_TD10 = "v5-td10"
    V5_TD15 = "v5-td15"


@dataclass(frozen=True, slots=True)
class SimulatedTdxGuest:
    """An `Attester`. `padding` is how many zero bytes follow the quote, as some clouds add.

    With the `event_log` of its boot (CCEL) the RTMRs hold what the log adds up to, and it comes
    with the quote; without one they are zero.
    """

    silicon: IntelSilicon = field(repr=False)
    measurement: bytes
    form: QuoteForm = QuoteForm.V5_TD15
    event_log: bytes | None = None
    padding: int = 0
    faults: frozenset[Fault] = frozenset()

    def __post_init__(self) -> None:
        if len(self.measurement) != MEASUREMENT_BYTES:
            raise ValueError(f"measurement is {len(self.measurement)} bytes, expected 48")

    @property
    def tee(self) -> str:
        """The TEE's name, as in evidence."""
        return "tdx"

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return a signed quote over exactly these 64 bytes, unless a fault says otherwise.

        Raises `ValueError` for another length.
        """
        if len(report_data) != REPORT_DATA_BYTES:
            raise ValueError(f"report data is {len(report_data)} bytes, expected 64")
        if Fault.REPLAYED_NONCE in self.faults:
            report_data = hashlib.sha512(b"an earlier request").digest()
        header = self._header()
        signed = header.encode() + self._body(self.report(report_data))
        quote = bytearray(self.silicon.quoting(self._silicon_faults()).sign_v4(signed))
        if Fault.TAMPERED in self.faults:
            quote[_MRTD_AT[4 if self._form is QuoteForm.V4 else 5]] ^= 1
        tail = b"\x01" if Fault.TRAILING_DATA in self.faults else bytes(self.padding)
        parts = {"quote": bytes(quote) + tail}
        log = _OTHER_LOG if Fault.OTHER_EVENT_LOG in self.faults else self.event_log
        return UnverifiedEvidence("tdx", parts if log is None else parts | {"event_log": log})

    def report(self, report_data: bytes) -> TdReport:
        """Return the TD report that gets quoted, with the faults that it shows."""
        svn = tee_tcb_svn()
        report = TdReport(
            tee_tcb_svn=svn,
            mr_td=self.measurement,
            report_data=report_data,
            mr_seam=hashlib.sha384(b"SIMULATED TDX module" + svn).digest(),
            rtmrs=self._rtmrs(),
            tee_tcb_svn2=svn if self._form is QuoteForm.V5_TD15 else None,
        )
        for fault in sorted(self.faults & REPORT_FAULTS.keys()):
            report = REPORT_FAULTS[fault](report)
        return report

    def _rtmrs(self) -> tuple[bytes, bytes, bytes, bytes]:
        found = {} if self.event_log is None else replay_ccel(self.event_log)
        first, second, third, fourth = (found.get(index, _ZEROS) for index in range(4))
        return first, second, third, fourth

    @property
    def _form(self) -> QuoteForm:
        # Only a report of TD 1.5 has room for these.
        newer = _NEED_TD15 & self.faults
        return QuoteForm.V5_TD15 if newer else self.form

    def _header(self) -> QuoteHeader:
        header = QuoteHeader(
            version=4 if self._form is QuoteForm.V4 else 5,
            tee_type=TDX,
            user_data=self.silicon.identity.derive("user data", 16) + bytes(4),
        )
        for fault in sorted(self.faults & HEADER_FAULTS.keys()):
            header = HEADER_FAULTS[fault](header)
        return header

    def _body(self, report: TdReport) -> bytes:
        if self._form is QuoteForm.V4:
            return report.encode()
        kind = TD_REPORT_15 if self._form is QuoteForm.V5_TD15 else TD_REPORT_10
        return with_type_and_size(kind, report.encode())

    def _silicon_faults(self) -> frozenset[str]:
        if Fault.TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED in self.faults:
            return self.faults | {IntelFault.CONFIGURATION_NEEDED}
        return self.faults

    def with_fault(self, fault: Fault) -> SimulatedTdxGuest:
        """Return this guest with one more fault."""
        return replace(self, faults=self.faults | {fault})


_SHA384: Final = (ALG_SHA384,)
# Of a machine that measured something into RTMR3 which nobody measures.
_OTHER_LOG: Final = header(_SHA384) + event(4, EV_SEPARATOR, b"another boot", banks=_SHA384)
_NEED_TD15: Final = frozenset(
    {
        Fault.SERVICE_TD_BOUND,
        Fault.TD_RELAUNCH_ADVISED,
        Fault.TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
    }
)


def _svn(*, module: int, microcode: int = TDX_MICROCODE) -> Callable[[TdReport], TdReport]:
    """The TD runs on this; what is loaded now, if the report says, is the same."""
    svn = tee_tcb_svn(module=module, microcode=microcode)

    def change(report: TdReport) -> TdReport:
        return replace(
            report, tee_tcb_svn=svn, tee_tcb_svn2=None if report.tee_tcb_svn2 is None else svn
        )

    return change


def _launched_on(*, module: int, microcode: int) -> Callable[[TdReport], TdReport]:
    """The TD was launched on this; what is loaded now is newer."""
    svn = tee_tcb_svn(module=module, microcode=microcode)
    return lambda report: replace(report, tee_tcb_svn=svn)


# What each fault does to the header and to the report before they are signed.
HEADER_FAULTS: Final[Mapping[Fault, Callable[[QuoteHeader], QuoteHeader]]] = MappingProxyType(
    {
        Fault.WRONG_QE_VENDOR: lambda header: replace(header, vendor=b"\x5e" * 16),
        Fault.WRONG_KEY_TYPE: lambda header: replace(header, key_type=3),
        Fault.UNKNOWN_VERSION: lambda header: replace(header, version=6),
    }
)
REPORT_FAULTS: Final[Mapping[Fault, Callable[[TdReport], TdReport]]] = MappingProxyType(
    {
        Fault.DEBUG: lambda report: replace(report, td_attributes=report.td_attributes | _DEBUG),
        Fault.MIGRATABLE: lambda report: replace(
            report, td_attributes=report.td_attributes | _MIGRATABLE
        ),
        Fault.SEPT_VE_DISABLE_CLEAR: lambda report: replace(
            report, td_attributes=report.td_attributes & ~_SEPT_VE_DISABLE
        ),
        Fault.SERVICE_TD_BOUND: lambda report: replace(report, mr_service_td=b"\x5e" * 48),
        Fault.EMPTY_REPORT_DATA: lambda report: replace(report, report_data=bytes(64)),
        Fault.OLD_TDX_MICROCODE: _svn(module=11, microcode=2),
        Fault.MODULE_OUT_OF_DATE: _svn(module=7),
        Fault.MODULE_REVOKED: _svn(module=4),
        Fault.MODULE_NOT_SUPPORTED: _svn(module=3),
        Fault.TD_RELAUNCH_ADVISED: _launched_on(module=7, microcode=2),
        Fault.TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED: _launched_on(module=7, microcode=1),
        Fault.UNKNOWN_MODULE: lambda report: replace(
            report, tee_tcb_svn=bytes([11, 9, TDX_MICROCODE]) + bytes(13)
        ),
        Fault.OTHER_MODULE_SIGNER: lambda report: replace(report, mr_signer_seam=b"\x5e" * 48),
    }
)
