"""What can be wrong with any simulated Intel platform: one thing each.

The enumeration of `simulated.tdx.faults` has these values and those
of their own TEE; text compares equal, so what is shared looks them up by value.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class IntelFault(StrEnum):
    """Names as the command line takes them and the platform's folder keeps them."""

    # What the quote says
    DEBUG = "debug"
    EMPTY_REPORT_DATA = "empty-report-data"
    REPLAYED_NONCE = "replayed-nonce"
    WRONG_QE_VENDOR = "wrong-qe-vendor"
    WRONG_KEY_TYPE = "wrong-key-type"
    UNKNOWN_VERSION = "unknown-version"
    # Who signed it
    TAMPERED = "tampered"
    UNSIGNED = "unsigned"
    TRAILING_DATA = "trailing-data"
    WRONG_ATTESTATION_KEY = "wrong-attestation-key"
    FORGED_QE_REPORT = "forged-qe-report"
    OTHER_QE_SIGNER = "other-qe-signer"
    OTHER_QE_PRODUCT = "other-qe-product"
    DEBUG_QE = "debug-qe"
    QE_OUT_OF_DATE = "qe-out-of-date"
    QE_REVOKED = "qe-revoked"
    QE_NOT_SUPPORTED = "qe-not-supported"
    # Its certificate
    EXPIRED_PCK = "expired-pck"
    FUTURE_CLOCK = "future-clock"
    REVOKED_PCK = "revoked-pck"
    PCK_ON_HOLD = "pck-on-hold"
    REVOKED_PCK_CA = "revoked-pck-ca"
    SIGNED_BY_STRANGER = "signed-by-stranger"
    # The platform's TCB
    SW_HARDENING_NEEDED = "sw-hardening-needed"
    CONFIGURATION_NEEDED = "configuration-needed"
    CONFIGURATION_AND_SW_HARDENING_NEEDED = "configuration-and-sw-hardening-needed"
    OUT_OF_DATE = "out-of-date"
    OUT_OF_DATE_CONFIGURATION_NEEDED = "out-of-date-configuration-needed"
    TCB_REVOKED = "tcb-revoked"
    NOT_SUPPORTED = "not-supported"
    # What the vendor publishes
    NO_COLLATERAL = "no-collateral"
    WRONG_FMSPC = "wrong-fmspc"
    COLLATERAL_OF_OTHER_TEE = "collateral-of-other-tee"
    EXPIRED_COLLATERAL = "expired-collateral"
    FUTURE_COLLATERAL = "future-collateral"
    TAMPERED_COLLATERAL = "tampered-collateral"
    OLD_COLLATERAL = "old-collateral"
    NO_CRL = "no-crl"
    EXPIRED_CRL = "expired-crl"
    CRL_OF_OTHER_CA = "crl-of-other-ca"


# Fault -> the status of the platform in the vendor's list of levels.
STATUS_FAULTS: Final = MappingProxyType(
    {
        IntelFault.SW_HARDENING_NEEDED: "SWHardeningNeeded",
        IntelFault.CONFIGURATION_NEEDED: "ConfigurationNeeded",
        IntelFault.CONFIGURATION_AND_SW_HARDENING_NEEDED: "ConfigurationAndSWHardeningNeeded",
        IntelFault.OUT_OF_DATE: "OutOfDate",
        IntelFault.OUT_OF_DATE_CONFIGURATION_NEEDED: "OutOfDateConfigurationNeeded",
        IntelFault.TCB_REVOKED: "Revoked",
        IntelFault.NOT_SUPPORTED: "NotSupported",
    }
)
