"""Event logs for tests: written as firmware writes them, and what replaying them must give."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from uuid import UUID

from attestation.eventlog.events import EV_EFI_VARIABLE_DRIVER_CONFIG, EV_IPL, EV_SEPARATOR
from attestation.tpm.constants import ALG_SHA1, ALG_SHA256, HASH_NAMES

GLOBAL = UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
NAMES = HASH_NAMES | {ALG_SHA1: "sha1"}


def u32(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


def u16(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "little") for value in values)


def header(algorithms: Sequence[int] = (ALG_SHA1, ALG_SHA256), vendor: bytes = b"") -> bytes:
    sizes = b"".join(u16(one, hashlib.new(NAMES[one]).digest_size) for one in algorithms)
    spec = b"Spec ID Event03\0" + bytes(4) + b"\0\2\0\2" + u32(len(algorithms)) + sizes
    spec += bytes([len(vendor)]) + vendor
    return u32(0, 3) + bytes(20) + u32(len(spec)) + spec


def event(
    index: int,
    kind: int,
    data: bytes,
    *,
    measured: bytes | None = None,
    algorithms: Sequence[int] = (ALG_SHA1, ALG_SHA256),
) -> bytes:
    content = data if measured is None else measured
    digests = b"".join(u16(one) + hashlib.new(NAMES[one], content).digest() for one in algorithms)
    return u32(index, kind, len(algorithms)) + digests + u32(len(data)) + data


def variable(name: str, value: bytes, vendor: UUID = GLOBAL) -> bytes:
    text = name.encode("utf-16-le")
    lengths = len(name).to_bytes(8, "little") + len(value).to_bytes(8, "little")
    return vendor.bytes_le + lengths + text + value


def boot(
    *, secure_boot: bytes = b"\1", algorithms: Sequence[int] = (ALG_SHA1, ALG_SHA256)
) -> Iterable[bytes]:
    """Yield the events of a short boot: firmware version, Secure Boot, separators, boot loader."""

    def one(index: int, kind: int, data: bytes, measured: bytes | None = None) -> bytes:
        return event(index, kind, data, measured=measured, algorithms=algorithms)

    yield one(0, 8, "firmware 1".encode("utf-16-le"))
    yield one(7, EV_EFI_VARIABLE_DRIVER_CONFIG, variable("SecureBoot", secure_boot))
    for index in range(8):
        yield one(index, EV_SEPARATOR, bytes(4))
    yield one(4, 0x80000003, b"device path", b"the boot loader")
    yield one(8, EV_IPL, b"kernel_cmdline: /vmlinuz quiet\0", b"/vmlinuz quiet")


def boot_log(**options) -> bytes:
    algorithms = options.get("algorithms", (ALG_SHA1, ALG_SHA256))
    return header(algorithms) + b"".join(boot(**options))
