"""DER for the few structures that simulated silicon issues."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attestation.x509 import der

_YEAR_OF_GENERALIZED_TIME: Final = 2050


def tlv(tag: int, content: bytes) -> bytes:
    """Return one value; the length in its shortest form."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def sequence(*items: bytes) -> bytes:
    """Return a SEQUENCE of encoded items."""
    return tlv(der.SEQUENCE, b"".join(items))


def integer(value: int) -> bytes:
    """Return a non-negative INTEGER."""
    return tlv(der.INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return tlv(der.OBJECT_IDENTIFIER, b"".join(_arc(arc) for arc in (40 * first + second, *rest)))


def _arc(value: int) -> bytes:
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.append(0x80 | value & 0x7F)
    return bytes(reversed(octets))


def octets(content: bytes) -> bytes:
    """Return an OCTET STRING."""
    return tlv(der.OCTET_STRING, content)


def bits(content: bytes) -> bytes:
    """Return a BIT STRING of whole bytes."""
    return tlv(der.BIT_STRING, b"\0" + content)


def ia5(text: str) -> bytes:
    """Return an IA5String."""
    return tlv(der.IA5_STRING, text.encode("ascii"))


def time(moment: datetime) -> bytes:
    """Return UTCTime up to 2049 and GeneralizedTime from then on (RFC 5280 section 4.1.2.5)."""
    if moment.year < _YEAR_OF_GENERALIZED_TIME:
        return tlv(der.UTC_TIME, f"{moment:%y%m%d%H%M%S}Z".encode("ascii"))
    return tlv(der.GENERALIZED_TIME, f"{moment:%Y%m%d%H%M%S}Z".encode("ascii"))


def name(attributes: Sequence[tuple[str, str]]) -> bytes:
    """Return a Name; the country as PrintableString and the rest as UTF8String, as AMD does."""
    country = "2.5.4.6"
    return sequence(
        *(
            tlv(
                der.SET,
                sequence(
                    oid(kind),
                    tlv(
                        der.PRINTABLE_STRING if kind == country else der.UTF8_STRING,
                        text.encode("utf-8"),
                    ),
                ),
            )
            for kind, text in attributes
        )
    )


def extension(kind: str, value: bytes, *, critical: bool = False) -> bytes:
    """Return an Extension; `value` is the raw content of its OCTET STRING."""
    flag = tlv(der.BOOLEAN, b"\xff") if critical else b""
    return sequence(oid(kind), flag, octets(value))
