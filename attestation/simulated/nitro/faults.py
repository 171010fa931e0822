"""What can be wrong with a simulated enclave: one thing each, so that one check is seen to fail."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """Names as the command line takes them and the platform's folder keeps them."""

    # What the document says
    DEBUG = "debug"
    HALF_DEBUG = "half-debug"
    MISSING_PCR = "missing-pcr"
    SHORT_PCR = "short-pcr"
    OLD_DOCUMENT = "old-document"
    FUTURE_DOCUMENT = "future-document"
    REPLAYED_NONCE = "replayed-nonce"
    NO_NONCE = "no-nonce"
    # How it is written
    TRAILING_DATA = "trailing-data"
    DUPLICATE_KEY = "duplicate-key"
    UNKNOWN_MEMBER = "unknown-member"
    # Its signature
    WRONG_ALGORITHM = "wrong-algorithm"
    UNSIGNED_HEADER = "unsigned-header"
    SHORT_SIGNATURE = "short-signature"
    DER_SIGNATURE = "der-signature"
    TAMPERED = "tampered"
    SIGNED_BY_OTHER_KEY = "signed-by-other-key"
    # Its chain
    EXPIRED_LEAF = "expired-leaf"
    FUTURE_LEAF = "future-leaf"
    SIGNED_BY_STRANGER = "signed-by-stranger"
    NO_CA_FLAG = "no-ca-flag"
    PATH_TOO_LONG = "path-too-long"
    LEAF_IS_CA = "leaf-is-ca"
    MISSING_ISSUER = "missing-issuer"
    BUNDLE_REVERSED = "bundle-reversed"


# The names alone, for a command line to offer.
FAULTS: Final = tuple(fault.value for fault in Fault)
