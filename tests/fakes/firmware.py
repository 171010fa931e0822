"""A firmware image with what SEV-SNP needs of one and no code: tables, sections, reset vector."""

from __future__ import annotations

import struct
import uuid

SIZE = 64 * 1024
_END = 32
_FOOTER = "96b582de-1fb2-45f7-baea-a366c55a082d"
_HASH_TABLE = "7255371f-3a3b-4b04-927b-1da6efa8d454"
_RESET = "00f771de-1a7e-4fcb-890e-68c77e2fb44e"
_METADATA = "dc886566-984a-4798-a75e-5585a7bf67cc"
# (guest address, size, type): memory, secrets, CPUID, kernel hashes.
SECTIONS = ((0x800000, 0x9000, 1), (0x80D000, 0x1000, 2), (0x80E000, 0x1000, 3))
KERNEL_HASHES = (0x80F000, 0x1000, 0x10)


def firmware(*, kernel_hashes: bool = True, metadata_version: int = 1) -> bytes:
    """Return the image; without `kernel_hashes` it cannot measure a kernel."""
    sections = (*SECTIONS, KERNEL_HASHES) if kernel_hashes else SECTIONS
    body = b"".join(struct.pack("<III", *one) for one in sections)
    metadata = (
        struct.pack("<4sIII", b"ASEV", 16 + len(body), metadata_version, len(sections)) + body
    )
    place = 0x1000
    table = _entry(_METADATA, struct.pack("<I", SIZE - place))
    table += _entry(_RESET, struct.pack("<I", 0xFFFFF000))
    table += _entry(_HASH_TABLE, struct.pack("<II", KERNEL_HASHES[0] + 0xC00, 0x400))
    footer = struct.pack("<H", len(table) + 18) + uuid.UUID(_FOOTER).bytes_le
    image = bytearray(SIZE)
    image[place : place + len(metadata)] = metadata
    image[SIZE - _END - 18 - len(table) : SIZE - _END] = table + footer
    return bytes(image)


def _entry(guid: str, data: bytes) -> bytes:
    return data + struct.pack("<H", len(data) + 18) + uuid.UUID(guid).bytes_le
