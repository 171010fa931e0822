"""X.509 certificates (RFC 5280 section 4): structure only, no signature, no trust."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from attestation.limits import MAX_CERTIFICATE_BYTES, MAX_EXTENSIONS
from attestation.x509 import der
from attestation.x509.der import DerReader, malformed

COMMON_NAME: Final = "2.5.4.3"
KEY_USAGE: Final = "2.5.29.15"
BASIC_CONSTRAINTS: Final = "2.5.29.19"
# SET, SEQUENCE, an attribute type 2.5.4.x with x below 128, and the head of its value.
_X520: Final = re.compile(rb"(?s:1(.)0(.)\x06\x03\x55\x04([\x00-\x7f])(.)(.))")
# The length of an encoding in its shortest form, up to 2 octets of it.
_LENGTH: Final = rb"((?:\x82[\x01-\xff]|\x81(?=[\x80-\xff])|(?=[\x00-\x7f])).)"
# SEQUENCE, identifier, perhaps "critical", and the head of an OCTET STRING.
_EXTENSION: Final = re.compile(
    b"(?s:0" + _LENGTH + rb"\x06(\x03.{3}|\x08.{8}|\x09.{9})(\x01\x01\xff)?\x04" + _LENGTH + b")"
)
# INTEGER 2.
_VERSION_3: Final = bytes.fromhex("020102")
_VERSION_TAG: Final = der.context(0)
_EXTENSIONS_TAG: Final = der.context(3)
# RFC 5280 section 4.1.2.2: 20 octets, which take 21 as DER when the first bit is set.
_MAX_SERIAL_BITS: Final = 160
_DIGITAL_SIGNATURE: Final = 0
_KEY_CERT_SIGN: Final = 5
_CRL_SIGN: Final = 6


class Extension(NamedTuple):
    """One extension: whether it must be understood, and its raw content."""

    critical: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A parsed certificate. Nothing in it has been checked against anything."""

    der: bytes = field(repr=False)
    fingerprint: bytes
    tbs: bytes = field(repr=False)
    serial: int
    signature_algorithm: bytes = field(repr=False)
    issuer: bytes = field(repr=False)
    subject: bytes = field(repr=False)
    issuer_cn: str
    subject_cn: str
    not_before: datetime
    not_after: datetime
    spki: bytes = field(repr=False)
    extensions: Mapping[str, Extension] = field(repr=False)
    signature: bytes = field(repr=False)

    def unknown_critical(self, known: frozenset[str]) -> str | None:
        """Return a critical extension that is not in `known`, if there is one."""
        for name, extension in self.extensions.items():
            if extension.critical and name not in known:
                return name
        return None


def parse_certificate(data: bytes) -> Certificate:
    """Return the certificate that `data` is, byte for byte.

    Not checked: signature, validity, trust, what extensions mean. Serial number 0 is allowed.
    Raises `EvidenceError`: `malformed`, or `trailing-data` for bytes after the certificate.
    """
    if len(data) > MAX_CERTIFICATE_BYTES:
        raise malformed(f"certificate is {len(data)} bytes, limit {MAX_CERTIFICATE_BYTES}")
    tbs, content, algorithm, signature = read_signed(data, what="certificate")
    fields = DerReader(content, what="certificate")
    _expect_version_3(fields)
    serial = _serial(fields)
    if fields.take_raw(der.SEQUENCE)[0] != algorithm:
        raise malformed("certificate: the two signature algorithms differ")
    issuer = fields.take_raw(der.SEQUENCE)[0]
    validity = fields.reader(der.SEQUENCE)
    not_before, not_after = validity.take_time(), validity.take_time()
    validity.finish()
    subject = fields.take_raw(der.SEQUENCE)[0]
    spki = fields.take_raw(der.SEQUENCE)[0]
    extensions = _extensions(fields)
    fields.finish()
    return Certificate(
        der=data,
        fingerprint=hashlib.sha256(data).digest(),
        tbs=tbs,
        serial=serial,
        signature_algorithm=algorithm,
        issuer=issuer,
        subject=subject,
        issuer_cn=common_name(issuer),
        subject_cn=common_name(subject),
        not_before=not_before,
        not_after=not_after,
        spki=spki,
        extensions=extensions,
        signature=signature,
    )


def read_signed(data: bytes, *, what: str) -> tuple[bytes, bytes, bytes, bytes]:
    """Return (what is signed, its content, algorithm, signature) of a SIGNED structure."""
    outer = der.single(data, der.SEQUENCE, what=what)
    tbs, content = outer.take_raw(der.SEQUENCE)
    algorithm, _ = outer.take_raw(der.SEQUENCE)
    signature = outer.take_bits()
    outer.finish()
    return tbs, content, algorithm, signature


def _expect_version_3(fields: DerReader) -> None:
    if fields.take(_VERSION_TAG) != _VERSION_3:
        raise malformed("certificate is not version 3")


def _serial(fields: DerReader) -> int:
    serial = der.unsigned(fields.take(der.INTEGER), what="serial number")
    if serial.bit_length() > _MAX_SERIAL_BITS:
        raise malformed(f"certificate: serial number has {serial.bit_length()} bits")
    return serial


def _extensions(fields: DerReader) -> Mapping[str, Extension]:
    if fields.at_end:
        return MappingProxyType({})
    return read_extensions(fields.take(_EXTENSIONS_TAG))


