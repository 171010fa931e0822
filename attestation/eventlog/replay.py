"""What registers hold after the events of a log: the sums that hardware must have as well."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.eventlog.log import EV_NO_ACTION, EventLog, parse_event_log
from attestation.tpm.constants import ALG_SHA384, HASH_NAMES, HASHES, PCR_COUNT

# CCEL counts measurement registers from the MRTD (UEFI specification, section 38.4.1).
_MRTD_INDEX: Final = 0
_RTMR_COUNT: Final = 4
# Filled by DRTM, and all ones until then (TCG PC Client Platform TPM Profile, section 4.6.2).
_DRTM: Final = range(17, 23)


def replay_pcrs(log: EventLog, algorithm: int) -> Mapping[int, bytes]:
    """Return the value of every PCR that the log has an event for, in one bank.

    Raises `EvidenceError`: `alg-mismatch` if the log has no digests of that bank, `malformed` for
    a PCR that does not exist.
    """
    size = _digest_size(log, algorithm)
    start = {index: (b"\xff" if index in _DRTM else b"\0") * size for index in range(PCR_COUNT)} | {
        0: bytes(size - 1) + bytes([log.startup_locality])
    }
    return _replay(log, algorithm, start)


def replay_ccel(data: bytes) -> dict[int, bytes]:
    """Return the RTMRs that the CC event log `data` has an event for: {0 to 3: value}.

    An RTMR that is missing was extended by nothing the log knows; events of the MRTD are skipped,
    because it is not made by extending. Compare with the registers of a verified quote: the log
    proves nothing alone. Raises `EvidenceError`: `malformed`, or `alg-mismatch` for a log without
    SHA-384.
    """
    return rtmrs_of(parse_event_log(data))


def rtmrs_of(log: EventLog) -> dict[int, bytes]:
    """Return what `replay_ccel` returns, of a log that was read already."""
    start = {one: bytes(_digest_size(log, ALG_SHA384)) for one in range(_RTMR_COUNT + 1)}
    registers = _replay(log, ALG_SHA384, start)
    return {one - 1: value for one, value in registers.items() if one != _MRTD_INDEX}


def _digest_size(log: EventLog, algorithm: int) -> int:
    if algorithm not in log.algorithms:
        raise EvidenceError(
            Refusal.ALG_MISMATCH, f"event log has no {HASH_NAMES[algorithm]} digests"
        )
    return HASHES[algorithm].digest_size


def _replay(log: EventLog, algorithm: int, start: Mapping[int, bytes]) -> dict[int, bytes]:
    name = HASH_NAMES[algorithm]
    found: dict[int, bytes] = {}
    for event in log.events:
        if event.kind == EV_NO_ACTION:
            continue
        value = found.get(event.index, start.get(event.index))
        if value is None:
            raise EvidenceError(Refusal.MALFORMED, f"event log: no register {event.index}")
        found[event.index] = hashlib.new(name, value + event.digests[algorithm]).digest()
    return found
