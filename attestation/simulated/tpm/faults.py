"""What can be wrong with a simulated TPM: one thing each, so that one check is seen to fail."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """Names as the command line takes them and the platform's folder keeps them."""

    # What the quote says
    WRONG_MAGIC = "wrong-magic"
    NOT_A_QUOTE = "not-a-quote"
    TRAILING_DATA = "trailing-data"
    SHA1_BANK = "sha1-bank"
    NO_RUNNER_PCR = "no-runner-pcr"
    REPLAYED_NONCE = "replayed-nonce"
    EMPTY_NONCE = "empty-nonce"
    # Who signed
    TAMPERED = "tampered"
    SIGNED_BY_OTHER_KEY = "signed-by-other-key"
    SIGNED_BY_STRANGER = "signed-by-stranger"
    NO_CERTIFICATE = "no-certificate"
    OTHER_KEY_SHOWN = "other-key-shown"
    UNRESTRICTED_KEY = "unrestricted-key"
    IMPORTED_KEY = "imported-key"
    # Its certificate
    EXPIRED_CERTIFICATE = "expired-certificate"
    FUTURE_CERTIFICATE = "future-certificate"
    REVOKED_CERTIFICATE = "revoked-certificate"
    REVOKED_CA = "revoked-ca"
    CERTIFICATE_OF_CA = "certificate-of-ca"
    CERTIFICATE_OF_EK = "certificate-of-ek"
    # What was measured
    WRONG_PCRS = "wrong-pcrs"
    MISSING_PCR = "missing-pcr"
    WRONG_EVENT_LOG = "wrong-event-log"
    LYING_EVENT_LOG = "lying-event-log"
    NO_EVENT_LOG = "no-event-log"
    OTHER_RUNNER = "other-runner"


# The names alone, for a command line to offer.
FAULTS: Final = tuple(fault.value for fault in Fault)
