"""What the caller expects in the evidence's report data. There is no silent way to skip it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.trace import Trace

REPORT_DATA_BYTES: Final = 64
NONCE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class ExpectedReportData:
    """The 64 bytes that bind evidence to one request.

    Raises `ValueError` for another length or for all zeros: an empty expectation would accept a
    guest that never bound anything, and is a fault of the caller.
    """

    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.value) != REPORT_DATA_BYTES:
            raise ValueError(f"report data is {len(self.value)} bytes, expected 64")
        if not any(self.value):
            raise ValueError("expected report data is all zeros")

    @property
    def shown(self) -> str:
        """The expectation as text for people."""
        return self.value.hex()

    def matches(self, actual: bytes) -> bool:
        """Return whether all 64 bytes are equal, in constant time."""
        return hmac.compare_digest(self.value, actual)

    def matches_sha256(self, actual: bytes) -> bool:
        """Return whether `actual` is the SHA-256 of the 64 bytes: for TEEs with shorter nonces."""
        return hmac.compare_digest(sha256_nonce(self.value), actual)


@dataclass(frozen=True, slots=True)
class ExpectedNonce:
    """The 32 bytes that bind a device's report to one request, where they are no digest of 64.

    Raises `ValueError` for another length or for all zeros, as `ExpectedReportData` does.
    """

    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.value) != NONCE_BYTES:
            raise ValueError(f"nonce is {len(self.value)} bytes, expected {NONCE_BYTES}")
        if not any(self.value):
            raise ValueError("expected nonce is all zeros")

    @property
    def shown(self) -> str:
        """The expectation as text for people."""
        return self.value.hex()

    def matches_sha256(self, actual: bytes) -> bool:
        """Return whether `actual` is the nonce, in constant time."""
        return hmac.compare_digest(self.value, actual)


@dataclass(frozen=True, slots=True)
class UnsafeAnyReportData:
    """Accepts whatever is in the report, so old evidence too. For looking at archived samples."""

    shown: Final = "anything"

    def matches(self, actual: bytes) -> bool:  # noqa: ARG002 - that is the point
        """Return true."""
        return True

    def matches_sha256(self, actual: bytes) -> bool:  # noqa: ARG002 - that is the point
        """Return true."""
        return True


def require_report_data(
    expected: ExpectedReportData | UnsafeAnyReportData, actual: bytes, trace: Trace, *, step: str
) -> None:
    """Refuse evidence that was not made for this request (`report-data-mismatch`)."""
    trace.check(step, "report data", expected.shown, actual)
    if not expected.matches(actual):
        raise EvidenceError(Refusal.REPORT_DATA_MISMATCH, "report data is not that of the request")


def sha256_nonce(report_data: bytes) -> bytes:
    """Return the 32 bytes that stand for the 64 where a TPM or GPU has no room for those."""
    return hashlib.sha256(report_data).digest()
