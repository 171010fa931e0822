"""Do we accept such an enclave? Pure comparisons of an authentic report.

Bits: Intel Software Developer's Manual, volume 3D, section 38.7.1, "ATTRIBUTES".
"""

from __future__ import annotations

from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.intel.reports import SgxReport
from attestation.policy import SgxPolicy
from attestation.trace import NO_TRACE, Trace

INIT: Final = 1 << 0
DEBUG: Final = 1 << 1
MODE64: Final = 1 << 2
PROVISION_KEY: Final = 1 << 4
EINITTOKEN_KEY: Final = 1 << 5
CET: Final = 1 << 6
KSS: Final = 1 << 7
AEX_NOTIFY: Final = 1 << 10
_KNOWN: Final = INIT | DEBUG | MODE64 | PROVISION_KEY | EINITTOKEN_KEY | CET | KSS | AEX_NOTIFY


def check_enclave(report: SgxReport, policy: SgxPolicy, trace: Trace = NO_TRACE) -> None:
    """Refuse an enclave whose attributes `policy` does not accept (steps A1 and A2)."""
    bits = report.attributes
    trace.check("A1", "debug", policy.allow_debug and "allowed", bits & DEBUG != 0)
    if bits & DEBUG and not policy.allow_debug:
        raise EvidenceError(Refusal.DEBUG_ENABLED, "host may debug the enclave")
    trace.check("A2", "enclave attributes", "INIT and known bits only", hex(bits))
    if bits & ~_KNOWN or not bits & INIT:
        raise EvidenceError(Refusal.MALFORMED, f"enclave attributes are {bits:#x}")


def check_identity(report: SgxReport, policy: SgxPolicy, trace: Trace = NO_TRACE) -> None:
    """Refuse an enclave that is too old or of another signer (steps P3 and P4)."""
    trace.check("P3", "ISVSVN at least", policy.minimum_isv_svn, report.isv_svn)
    if report.isv_svn < policy.minimum_isv_svn:
        raise EvidenceError(
            Refusal.TCB_BELOW_MINIMUM,
            f"ISVSVN is {report.isv_svn}, expected at least {policy.minimum_isv_svn}",
        )
    if policy.signers:
        trace.check("P4", "MRSIGNER", "one of those named", report.mrsigner)
        if report.mrsigner not in policy.signers:
            raise EvidenceError(
                Refusal.MEASUREMENT_MISMATCH, f"MRSIGNER is {report.mrsigner.hex()}"
            )
