"""The crypto-agile event log of a TCG PC Client, also used by confidential guests (CCEL).

TCG PC Client Platform Firmware Profile, sections 10.2 (TCG_PCR_EVENT2) and 10.4.5.1 (header).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_EVENT_LOG_BYTES, MAX_LOG_ALGORITHMS, MAX_LOG_EVENTS
from attestation.tpm.constants import ALG_SHA1, ALG_SHA256, ALG_SHA384, ALG_SHA512

EV_NO_ACTION: Final = 3
_SIGNATURE: Final = b"Spec ID Event03\0"
_LOCALITY: Final = b"StartupLocality\0"
_KNOWN_SIZES: Final = {ALG_SHA1: 20, ALG_SHA256: 32, ALG_SHA384: 48, ALG_SHA512: 64}
_MAX_DIGEST_BYTES: Final = 64
# PCR, event type, SHA-1 digest, size of the event: the form of the first entry only.
_FIRST: Final = struct.Struct("<II20sI")
_SPEC_ID: Final = struct.Struct("<16sI4sI")
_U32: Final = struct.Struct("<I")
_HEAD: Final = struct.Struct("<III")
_ALGORITHM: Final = struct.Struct("<HH")


@dataclass(frozen=True, slots=True)
class Event:
    """One entry: the register it was extended into, and what firmware says it was."""

    index: int
    kind: int
    digests: Mapping[int, bytes] = field(repr=False)
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EventLog:
    """All entries behind the header, and the locality of TPM2_Startup if the log names one."""

    algorithms: tuple[int, ...]
    events: tuple[Event, ...] = field(repr=False)
    startup_locality: int = 0


def parse_event_log(data: bytes) -> EventLog:
    """Return the entries of a log; behind the last one only zeros or only 0xFF may come.

    Every entry must have one digest for each algorithm of the header. Not checked: registers,
    digests against event data, whether anything measured it. Raises `EvidenceError` `malformed`.
    """
    if len(data) > MAX_EVENT_LOG_BYTES:
        raise _malformed(f"{len(data)} bytes, limit {MAX_EVENT_LOG_BYTES}")
    offset, sizes = _header(data)
    # Firmware hands out the whole area it reserved; unused memory reads as one of these.
    end = min(len(data.rstrip(b"\xff")), len(data.rstrip(b"\0")))
    events: list[Event] = []
    locality = 0
    while offset < end:
        if len(events) == MAX_LOG_EVENTS:
            raise _malformed(f"more than {MAX_LOG_EVENTS} events")
        event, offset = _event(data, offset, sizes)
        if event.kind == EV_NO_ACTION and event.data.startswith(_LOCALITY):
            locality = _locality(event, locality, events)
        events.append(event)
    return EventLog(tuple(sizes), tuple(events), locality)


def _header(data: bytes) -> tuple[int, Mapping[int, int]]:
    """Return the offset behind the header entry, and the digest sizes it declares."""
    if len(data) < _FIRST.size:
        raise _malformed("cut off in its header")
    _, kind, digest, size = _FIRST.unpack_from(data)
    content = data[_FIRST.size : _FIRST.size + size]
    if kind != EV_NO_ACTION or any(digest) or len(content) != size:
        raise _malformed("first event is no header")
    if size < _SPEC_ID.size or content[:16] != _SIGNATURE:
        raise _malformed("header is not that of a crypto-agile log")
    return _FIRST.size + size, _digest_sizes(content)


def _digest_sizes(content: bytes) -> Mapping[int, int]:
    """Return algorithm -> size of its digests, of a TCG_EfiSpecIdEvent."""
    count = _SPEC_ID.unpack_from(content)[3]
    vendor = _SPEC_ID.size + count * _ALGORITHM.size
    if not 1 <= count <= MAX_LOG_ALGORITHMS or vendor >= len(content):
        raise _malformed(f"header has {count} algorithms, or ends before them")
    if vendor + 1 + content[vendor] != len(content):
        raise _malformed("header has another length than its parts")
    sizes = dict(
        _ALGORITHM.unpack_from(content, _SPEC_ID.size + one * _ALGORITHM.size)
        for one in range(count)
    )
    for algorithm, length in sizes.items():
        known = _KNOWN_SIZES.get(algorithm, length)
        if length != known or not 0 < length <= _MAX_DIGEST_BYTES:
            raise _malformed(f"digest of algorithm {algorithm:#06x} has {length} bytes")
    if len(sizes) != count:
        raise _malformed("header names an algorithm twice")
    return MappingProxyType(sizes)


def _event(data: bytes, offset: int, sizes: Mapping[int, int]) -> tuple[Event, int]:
    if offset + _HEAD.size > len(data):
        raise _malformed("cut off in an event")
    index, kind, count = _HEAD.unpack_from(data, offset)
    offset += _HEAD.size
    if count != len(sizes):
        raise _malformed(f"event has {count} digests, expected {len(sizes)}")
    digests: dict[int, bytes] = {}
    for _ in range(count):
        algorithm = int.from_bytes(data[offset : offset + 2], "little")
        size = sizes.get(algorithm)
        if size is None or algorithm in digests:
            raise _malformed("event has a digest twice, or one the header does not name")
        digests[algorithm] = data[offset + 2 : offset + 2 + size]
        offset += 2 + size
    if offset + _U32.size > len(data):
        raise _malformed("cut off in an event")
    (length,) = _U32.unpack_from(data, offset)
    offset += _U32.size
    content = data[offset : offset + length]
    if len(content) != length:
        raise _malformed("event ends behind the log")
    return Event(index, kind, digests, content), offset + length


def _locality(event: Event, earlier: int, before: list[Event]) -> int:
    """Return the locality PCR 0 started with; it can be said once, before PCR 0 is extended."""
    started = any(one.index == 0 and one.kind != EV_NO_ACTION for one in before)
    if earlier or started or len(event.data) != len(_LOCALITY) + 1:
        raise _malformed("startup locality is said twice, too late or unreadably")
    return event.data[-1]


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"event log: {detail}")
