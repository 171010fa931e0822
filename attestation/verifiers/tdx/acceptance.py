"""Do we accept such a TD? Pure comparisons of an authentic report.

Bits: Intel TDX Module 1.5 Base Architecture Specification, "ATTRIBUTES (TD Attributes)".
"""

from __future__ import annotations

from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.intel.reports import TdReport
from attestation.policy import TdxPolicy
from attestation.trace import NO_TRACE, Trace

# Bits 7:0, "TD under debug": any of them, and the host may look inside.
DEBUG: Final = 1 << 0
TUD: Final = 0xFF
SEPT_VE_DISABLE: Final = 1 << 28
MIGRATABLE: Final = 1 << 29
PKS: Final = 1 << 30
KEY_LOCKER: Final = 1 << 31
PERFMON: Final = 1 << 63
_KNOWN: Final = TUD | SEPT_VE_DISABLE | MIGRATABLE | PKS | KEY_LOCKER | PERFMON
_NO_SERVICE_TD: Final = bytes(48)


def check_td(report: TdReport, policy: TdxPolicy, trace: Trace = NO_TRACE) -> None:
    """Refuse a TD whose attributes `policy` does not accept (steps A1 to A5)."""
    bits = report.td_attributes
    trace.check("A1", "debug", policy.allow_debug and "allowed", bool(bits & TUD))
    if bits & TUD & ~(DEBUG if policy.allow_debug else 0):
        raise EvidenceError(Refusal.DEBUG_ENABLED, "host may debug the TD")
    trace.check("A2", "TD attributes", "known bits only", hex(bits))
    if bits & ~_KNOWN:
        raise EvidenceError(Refusal.MALFORMED, f"TD attributes are {bits:#x}")
    trace.check("A3", "SEPT_VE_DISABLE", policy.require_sept_ve_disable, bits & SEPT_VE_DISABLE > 0)
    if policy.require_sept_ve_disable and not bits & SEPT_VE_DISABLE:
        raise EvidenceError(Refusal.SEPT_VE_DISABLE_CLEAR, "host may inject #VE into the TD")
    trace.check("A4", "migratable", policy.allow_migration and "allowed", bits & MIGRATABLE > 0)
    if bits & MIGRATABLE and not policy.allow_migration:
        raise EvidenceError(Refusal.MIGRATABLE, "a service TD may move the TD")
    if report.mrservicetd is None:
        return
    allowed = policy.allow_service_td and "allowed"
    trace.check("A5", "service TD", allowed or "none", report.mrservicetd)
    if report.mrservicetd != _NO_SERVICE_TD and not policy.allow_service_td:
        raise EvidenceError(Refusal.SERVICE_TD_BOUND, "a service TD is bound to the TD")
