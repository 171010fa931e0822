"""What events say: names for people, UEFI variables, and which data a digest covers.

TCG PC Client Platform Firmware Profile, section 10.4.1 (event types) and 10.2.6 (variables). Only
digests are measured: the data beside one counts only where it has that digest.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from attestation.errors import EvidenceError, Refusal
from attestation.eventlog.log import Event, EventLog
from attestation.tpm.constants import HASH_NAMES

EV_SEPARATOR: Final = 4
EV_IPL: Final = 0xD
EV_EFI_VARIABLE_DRIVER_CONFIG: Final = 0x80000001
EV_EFI_VARIABLE_BOOT: Final = 0x80000002
EV_EFI_VARIABLE_BOOT2: Final = 0x8000000C
EV_EFI_VARIABLE_AUTHORITY: Final = 0x800000E0
NAMES: Final = {
    0: "EV_PREBOOT_CERT",
    1: "EV_POST_CODE",
    3: "EV_NO_ACTION",
    EV_SEPARATOR: "EV_SEPARATOR",
    5: "EV_ACTION",
    6: "EV_EVENT_TAG",
    7: "EV_S_CRTM_CONTENTS",
    8: "EV_S_CRTM_VERSION",
    9: "EV_CPU_MICROCODE",
    0xA: "EV_PLATFORM_CONFIG_FLAGS",
    0xB: "EV_TABLE_OF_DEVICES",
    0xC: "EV_COMPACT_HASH",
    EV_IPL: "EV_IPL",
    0xE: "EV_IPL_PARTITION_DATA",
    0xF: "EV_NONHOST_CODE",
    0x10: "EV_NONHOST_CONFIG",
    0x11: "EV_NONHOST_INFO",
    0x12: "EV_OMIT_BOOT_DEVICE_EVENTS",
    0x13: "EV_POST_CODE2",
    EV_EFI_VARIABLE_DRIVER_CONFIG: "EV_EFI_VARIABLE_DRIVER_CONFIG",
    EV_EFI_VARIABLE_BOOT: "EV_EFI_VARIABLE_BOOT",
    0x80000003: "EV_EFI_BOOT_SERVICES_APPLICATION",
    0x80000004: "EV_EFI_BOOT_SERVICES_DRIVER",
    0x80000005: "EV_EFI_RUNTIME_SERVICES_DRIVER",
    0x80000006: "EV_EFI_GPT_EVENT",
    0x80000007: "EV_EFI_ACTION",
    0x80000008: "EV_EFI_PLATFORM_FIRMWARE_BLOB",
    0x80000009: "EV_EFI_HANDOFF_TABLES",
    0x8000000A: "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
    0x8000000B: "EV_EFI_HANDOFF_TABLES2",
    EV_EFI_VARIABLE_BOOT2: "EV_EFI_VARIABLE_BOOT2",
    0x8000000D: "EV_EFI_GPT_EVENT2",
    0x80000010: "EV_EFI_HCRTM_EVENT",
    EV_EFI_VARIABLE_AUTHORITY: "EV_EFI_VARIABLE_AUTHORITY",
    0x800000E1: "EV_EFI_SPDM_FIRMWARE_BLOB",
    0x800000E2: "EV_EFI_SPDM_FIRMWARE_CONFIG",
}
_VARIABLES: Final = frozenset(
    {
        EV_EFI_VARIABLE_DRIVER_CONFIG,
        EV_EFI_VARIABLE_BOOT,
        EV_EFI_VARIABLE_BOOT2,
        EV_EFI_VARIABLE_AUTHORITY,
    }
)
_GLOBAL: Final = UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
_VARIABLE_HEAD: Final = struct.Struct("<16sQQ")
_PRINTABLE: Final = bytes(range(0x20, 0x7F)) + b"\r\n\t"
# What a separator measures: no error, in either spelling, or an error.
_SEPARATORS: Final = (bytes(4), b"\xff" * 4, b"\1\0\0\0")
_COMMAND_LINES: Final = ("kernel_cmdline: ", "grub_kernel_cmdline ", "grub_cmd: ")


@dataclass(frozen=True, slots=True)
class Variable:
    """A UEFI variable as firmware measured it."""

    vendor: UUID
    name: str
    data: bytes = field(repr=False)


def variable_of(event: Event) -> Variable:
    """Return the UEFI_VARIABLE_DATA of a variable event; raise `malformed` for anything else."""
    data = event.data
    if event.kind not in _VARIABLES or len(data) < _VARIABLE_HEAD.size:
        raise _malformed("event holds no UEFI variable")
    vendor, characters, length = _VARIABLE_HEAD.unpack_from(data)
    end = _VARIABLE_HEAD.size + 2 * characters
    if end + length != len(data):
        raise _malformed("UEFI variable has another length than its parts")
    try:
        name = data[_VARIABLE_HEAD.size : end].decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise _malformed("name of a UEFI variable is not UTF-16") from error
    return Variable(UUID(bytes_le=vendor), name, data[end:])


def is_covered(event: Event, algorithm: int) -> bool:
    """Return whether the event's digest is that of its data, or of the part that is measured.

    False also where firmware measured something else, such as an image that the data only names.
    """
    name, digest = HASH_NAMES[algorithm], event.digests.get(algorithm)
    return any(hashlib.new(name, one).digest() == digest for one in _measured_forms(event))


def _measured_forms(event: Event) -> list[bytes]:
    forms = [event.data]
    if event.kind == EV_EFI_VARIABLE_BOOT and len(event.data) >= _VARIABLE_HEAD.size:
        # Older firmware measures the value alone.
        length = _VARIABLE_HEAD.unpack_from(event.data)[2]
        forms.append(event.data[-length:] if 0 < length < len(event.data) else b"")
    if event.kind == EV_IPL:
        # GRUB measures its strings without the label it logs before them and the NUL behind.
        text = event.data.removesuffix(b"\0")
        forms.append(text)
        forms += [text.removeprefix(one.encode()) for one in _COMMAND_LINES]
    return forms


def describe(event: Event) -> tuple[str, str]:
    """Return the event's type and content as text for people; unreadable content as hex."""
    name = NAMES.get(event.kind, f"{event.kind:#010x}")
    if event.kind in _VARIABLES:
        try:
            variable = variable_of(event)
        except EvidenceError:
            return name, event.data.hex()
        return name, f"{variable.name} = {variable.data.hex()}"
    text = event.data.removesuffix(b"\0")
    if text and not text.translate(None, _PRINTABLE):
        return name, text.decode("ascii")
    return name, event.data.hex()


