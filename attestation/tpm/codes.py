"""What a TPM says when it does not do as told: its response codes by name.

TPM 2.0 Library Part 2, 6.6 (TPM_RC). A code of format one says which handle, session or parameter
it is about.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, Self

_FORMAT_ONE: Final = 0x080
_PARAMETER: Final = 0x040
_VERSION_ONE: Final = 0x100
_WARNING: Final = 0x900
_NUMBER_OF_SESSION: Final = 0x8

_FORMAT_ONE_NAMES: Final = MappingProxyType(
    {
        0x01: "ASYMMETRIC",
        0x02: "ATTRIBUTES",
        0x03: "HASH",
        0x04: "VALUE",
        0x05: "HIERARCHY",
        0x07: "KEY_SIZE",
        0x08: "MGF",
        0x09: "MODE",
        0x0A: "TYPE",
        0x0B: "HANDLE",
        0x0C: "KDF",
        0x0D: "RANGE",
        0x0E: "AUTH_FAIL",
        0x0F: "NONCE",
        0x10: "PP",
        0x12: "SCHEME",
        0x15: "SIZE",
        0x16: "SYMMETRIC",
        0x17: "TAG",
        0x18: "SELECTOR",
        0x1A: "INSUFFICIENT",
        0x1B: "SIGNATURE",
        0x1C: "KEY",
        0x1D: "POLICY_FAIL",
        0x1F: "INTEGRITY",
        0x20: "TICKET",
        0x21: "RESERVED_BITS",
        0x22: "BAD_AUTH",
        0x23: "EXPIRED",
        0x24: "POLICY_CC",
        0x25: "BINDING",
        0x26: "CURVE",
        0x27: "ECC_POINT",
    }
)
_VERSION_ONE_NAMES: Final = MappingProxyType(
    {
        0x00: "INITIALIZE",
        0x01: "FAILURE",
        0x03: "SEQUENCE",
        0x19: "DISABLED",
        0x20: "EXCLUSIVE",
        0x24: "AUTH_TYPE",
        0x25: "AUTH_MISSING",
        0x26: "POLICY",
        0x27: "PCR",
        0x28: "PCR_CHANGED",
        0x2D: "UPGRADE",
        0x2E: "TOO_MANY_CONTEXTS",
        0x2F: "AUTH_UNAVAILABLE",
        0x30: "REBOOT",
        0x42: "COMMAND_SIZE",
        0x43: "COMMAND_CODE",
        0x44: "AUTHSIZE",
        0x45: "AUTH_CONTEXT",
        0x46: "NV_RANGE",
        0x47: "NV_SIZE",
        0x48: "NV_LOCKED",
        0x49: "NV_AUTHORIZATION",
        0x4A: "NV_UNINITIALIZED",
        0x4B: "NV_SPACE",
        0x4C: "NV_DEFINED",
        0x50: "BAD_CONTEXT",
        0x51: "CPHASH",
        0x52: "PARENT",
        0x53: "NEEDS_TEST",
        0x54: "NO_RESULT",
        0x55: "SENSITIVE",
    }
)
_WARNING_NAMES: Final = MappingProxyType(
    {
        0x01: "CONTEXT_GAP",
        0x02: "OBJECT_MEMORY",
        0x03: "SESSION_MEMORY",
        0x04: "MEMORY",
        0x05: "SESSION_HANDLES",
        0x06: "OBJECT_HANDLES",
        0x07: "LOCALITY",
        0x08: "YIELDED",
        0x09: "CANCELED",
        0x0A: "TESTING",
        0x20: "NV_RATE",
        0x21: "LOCKOUT",
        0x22: "RETRY",
        0x23: "NV_UNAVAILABLE",
    }
)


class TpmError(OSError):
    """A TPM refused, or cannot be talked to. `code` is its response code, or None.

    An `OSError`, as a failing device is one; `name` is the code's name in the TPM's own words.
    """

    def __init__(self, detail: str, *, code: int | None = None, name: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.name = name

    @classmethod
    def refused(cls, command: str, code: int) -> Self:
        """Return the error for a response code other than success."""
        name = name_of(code)
        return cls(f"{command}: TPM_RC_{name} (0x{code:03x})", code=code, name=name)

    @classmethod
    def unreadable(cls, detail: str) -> Self:
        """Return the error for an answer that is not in the form of its command."""
        return cls(f"the TPM's answer is not readable: {detail}")


def name_of(code: int) -> str:
    """Return the name of a response code, with what it is about: `POLICY_FAIL, session 1`."""
    if code & _FORMAT_ONE:
        return _FORMAT_ONE_NAMES.get(code & 0x3F, "UNKNOWN") + _subject(code)
    if code & _WARNING == _WARNING:
        return _WARNING_NAMES.get(code & 0x7F, "UNKNOWN")
    if code & _VERSION_ONE:
        return _VERSION_ONE_NAMES.get(code & 0x7F, "UNKNOWN")
    return "BAD_TAG" if code == 0x01E else "UNKNOWN"


def _subject(code: int) -> str:
    number = code >> 8 & 0xF
    if code & _PARAMETER:
        return f", parameter {number}"
    if number & _NUMBER_OF_SESSION:
        return f", session {number & 0x7}"
    return f", handle {number}" if number else ""
