"""What can be wrong with a simulated CCA platform: one thing each, so that one check fails."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Fault(StrEnum):
    """Names as the command line takes them and the platform's folder keeps them."""

    # The state of the platform
    DEBUG = "debug"
    NON_ROT_DEBUG = "non-rot-debug"
    NOT_PROVISIONED = "not-provisioned"
    DECOMMISSIONED = "decommissioned"
    # What the token was made for
    EMPTY_REPORT_DATA = "empty-report-data"
    REPLAYED_NONCE = "replayed-nonce"
    # Who signed it
    SIGNED_BY_STRANGER = "signed-by-stranger"
    OTHER_PLATFORM = "other-platform"
    UNSIGNED = "unsigned"
    TAMPERED = "tampered"
    TAMPERED_PLATFORM = "tampered-platform"
    NOT_MARKED = "not-marked"
    # How its two halves belong together
    OTHER_REALM_KEY = "other-realm-key"
    FORGED_REALM = "forged-realm"
    # What it is
    UNKNOWN_PROFILE = "unknown-profile"
    NO_CHALLENGE = "no-challenge"
    TRAILING_DATA = "trailing-data"


LIFECYCLE_FAULTS: Final = MappingProxyType(
    {
        Fault.DEBUG: 0x5000,
        Fault.NON_ROT_DEBUG: 0x4000,
        Fault.NOT_PROVISIONED: 0x2000,
        Fault.DECOMMISSIONED: 0x6000,
    }
)
