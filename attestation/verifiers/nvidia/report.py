"""An NVIDIA measurement report: an SPDM request and its signed response, exact or refused.

DMTF DSP0274 1.1, GET_MEASUREMENTS (section 10.11), with the opaque data that NVIDIA puts in it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_OPAQUE_FIELDS
from attestation.x509.der import malformed

NONCE_BYTES: Final = 32
DIGEST_BYTES: Final = 48
SIGNATURE_BYTES: Final = 96

# SPDM 1.1, GET_MEASUREMENTS, signature wanted, all measurements; then nonce and slot.
_REQUEST: Final = struct.Struct(f"<4s{NONCE_BYTES}sB")
_REQUEST_HEAD: Final = bytes.fromhex("11e001ff")
# SPDM 1.1, MEASUREMENTS, number of blocks only where asked, slot; blocks; length of the record.
_RESPONSE: Final = struct.Struct("<3sBB3s")
_RESPONSE_HEAD: Final = bytes.fromhex("116000")
# Index, specification and size, type, size of the value, value.
_BLOCK: Final = struct.Struct(f"<B3sB2s{DIGEST_BYTES}s")
# Specification 1 is DMTF's; what it measures is a type, a size and a SHA-384 digest.
_DMTF_DIGEST: Final = struct.pack("<BH", 1, 3 + DIGEST_BYTES)
_DIGEST_SIZE: Final = struct.pack("<H", DIGEST_BYTES)
_RAW_VALUE: Final = 0x80
_FIELD: Final = struct.Struct("<HH")
_SLOTS: Final = 8


@dataclass(frozen=True, slots=True)
class NvidiaReport:
    """One parsed report. Nothing in it has been checked against anything.

    `blocks` are the measurements by their index, `opaque` NVIDIA's fields by their type.
    """

    nonce: bytes
    response_nonce: bytes
    slot: int
    blocks: Mapping[int, bytes] = field(repr=False)
    record: bytes = field(repr=False)
    opaque: Mapping[int, bytes] = field(repr=False)
    signed: bytes = field(repr=False)
    r: int = field(repr=False)
    s: int = field(repr=False)


def parse_report(data: bytes) -> NvidiaReport:
    """Return the report that `data` is; one NUL may follow it, as some collectors leave one.

    Not checked: the signature, what the fields mean. Raises `EvidenceError`: `malformed`, or
    `trailing-data` for anything else behind the signature.
    """
    nonce, slot = _parse_request(data)
    head, answered, count, length = _take(_RESPONSE, data, _REQUEST.size)
    if head != _RESPONSE_HEAD or answered != slot:
        raise malformed("report is no SPDM 1.1 response to its own request")
    start = _REQUEST.size + _RESPONSE.size
    record = _slice(data, start, int.from_bytes(length, "little"))
    start += len(record)
    response_nonce = _slice(data, start, NONCE_BYTES)
    (size,) = _take(struct.Struct("<H"), data, start + NONCE_BYTES)
    start += NONCE_BYTES + 2
    opaque = _slice(data, start, size)
    start += size
    signature = _slice(data, start, SIGNATURE_BYTES)
    if data[start + SIGNATURE_BYTES :] not in {b"", b"\0"}:
        raise EvidenceError(Refusal.TRAILING_DATA, "bytes after the report's signature")
    half = SIGNATURE_BYTES // 2
    return NvidiaReport(
        nonce=nonce,
        response_nonce=response_nonce,
        slot=slot,
        blocks=_parse_record(record, count),
        record=record,
        opaque=_parse_opaque(opaque),
        signed=data[:start],
        r=int.from_bytes(signature[:half], "big"),
        s=int.from_bytes(signature[half:], "big"),
    )


def _parse_request(data: bytes) -> tuple[bytes, int]:
    head, nonce, slot = _take(_REQUEST, data, 0)
    if head != _REQUEST_HEAD or slot >= _SLOTS:
        raise malformed("report does not start with an SPDM 1.1 request for all measurements")
    return nonce, slot


def _parse_record(record: bytes, count: int) -> Mapping[int, bytes]:
    """Return digests by index; indexes rise, so none comes twice."""
    if len(record) % _BLOCK.size:
        raise malformed("measurement record is not made of SHA-384 digests in DMTF's form")
    blocks: dict[int, bytes] = {}
    last = 0
    for index, head, kind, size, digest in _BLOCK.iter_unpack(record):
        if head != _DMTF_DIGEST or size != _DIGEST_SIZE or kind & _RAW_VALUE:
            raise malformed(f"measurement block {index} is not a SHA-384 digest in DMTF's form")
        if index <= last:
            raise malformed("measurement blocks are not in order of their index")
        blocks[index] = digest
        last = index
    if len(blocks) != count or not blocks:
        raise malformed(f"report has {len(blocks)} measurement blocks, says {count}")
    return MappingProxyType(blocks)


def _parse_opaque(data: bytes) -> Mapping[int, bytes]:
    fields: dict[int, bytes] = {}
    offset, end = 0, len(data)
    while offset + _FIELD.size <= end:
        kind, size = _FIELD.unpack_from(data, offset)
        offset += _FIELD.size
        if kind in fields or len(fields) == MAX_OPAQUE_FIELDS:
            raise malformed(f"opaque field {kind} is there twice, or there are too many")
        fields[kind] = data[offset : offset + size]
        offset += size
    if offset != end:
        raise malformed("opaque data ends inside a field")
    return MappingProxyType(fields)


def _take(layout: struct.Struct, data: bytes, offset: int) -> tuple[Any, ...]:
    if offset + layout.size > len(data):
        raise malformed("report ends inside a field")
    return layout.unpack_from(data, offset)


def _slice(data: bytes, offset: int, size: int) -> bytes:
    found = data[offset : offset + size]
    if len(found) != size:
        raise malformed("report ends inside a field")
    return found
