"""Cases about the event log and what it explains."""

from __future__ import annotations

from attestation.simulated.tpm.log_writer import (
    boot_log,
    event,
    header,
    u16,
    u32,
    variable,
)
from attestation.tpm.constants import ALG_SHA1, ALG_SHA256
from tests.vectors.tpm_cases import GOOD, Change, case, part

LOG = GOOD["event_log"]
HEADER = header()
EVENTS = LOG[len(HEADER) :]
SPEC = HEADER[32:]
LOCALITY = event(0, 3, b"StartupLocality\0\x03")


def log(data: bytes) -> Change:
    """Give another log."""
    return part(event_log=data)


def headed(spec: bytes, *, kind: int = 3, digest: bytes = bytes(20)) -> bytes:
    return u32(0, kind) + digest + u32(len(spec)) + spec + EVENTS


def odd_variable() -> bytes:
    """The variable event of the log, one byte longer than its lengths."""
    good = variable("SecureBoot", b"\1")
    return LOG.replace(u32(len(good)) + good, u32(len(good) + 1) + good + b"\0")


LOGS = (
    case(
        "no-log", "E1: no log, and none wanted", fault="no-event-log", claims={"event-log": False}
    ),
    case(
        "log-padded", "L2: memory behind the log that nobody wrote", change=log(LOG + b"\xff" * 512)
    ),
    case("log-zeros", "L2: zeros behind the log", change=log(LOG + bytes(512))),
    case("log-empty", "L1: no bytes", "malformed", change=log(b"")),
    case(
        "log-sha1",
        "L1: a log of the older form",
        "malformed",
        change=log(headed(SPEC.replace(b"Event03", b"Event00"))),
    ),
    case(
        "log-no-header",
        "L1: the first event is another",
        "malformed",
        change=log(headed(SPEC, kind=5)),
    ),
    case(
        "log-measured-header",
        "L1: the header has a digest",
        "malformed",
        change=log(headed(SPEC, digest=b"\1" * 20)),
    ),
    case(
        "log-no-algorithms",
        "L1: no algorithm",
        "malformed",
        change=log(headed(SPEC[:24] + u32(0) + b"\0")),
    ),
    case(
        "log-digest-size",
        "L1: SHA-256 with 20 bytes",
        "malformed",
        change=log(headed(SPEC[:32] + u16(11, 20) + SPEC[36:])),
    ),
    case(
        "log-vendor",
        "L1: vendor information that ends too early",
        "malformed",
        change=log(headed(SPEC[:-1] + b"\1")),
    ),
    case("log-cut", "L2: the last byte is missing", "malformed", change=log(LOG[:-1])),
    case(
        "log-one-digest",
        "L2: an event with one digest",
        "malformed",
        change=log(LOG + event(8, 13, b"x", banks=(ALG_SHA256,))),
    ),
    case(
        "log-digest-twice",
        "L2: an event with a digest twice",
        "malformed",
        change=log(LOG + event(8, 13, b"x", banks=(ALG_SHA1, ALG_SHA1))),
    ),
    case(
        "log-tail",
        "L2: something behind the last event",
        "malformed",
        change=log(LOG + b"\1\0\xff"),
    ),
    case(
        "log-locality-late",
        "L3: startup locality after PCR 0 was extended",
        "malformed",
        change=log(LOG + LOCALITY),
    ),
    case(
        "log-locality-twice",
        "L3: startup locality twice",
        "malformed",
        change=log(HEADER + LOCALITY + LOCALITY + EVENTS),
    ),
    case("log-pcr-24", "L4: an event of PCR 24", "malformed", change=log(LOG + event(24, 5, b"x"))),
    case("log-no-action", "L4: a note of no PCR", change=log(LOG + event(0xFFFFFFFF, 3, b"x"))),
    case(
        "log-no-sha256",
        "L5: SHA-1 digests only",
        "alg-mismatch",
        change=log(boot_log(banks=(ALG_SHA1,))),
    ),
    case(
        "log-variable",
        "L6: a variable longer than it says",
        "malformed",
        change=log(odd_variable()),
    ),
)
EXPLAINED = (
    case("log-wanted", "E1: a log that explains PCRs 0 to 9", policy={"require_event_log": True}),
    case(
        "log-missing",
        "E1: no log",
        "event-log-mismatch",
        fault="no-event-log",
        policy={"require_event_log": True},
    ),
    case(
        "log-unquoted",
        "E1: PCR 9 was not quoted",
        "event-log-mismatch",
        machine={"selected": (*range(9), 12)},
        policy={"require_event_log": True},
    ),
    case("log-other", "E2: a log of another boot", "event-log-mismatch", fault="wrong-event-log"),
    case(
        "log-event-left-out",
        "E2: an event left out",
        "event-log-mismatch",
        change=log(LOG.replace(event(7, 4, bytes(4)), b"")),
    ),
    case(
        "log-additional",
        "E2: an event that nobody measured",
        "event-log-mismatch",
        change=log(LOG + event(9, 13, b"x")),
    ),
    case(
        "log-locality",
        "E2: another startup locality",
        "event-log-mismatch",
        change=log(HEADER + LOCALITY + EVENTS),
    ),
    case("log-of-others", "E2: PCR 10 is not for this log", change=log(LOG + event(10, 13, b"x"))),
    case(
        "log-fewer",
        "E2: only PCRs 4 and 7 have to be explained",
        change=log(LOG + event(9, 13, b"x")),
        policy={"event_log_pcrs": [4, 7]},
    ),
    case(
        "log-unwanted",
        "E2: none of its PCRs was quoted",
        machine={"selected": (12,)},
        claims={"event-log": False},
    ),
    case(
        "log-of-some",
        "E2: not all of its PCRs were quoted",
        machine={"selected": (7, 12)},
        claims={"event-log": False, "secure-boot": True},
    ),
    case(
        "secure-boot-off",
        "E3: Secure Boot is off, which is a claim",
        machine={"secure_boot": False},
        claims={"secure-boot": False},
    ),
    case(
        "lying-log",
        "E3: Secure Boot beside the digest of its opposite",
        "event-log-mismatch",
        fault="lying-event-log",
    ),
)
