"""The lifecycle state of a platform, as a token names it (RMM A7.2.3, RFC 9783 section 4.3.1)."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.trace import Trace

MAX_LIFECYCLE: Final = 0xFFFF


class Lifecycle(StrEnum):
    """The states, by the upper byte of the claim; the lower byte is the implementation's."""

    UNKNOWN = "unknown"
    ASSEMBLY_AND_TEST = "assembly-and-test"
    ROT_PROVISIONING = "rot-provisioning"
    SECURED = "secured"
    NON_ROT_DEBUG = "non-rot-debug"
    RECOVERABLE_ROT_DEBUG = "recoverable-rot-debug"
    DECOMMISSIONED = "decommissioned"


_STATES: Final = MappingProxyType(
    {
        0x00: Lifecycle.UNKNOWN,
        0x10: Lifecycle.ASSEMBLY_AND_TEST,
        0x20: Lifecycle.ROT_PROVISIONING,
        0x30: Lifecycle.SECURED,
        0x40: Lifecycle.NON_ROT_DEBUG,
        0x50: Lifecycle.RECOVERABLE_ROT_DEBUG,
        0x60: Lifecycle.DECOMMISSIONED,
    }
)
DEBUG_STATES: Final = frozenset({Lifecycle.NON_ROT_DEBUG, Lifecycle.RECOVERABLE_ROT_DEBUG})


def parse_lifecycle(value: int) -> Lifecycle:
    """Return the state of a claim's value; raise `malformed` for one that no manual names."""
    state = _STATES.get(value >> 8)
    if state is None:
        raise EvidenceError(Refusal.MALFORMED, f"lifecycle is {value:#x}")
    return state


def check_lifecycle(state: Lifecycle, *, allow_debug: bool, trace: Trace, step: str) -> None:
    """Return if the platform is secured, or debugged where that is allowed.

    No policy accepts a platform that is not provisioned yet or is decommissioned.
    """
    expected = "secured or debug" if allow_debug else "secured"
    trace.check(step, "lifecycle", expected, state)
    if state is Lifecycle.SECURED or (allow_debug and state in DEBUG_STATES):
        return
    raise EvidenceError(Refusal.LIFECYCLE_NOT_SECURED, f"lifecycle is {state}")