def command_lines(log: EventLog, algorithm: int) -> tuple[str, ...]:
    """Return the kernel command lines that a boot loader measured, where digests cover them."""
    measured = (
        describe(event)[1]
        for event in log.events
        if event.kind == EV_IPL and is_covered(event, algorithm)
    )
    return tuple(
        text.removeprefix(label)
        for text in measured
        for label in _COMMAND_LINES[:2]
        if text.startswith(label)
    )


def secure_boot(log: EventLog, algorithm: int, index: int) -> bool | None:
    """Return whether firmware measured that Secure Boot is on, or None if it measured nothing.

    `index` is the register of Secure Boot policy: PCR 7, or 1 in a CC event log. Counted are the
    events up to the separator that ends firmware's part; all must say that it is on. Call only
    once the register was found to be that of the log. Raises `EvidenceError`
    `event-log-mismatch` where a digest is not that of the variable beside it.
    """
    name = HASH_NAMES[algorithm]
    ends = {hashlib.new(name, one).digest() for one in _SEPARATORS}
    seen: list[bool] = []
    for event in log.events:
        if event.index != index:
            continue
        # The type is measured by nobody: whoever wrote the log may call a separator something else
        # and then a later extension, by the running system, the state of Secure Boot.
        if event.kind == EV_SEPARATOR or event.digests.get(algorithm) in ends:
            break
        if event.kind == EV_EFI_VARIABLE_DRIVER_CONFIG:
            variable = variable_of(event)
            if (variable.vendor, variable.name) == (_GLOBAL, "SecureBoot"):
                _require_covered(event, algorithm)
                seen.append(variable.data == b"\1")
    return all(seen) if seen else None


def _require_covered(event: Event, algorithm: int) -> None:
    if not is_covered(event, algorithm):
        raise EvidenceError(
            Refusal.EVENT_LOG_MISMATCH, "a variable in the event log is not what was measured"
        )


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"event log: {detail}")
