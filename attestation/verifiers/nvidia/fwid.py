"""The firmware that a device certified its attestation key for, as its certificate says.

Hopper and its switches carry a CompositeDeviceID (RIoT core, as NVIDIA uses it) under the number
of TcbInfo; Blackwell a DiceTcbInfo (TCG DICE Attestation Architecture 1.1, section 6.1.1) under a
number below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from attestation.limits import MAX_FWIDS
from attestation.x509 import der
from attestation.x509.certificate import Certificate
from attestation.x509.der import DerReader, malformed

COMPOSITE_DEVICE_ID: Final = "2.23.133.5.4.1"
DICE_TCB_INFO: Final = "2.23.133.5.4.1.1"
SHA384: Final = "2.16.840.1.101.3.4.2.2"
_SHA384_BYTES: Final = 48
_VERSION: Final = 1
_FWIDS: Final = 6
_FLAGS: Final = 7
_LAST_MEMBER: Final = 9
# OperationalFlags is a bit string with its highest bit first; debug is bit 3.
_DEBUG: Final = 0x10


@dataclass(frozen=True, slots=True)
class Firmware:
    """`fwid` is the digest of the attesting firmware, `device_key` the key that it says made it."""

    fwid: bytes
    device_key: bytes | None = None
    debug: bool = False


def firmware_of(leaf: Certificate) -> Firmware | None:
    """Return what the certificate says of its firmware, or None if it says nothing.

    Raises `EvidenceError` `malformed` for an extension of another structure or for both.
    """
    composite = leaf.extensions.get(COMPOSITE_DEVICE_ID)
    tcb_info = leaf.extensions.get(DICE_TCB_INFO)
    if composite is not None and tcb_info is not None:
        raise malformed("certificate names its firmware twice")
    if composite is not None:
        return _composite(composite.value)
    return None if tcb_info is None else _tcb_info(tcb_info.value)


def _composite(value: bytes) -> Firmware:
    fields = der.single(value, der.SEQUENCE, what="composite device id")
    if fields.take_unsigned() != _VERSION:
        raise malformed("composite device id is not version 1")
    device_key = fields.take_raw(der.SEQUENCE)[0]
    fwid = _fwid(fields)
    fields.finish()
    return Firmware(fwid, device_key)


def _tcb_info(value: bytes) -> Firmware:
    fields = der.single(value, der.SEQUENCE, what="TCB info")
    fwids: list[bytes] = []
    debug = False
    for number in range(_LAST_MEMBER + 1):
        if number == _FWIDS:
            fwids = _fwids(fields)
        elif fields.peek() == der.context(number, constructed=False):
            content = fields.take(der.context(number, constructed=False))
            # The first octet counts unused bits.
            flags = int.from_bytes(content[1:2], "big") if number == _FLAGS else 0
            debug = debug or bool(flags & _DEBUG)
    fields.finish()
    if not fwids:
        raise malformed("TCB info names no firmware")
    # The first layer is the attesting firmware; what follows are further ones, zero if not there.
    return Firmware(fwids[0], debug=debug)


def _fwids(fields: DerReader) -> list[bytes]:
    found: list[bytes] = []
    if fields.peek() == der.context(_FWIDS):
        listed = fields.reader(der.context(_FWIDS))
        while not listed.at_end:
            if len(found) == MAX_FWIDS:
                raise malformed(f"TCB info names more than {MAX_FWIDS} firmwares")
            found.append(_fwid(listed))
    return found


def _fwid(fields: DerReader) -> bytes:
    item = fields.reader(der.SEQUENCE)
    algorithm, digest = item.take_oid(), item.take(der.OCTET_STRING)
    item.finish()
    if algorithm != SHA384 or len(digest) != _SHA384_BYTES:
        raise malformed("FWID is not a SHA-384 digest")
    return digest
