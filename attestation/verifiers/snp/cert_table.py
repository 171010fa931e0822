"""The certificate table of an extended report (configfs-tsm `auxblob`): host-supplied, no trust.

GHCB specification (AMD document 56421), "SNP Extended Guest Request".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_CERT_TABLE_BYTES, MAX_CERT_TABLE_ENTRIES
from attestation.x509.certificate import Certificate, parse_certificate
from attestation.x509.pem import der_blobs

VCEK: Final = UUID("63da758d-e664-4564-adc5-f4b93be8accd")
VLEK: Final = UUID("a8074bc2-a25a-483e-aae6-39c045a0b8a1")
# Also used for the ASVK.
ASK: Final = UUID("4ab7b379-bbac-4fe4-a02f-05aef327c782")
ARK: Final = UUID("c0b406a4-a803-4952-9743-3fb6014cd0ae")

# GUID in RFC 4122 byte order, offset from the start of the table, length.
_ENTRY: Final = struct.Struct("<16sII")


def parse_cert_table(data: bytes) -> Mapping[UUID, bytes]:
    """Return the blobs of the table by GUID, with those of unknown GUIDs.

    Entries must lie behind the header and not overlap; a GUID may come once; behind the last blob
    only zero padding. Raises `EvidenceError`.
    """
    if len(data) > MAX_CERT_TABLE_BYTES:
        raise _malformed(f"{len(data)} bytes, limit {MAX_CERT_TABLE_BYTES}")
    entries = _entries(data)
    end = _ENTRY.size * (len(entries) + 1)
    found: dict[UUID, bytes] = {}
    for guid, offset, length in sorted(entries, key=lambda entry: entry[1]):
        if offset < end or length == 0 or offset + length > len(data):
            raise _malformed("entry is empty, overlaps or lies outside")
        if guid in found:
            raise _malformed("GUID is there twice")
        end = offset + length
        found[guid] = data[offset:end]
    if any(data[end:]):
        raise EvidenceError(Refusal.TRAILING_DATA, "certificate table: bytes behind the last entry")
    return MappingProxyType(found)


def _entries(data: bytes) -> list[tuple[UUID, int, int]]:
    found: list[tuple[UUID, int, int]] = []
    for start in range(0, len(data) - _ENTRY.size + 1, _ENTRY.size):
        guid, offset, length = _ENTRY.unpack_from(data, start)
        if not any(guid):
            if offset or length:
                raise _malformed("last entry is not all zero")
            return found
        if len(found) == MAX_CERT_TABLE_ENTRIES:
            raise _malformed(f"more than {MAX_CERT_TABLE_ENTRIES} entries")
        found.append((UUID(bytes=guid), offset, length))
    raise _malformed("has no last entry")


def certificate_of(table: Mapping[UUID, bytes], guid: UUID) -> Certificate | None:
    """Return the certificate under `guid`, DER or PEM, or None if the table has none."""
    if guid not in table:
        return None
    return parse_certificate(der_blobs(table[guid], label="CERTIFICATE", limit=1)[0])


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"certificate table: {detail}")
