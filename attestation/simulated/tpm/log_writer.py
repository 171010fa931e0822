"""Event logs as firmware writes them (TCG PC Client Platform Firmware Profile, section 10)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from attestation.eventlog.events import EV_EFI_VARIABLE_DRIVER_CONFIG, EV_IPL, EV_SEPARATOR
from attestation.eventlog.log import EV_NO_ACTION
from attestation.tpm.constants import ALG_SHA1, ALG_SHA256, HASH_NAMES

BANKS: Final = (ALG_SHA1, ALG_SHA256)
GLOBAL: Final = UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
EV_S_CRTM_VERSION: Final = 8
EV_EFI_BOOT_SERVICES_APPLICATION: Final = 0x80000003
_NAMES: Final = {ALG_SHA1: "sha1", **HASH_NAMES}


def u16(*values: int) -> bytes:
    """Return UINT16 values, little-endian."""
    return b"".join(value.to_bytes(2, "little") for value in values)


def u32(*values: int) -> bytes:
    """Return UINT32 values, little-endian."""
    return b"".join(value.to_bytes(4, "little") for value in values)


def header(banks: Sequence[int] = BANKS, vendor: bytes = b"") -> bytes:
    """Return the first entry of a crypto-agile log."""
    sizes = b"".join(u16(one, hashlib.new(_NAMES[one]).digest_size) for one in banks)
    spec = b"Spec ID Event03\0" + bytes(4) + b"\0\2\0\2" + u32(len(banks)) + sizes
    spec += bytes([len(vendor)]) + vendor
    return u32(0, EV_NO_ACTION) + bytes(20) + u32(len(spec)) + spec


def event(
    index: int,
    kind: int,
    data: bytes,
    *,
    measured: bytes | None = None,
    banks: Sequence[int] = BANKS,
) -> bytes:
    """Return one entry; its digests are of `measured`, or of the data."""
    content = data if measured is None else measured
    digests = b"".join(u16(one) + hashlib.new(_NAMES[one], content).digest() for one in banks)
    return u32(index, kind, len(banks)) + digests + u32(len(data)) + data


def variable(name: str, value: bytes, vendor: UUID = GLOBAL) -> bytes:
    """Return a UEFI_VARIABLE_DATA."""
    lengths = len(name).to_bytes(8, "little") + len(value).to_bytes(8, "little")
    return vendor.bytes_le + lengths + name.encode("utf-16-le") + value


def boot_log(*, secure_boot: bytes = b"\1", banks: Sequence[int] = BANKS) -> bytes:
    """Return the log of a short boot: firmware version, Secure Boot, separators, boot loader."""
    return header(banks) + b"".join(_boot(secure_boot, banks))


def _boot(secure_boot: bytes, banks: Sequence[int]) -> Iterator[bytes]:
    yield event(0, EV_S_CRTM_VERSION, "firmware 1".encode("utf-16-le"), banks=banks)
    state = variable("SecureBoot", secure_boot)
    yield event(7, EV_EFI_VARIABLE_DRIVER_CONFIG, state, banks=banks)
    for index in range(8):
        yield event(index, EV_SEPARATOR, bytes(4), banks=banks)
    loader = b"the boot loader"
    kind = EV_EFI_BOOT_SERVICES_APPLICATION
    yield event(4, kind, b"device path", measured=loader, banks=banks)
    text = b"/vmlinuz quiet"
    yield event(8, EV_IPL, b"kernel_cmdline: " + text + b"\0", measured=text, banks=banks)