def read_extensions(wrapped: bytes) -> Mapping[str, Extension]:
    """Return the extensions in one SEQUENCE OF Extension, each at most once."""
    items = DerReader(wrapped, what="extensions")
    content = items.take(der.SEQUENCE)
    items.finish()
    found = _usual_extensions(content)
    if found is None:
        found = _any_extensions(DerReader(content, what="extensions"))
    return MappingProxyType(found)


def _usual_extensions(content: bytes) -> dict[str, Extension] | None:
    """Return the extensions if all are of the most frequent forms and none is twice, else None."""
    found: dict[str, Extension] = {}
    count = offset = 0
    while offset < len(content):
        head = _EXTENSION.match(content, offset)
        if head is None or count == MAX_EXTENSIONS:
            return None
        outer, name, critical, inner = head.groups()
        start = head.end()
        offset = start + int.from_bytes(inner[1:] or inner, "big")
        if offset != head.end(1) + int.from_bytes(outer[1:] or outer, "big"):
            return None
        found[der.oid(name[1:])] = Extension(critical is not None, content[start:offset])
        count += 1
    return found if offset == len(content) and len(found) == count else None


def _any_extensions(items: DerReader) -> dict[str, Extension]:
    found: dict[str, Extension] = {}
    while not items.at_end:
        item = items.reader(der.SEQUENCE)
        name = item.take_oid()
        critical = item.take_boolean_true()
        if name in found or len(found) == MAX_EXTENSIONS:
            raise malformed(f"extension {name} is there twice, or there are too many")
        found[name] = Extension(critical, item.take(der.OCTET_STRING))
        item.finish()
    return found


@lru_cache(maxsize=64)
def common_name(name: bytes) -> str:
    """Return the one common name in a DER Name, or an empty string; issuers' names repeat."""
    outer = DerReader(name, what="name")
    content = outer.take(der.SEQUENCE)
    attributes = _usual_attributes(content)
    if attributes is None:
        attributes = _any_attributes(DerReader(content, what="name"))
    names = [_text(tag, text) for kind, tag, text in attributes if kind == COMMON_NAME]
    if len(names) > 1:
        raise malformed("name has more than one common name")
    return names[0] if names else ""


def _usual_attributes(content: bytes) -> list[tuple[str, int, bytes]] | None:
    """Return the attributes if each set holds one short one of X.520, else None."""
    found: list[tuple[str, int, bytes]] = []
    offset = 0
    while offset < len(content):
        head = _X520.match(content, offset)
        if head is None:
            return None
        outer, inner, kind, tag, length = head.groups()
        start, offset = head.end(), head.end() + length[0]
        lengths = (length[0] + 9, length[0] + 7)
        if (outer[0], inner[0]) != lengths or outer[0] >= 0x80 or offset > len(content):
            return None
        found.append((f"2.5.4.{kind[0]}", tag[0], content[start:offset]))
    return found


def _any_attributes(relative: DerReader) -> list[tuple[str, int, bytes]]:
    found: list[tuple[str, int, bytes]] = []
    while not relative.at_end:
        attributes = relative.reader(der.SET)
        while not attributes.at_end:
            attribute = attributes.reader(der.SEQUENCE)
            kind = attribute.take_oid()
            tag = attribute.peek() or 0
            found.append((kind, tag, attribute.take(tag)))
            attribute.finish()
    return found


def _text(tag: int, content: bytes) -> str:
    encodings = {der.UTF8_STRING: "utf-8", der.PRINTABLE_STRING: "ascii", der.IA5_STRING: "ascii"}
    try:
        return content.decode(encodings[tag])
    except (KeyError, UnicodeDecodeError) as error:
        raise malformed("name: common name is not text") from error


def is_ca(certificate: Certificate) -> bool:
    """Return whether basic constraints name a CA and key usage allows it to sign certificates."""
    constraints = certificate.extensions.get(BASIC_CONSTRAINTS)
    if constraints is None or not _basic_constraints(constraints.value)[0]:
        return False
    return _key_usage(certificate, _KEY_CERT_SIGN)


def may_sign_data(certificate: Certificate) -> bool:
    """Return whether key usage allows the key to sign what is no certificate and no list."""
    return _key_usage(certificate, _DIGITAL_SIGNATURE)


def may_sign_crls(certificate: Certificate) -> bool:
    """Return whether key usage allows the key to sign revocation lists."""
    return _key_usage(certificate, _CRL_SIGN)


def path_length(certificate: Certificate) -> int | None:
    """Return how many CA certificates may come below this one, or None if it does not say."""
    constraints = certificate.extensions.get(BASIC_CONSTRAINTS)
    return None if constraints is None else _basic_constraints(constraints.value)[1]


@lru_cache(maxsize=64)
def _basic_constraints(value: bytes) -> tuple[bool, int | None]:
    """Return (whether a CA, how many CAs below); there are few such values."""
    fields = der.single(value, der.SEQUENCE, what="basic constraints")
    ca = fields.take_boolean_true()
    length = None if fields.at_end else fields.take_unsigned()
    fields.finish()
    return ca, length


def _key_usage(certificate: Certificate, bit: int) -> bool:
    usage = certificate.extensions.get(KEY_USAGE)
    if usage is None:
        return False
    content = _usage_bits(usage.value)
    return len(content) > 1 and bool(content[1] & (0x80 >> bit))


@lru_cache(maxsize=64)
def _usage_bits(value: bytes) -> bytes:
    outer = DerReader(value, what="key usage")
    content = outer.take(der.BIT_STRING)
    outer.finish()
    return content
