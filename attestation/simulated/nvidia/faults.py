"""What can be wrong with a simulated device: one thing each, so that one check is seen to fail."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """Names as the platform's folder keeps them."""

    # What the report says
    REPLAYED_NONCE = "replayed-nonce"
    OTHER_FIRMWARE = "other-firmware"
    WRONG_MEASUREMENT = "wrong-measurement"
    WRONG_FIRMWARE_ID = "wrong-firmware-id"
    # How it is written and signed
    TRAILING_DATA = "trailing-data"
    TAMPERED = "tampered"
    SIGNED_BY_OTHER_KEY = "signed-by-other-key"
    # Its certificates
    DEBUG = "debug"
    EXPIRED_LEAF = "expired-leaf"
    FUTURE_LEAF = "future-leaf"
    SIGNED_BY_STRANGER = "signed-by-stranger"
    OTHER_DEVICE_KEY = "other-device-key"
    MISSING_ISSUER = "missing-issuer"
    # What the vendor publishes
    DEVICE_ON_HOLD = "device-on-hold"
    DEVICE_REVOKED = "device-revoked"


# The names alone, for a command line to offer.
FAULTS: Final = tuple(fault.value for fault in Fault)
