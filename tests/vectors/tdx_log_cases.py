"""Vectors of step L1 of docs/specs/evidence-tdx.md: the firmware's event log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from attestation.simulated.tpm.log_writer import event, header
from attestation.tpm.constants import ALG_SHA256, ALG_SHA384
from tests.fakes.silicon import REPORT_DATA
from tests.vectors.intel_world import TDX, Case, flipped

SEPARATOR = 4
# Register of the log (0 is the MRTD) and what was measured into it.
BOOT = ((0, b"ignored"), (1, b"firmware"), (1, b"variables"), (2, b"kernel"), (3, b"command line"))
BOTH = (ALG_SHA256, ALG_SHA384)
ZERO = bytes(48)


def log(
    banks: tuple[int, ...] = (ALG_SHA384,), boot: tuple[tuple[int, bytes], ...] = BOOT
) -> bytes:
    """Return the log of a boot."""
    events = (event(index, SEPARATOR, data, banks=banks) for index, data in boot)
    return header(banks) + b"".join(events)


def rtmrs() -> tuple[bytes, bytes, bytes, bytes]:
    """Return what the TD's registers hold after that boot."""
    registers = [ZERO] * 4
    for index, data in BOOT:
        if index:
            extended = registers[index - 1] + hashlib.sha384(data).digest()
            registers[index - 1] = hashlib.sha384(extended).digest()
    first, second, third, fourth = registers
    return first, second, third, fourth


def log_cases() -> Iterator[Case]:
    """Return the cases."""
    booted = TDX.guest(event_log=log()).attest(REPORT_DATA).parts["quote"]
    why, good = "L1: what the RTMRs hold", log()
    claims = {"rtmr0": rtmrs()[0].hex(), "rtmr3": ZERO.hex()}
    yield TDX.case("log-of-other-boot", why, "event-log-mismatch", fault="other-event-log")
    yield TDX.good("log", why, quote=booted, event_log=good, claims=claims)
    yield TDX.good("log-two-banks", why, quote=booted, event_log=log(BOTH))
    for name, padding in (("zeros", bytes(99)), ("ones", b"\xff" * 99)):
        yield TDX.good(f"log-{name}-behind", why, quote=booted, event_log=good + padding)

    def bad(name: str, code: str, data: bytes, quote: bytes = booted) -> Case:
        return TDX.case(name, why, code, quote=quote, event_log=data)

    mismatch = "event-log-mismatch"
    yield bad("log-of-other", mismatch, good, TDX.quote())
    yield bad("log-shorter", mismatch, log(boot=BOOT[:-1]))
    yield bad("log-longer", mismatch, log(boot=(*BOOT, (4, b"more"))))
    yield bad("log-order", mismatch, log(boot=(BOOT[2], BOOT[1], *BOOT[3:])))
    digest_at = good.index(hashlib.sha384(b"firmware").digest())
    yield bad("log-bit", mismatch, flipped(good, digest_at))
    yield bad("log-no-sha384", "alg-mismatch", log((ALG_SHA256,)))
    yield bad("log-empty", "malformed", b"")
    yield bad("log-cut", "malformed", good[:-1])
    yield bad("log-tail", "malformed", good + b"\1")
    yield bad("log-register-5", "malformed", log(boot=(*BOOT, (5, b"more"))))
