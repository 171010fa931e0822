"""Revocation lists (RFC 5280 section 5): structure only, no signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from attestation.limits import MAX_CRL_BYTES, MAX_REVOKED
from attestation.x509 import der
from attestation.x509.certificate import read_extensions, read_signed
from attestation.x509.der import DerReader, malformed

_VERSION_2: Final = 1
_REASON_CODE: Final = "2.5.29.21"
_ON_HOLD: Final = 6
_REMOVED: Final = 8


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A parsed list: serial number -> whether it is only on hold."""

    tbs: bytes = field(repr=False)
    signature_algorithm: bytes = field(repr=False)
    issuer: bytes = field(repr=False)
    this_update: datetime
    next_update: datetime
    revoked: Mapping[int, bool] = field(repr=False)
    signature: bytes = field(repr=False)


def parse_crl(data: bytes) -> RevocationList:
    """Return the complete list that `data` is.

    Refused: a list without an end date, partial or indirect lists (they carry critical
    extensions). Not checked: signature, dates, issuer. Raises `EvidenceError`.
    """
    if len(data) > MAX_CRL_BYTES:
        raise malformed(f"revocation list is {len(data)} bytes, limit {MAX_CRL_BYTES}")
    tbs, content, algorithm, signature = read_signed(data, what="revocation list")
    fields = DerReader(content, what="revocation list")
    if fields.take_unsigned() != _VERSION_2:
        raise malformed("revocation list is not version 2")
    if fields.take_raw(der.SEQUENCE)[0] != algorithm:
        raise malformed("revocation list: the two signature algorithms differ")
    issuer = fields.take_raw(der.SEQUENCE)[0]
    this_update, next_update = fields.take_time(), fields.take_time()
    revoked = _revoked(fields)
    _no_critical(fields)
    fields.finish()
    return RevocationList(tbs, algorithm, issuer, this_update, next_update, revoked, signature)


def _revoked(fields: DerReader) -> Mapping[int, bool]:
    found: dict[int, bool] = {}
    if fields.peek() == der.SEQUENCE:
        entries = fields.reader(der.SEQUENCE)
        while not entries.at_end:
            if len(found) == MAX_REVOKED:
                raise malformed(f"revocation list has more than {MAX_REVOKED} entries")
            entry = entries.reader(der.SEQUENCE)
            serial = entry.take_unsigned()
            entry.take_time()
            # The same serial twice: the harder statement counts.
            found[serial] = _on_hold(entry) and found.get(serial, True)
            entry.finish()
    return MappingProxyType(found)


def _on_hold(entry: DerReader) -> bool:
    if entry.at_end:
        return False
    extensions = read_extensions(entry.reader(der.SEQUENCE))
    for name, extension in extensions.items():
        if extension.critical:
            raise malformed(f"revocation entry has a critical extension {name}")
    if _REASON_CODE not in extensions:
        return False
    reason = DerReader(extensions[_REASON_CODE].value, what="revocation reason")
    code = der.unsigned(reason.take(der.ENUMERATED), what="revocation reason")
    reason.finish()
    if code == _REMOVED:
        raise malformed("revocation reason is only for partial lists")
    return code == _ON_HOLD


def _no_critical(fields: DerReader) -> None:
    if fields.at_end:
        return
    wrapper = fields.reader(der.context(0))
    for name, extension in read_extensions(wrapper.reader(der.SEQUENCE)).items():
        if extension.critical:
            raise malformed(f"revocation list has a critical extension {name}")
    wrapper.finish()
