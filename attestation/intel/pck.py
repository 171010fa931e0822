"""Intel's extension of a PCK certificate: which platform, at which TCB. Structure only.

Intel SGX PCK Certificate and Certificate Revocation List Profile Specification 1.5, section 1.3.5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from attestation.x509 import der
from attestation.x509.der import DerReader, malformed

PCK_EXTENSION: Final = "1.2.840.113741.1.13.1"
# Content octets of that identifier; each member's is this and one number, or two.
_ARC: Final = bytes.fromhex("2a864886f84d010d01")
_WHAT: Final = "PCK extension"
_PPID, _TCB, _PCEID, _FMSPC, _SGX_TYPE, _INSTANCE, _CONFIGURATION = range(1, 8)
_REQUIRED: Final = frozenset({_PPID, _TCB, _PCEID, _FMSPC, _SGX_TYPE})
_PLATFORM: Final = frozenset({_INSTANCE, _CONFIGURATION})
COMPONENTS: Final = 16
_PCESVN: Final = 17
_CPUSVN: Final = 18
_SGX_TYPES: Final = 3
# Dynamic platform, cached keys, SMT.
_FLAGS: Final = frozenset({1, 2, 3})

_Members = Mapping[int, tuple[int, bytes]]


_Tcb = tuple[bytes, int, bytes]


def _usual_tcb_pattern() -> re.Pattern[bytes]:
    """Return a pattern of the TCB: each number in its shortest form, its length before it."""

    def member(number: int, value: bytes) -> bytes:
        name = _ARC + bytes([_TCB, number])
        return re.escape(bytes([der.OBJECT_IDENTIFIER, len(name)]) + name) + value

    svn = rb"\x02(\x01[\x00-\x7f]|\x02\x00[\x80-\xff])"
    pcesvn = rb"\x02(\x01[\x00-\x7f]|\x02(?:\x00[\x80-\xff]|[\x01-\x7f].)|\x03\x00[\x80-\xff].)"
    parts = [member(number, svn) for number in range(1, COMPONENTS + 1)]
    parts.append(member(_PCESVN, pcesvn))
    # Behind the length of a sequence are 13 octets of identifier; then tag, length and value.
    heads = rb"0(?:\x10(?=.{14}\x01)|\x11(?=.{14}\x02)|\x12(?=.{14}\x03))"
    last = member(_CPUSVN, rb"\x04\x10(.{16})")
    return re.compile(b"(?s:" + b"".join(heads + one for one in parts) + rb"0\x1f" + last + b")")


_USUAL_TCB: Final = _usual_tcb_pattern()


@dataclass(frozen=True, slots=True)
class PckExtension:
    """What a PCK certificate says of its platform.

    `components` are the 16 SVNs that TCB levels are compared with. `sgx_type` is 0 (standard), 1
    (scalable) or 2 (scalable with integrity).
    """

    ppid: bytes = field(repr=False)
    components: bytes
    pcesvn: int
    cpusvn: bytes
    pceid: bytes
    fmspc: bytes
    sgx_type: int


def parse_pck_extension(value: bytes) -> PckExtension:
    """Return the content of extension 1.2.840.113741.1.13.1.

    Not checked: whether the values make sense. Raises `EvidenceError`: `malformed` for a member
    that is missing, unknown, there twice or of another form, `trailing-data`.
    """
    members = _members(der.single(value, der.SEQUENCE, what=_WHAT), _ARC)
    if not _REQUIRED <= members.keys() <= _REQUIRED | _PLATFORM:
        raise malformed("PCK extension: members are not those of a PCK certificate")
    content = _content(members, _TCB, der.SEQUENCE)
    components, pcesvn, cpusvn = _usual_tcb(content) or _any_tcb(content)
    if _INSTANCE in members:
        _octets(members, _INSTANCE, 16)
    if _CONFIGURATION in members:
        _check_configuration(_sequence(members, _CONFIGURATION))
    return PckExtension(
        ppid=_octets(members, _PPID, 16),
        components=components,
        pcesvn=pcesvn,
        cpusvn=cpusvn,
        pceid=_octets(members, _PCEID, 2),
        fmspc=_octets(members, _FMSPC, 6),
        sgx_type=_integer(members, _SGX_TYPE, _SGX_TYPES - 1, der.ENUMERATED),
    )


def _usual_tcb(content: bytes) -> _Tcb | None:
    """Return (components, PCESVN, CPUSVN) if the members come in order, else None."""
    found = _USUAL_TCB.fullmatch(content)
    if found is None:
        return None
    *components, pcesvn, cpusvn = found.groups()
    return bytes(one[-1] for one in components), int.from_bytes(pcesvn[1:], "big"), cpusvn


def _any_tcb(content: bytes) -> _Tcb:
    tcb = _members(DerReader(content, what=_WHAT), _ARC + bytes([_TCB]))
    if tcb.keys() != set(range(1, _CPUSVN + 1)):
        raise malformed("PCK extension: TCB has other members than 16 SVNs, PCESVN and CPUSVN")
    components = bytes(_integer(tcb, number, 0xFF) for number in range(1, COMPONENTS + 1))
    return components, _integer(tcb, _PCESVN, 0xFFFF), _octets(tcb, _CPUSVN, COMPONENTS)


def _members(items: DerReader, arc: bytes) -> _Members:
    """Return number -> (tag, content) of a SEQUENCE OF SEQUENCE {arc.number, value}."""
    found: dict[int, tuple[int, bytes]] = {}
    head = bytes([der.OBJECT_IDENTIFIER, len(arc) + 1]) + arc
    at = len(head)
    while not items.at_end:
        item = items.take(der.SEQUENCE)
        if not item.startswith(head) or len(item) < at + 3 or item[at] in found:
            raise malformed("PCK extension: a member is unknown or there twice")
        tag, content = item[at + 1], item[at + 3 :]
        if len(content) != item[at + 2] or len(content) >= 0x80:
            value = DerReader(item[at + 1 :], what=_WHAT)
            content = value.take(tag)
            value.finish()
        found[item[at]] = (tag, content)
    return found


def _sequence(members: _Members, number: int) -> DerReader:
    return DerReader(_content(members, number, der.SEQUENCE), what=_WHAT)


def _octets(members: _Members, number: int, length: int) -> bytes:
    content = _content(members, number, der.OCTET_STRING)
    if len(content) != length:
        raise malformed(
            f"PCK extension: member {number} is {len(content)} bytes, expected {length}"
        )
    return content


def _integer(members: _Members, number: int, most: int, tag: int = der.INTEGER) -> int:
    value = der.unsigned(_content(members, number, tag), what=_WHAT)
    if value > most:
        raise malformed(f"PCK extension: member {number} is {value}, expected at most {most}")
    return value


def _content(members: _Members, number: int, tag: int) -> bytes:
    found, content = members[number]
    if found != tag:
        raise malformed(f"PCK extension: member {number} has tag {found}, expected {tag}")
    return content


def _check_configuration(items: DerReader) -> None:
    flags = _members(items, _ARC + bytes([_CONFIGURATION]))
    if not flags.keys() <= _FLAGS:
        raise malformed("PCK extension: unknown platform configuration")
    for number in flags:
        # Intel writes false out although DER booleans without a default may be either.
        if _content(flags, number, der.BOOLEAN) not in {b"\x00", b"\xff"}:
            raise malformed("PCK extension: platform configuration is not a boolean")
