"""Whether the event log of a TD tells what its RTMRs hold (TCG, UEFI: CC event log)."""

from __future__ import annotations

from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.eventlog import replay_ccel
from attestation.intel.reports import TdReport
from attestation.trace import NO_TRACE, Trace

# What a register holds that nothing extended.
_UNTOUCHED: Final = bytes(48)


def check_event_log(report: TdReport, log: bytes, trace: Trace = NO_TRACE) -> None:
    """Refuse a log whose replay does not give all four RTMRs of an authentic report (step L1).

    Not checked: what the events mean. Raises `EvidenceError`: `event-log-mismatch`, `malformed` or
    `alg-mismatch`.
    """
    trace.check("L1", "form of the event log", "a CCEL log with SHA-384", lambda: len(log))
    replayed = replay_ccel(log)
    actual = (report.rtmr0, report.rtmr1, report.rtmr2, report.rtmr3)
    for index, register in enumerate(actual):
        expected = replayed.get(index, _UNTOUCHED)
        trace.check("L1", f"RTMR{index} of the event log", expected, register)
        if register != expected:
            raise EvidenceError(
                Refusal.EVENT_LOG_MISMATCH, f"RTMR{index} is not what the event log adds up to"
            )
