"""What can be wrong with a simulated Azure guest: one thing each, so that one check fails."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """Names as the command line takes them and the platform's folder keeps them."""

    # The HCL report
    UNKNOWN_VERSION = "unknown-version"
    WRONG_SIZE = "wrong-size"
    TRAILING_DATA = "trailing-data"
    OTHER_HARDWARE = "other-hardware"
    # What the hardware report is about
    OTHER_RUNTIME_DATA = "other-runtime-data"
    NO_ATTESTATION_KEY = "no-attestation-key"
    DEBUG = "debug"
    TAMPERED_HARDWARE = "tampered-hardware"
    # The quote of the virtual TPM
    SIGNED_BY_OTHER_KEY = "signed-by-other-key"
    TAMPERED = "tampered"
    WRONG_PCRS = "wrong-pcrs"
    WRONG_EVENT_LOG = "wrong-event-log"
    REPLAYED_NONCE = "replayed-nonce"


# The names alone, for a command line to offer.
FAULTS: Final = tuple(fault.value for fault in Fault)
