"""Revocation lists (RFC 5280 section 5): structure only, no signature."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from attestation.errors import EvidenceError
from attestation.limits import MAX_CRL_BYTES, MAX_REVOKED, MAX_UNUSUAL_REVOKED
from attestation.x509 import der
from attestation.x509.certificate import read_extensions, read_signed
from attestation.x509.der import DerReader, malformed

_VERSION_2: Final = 1
_EXTENSIONS_TAG: Final = der.context(0)
_REASON_CODE: Final = "2.5.29.21"
_ON_HOLD: Final = 6
_REMOVED: Final = 8


def _usual_pattern() -> re.Pattern[bytes]:
    """Return a pattern of entries: serial number, UTCTime, extensions with only a reason code."""

    def head(size: int) -> bytes:
        octets = bytes((der.SEQUENCE, size + 31, der.INTEGER, size))
        # A positive INTEGER in its shortest form.
        most = b".{%d}" % (size - 2) if size > 1 else b""
        second = rb"(?:[\x01-\x7f].|\x00[\x80-\xff])" if size > 1 else rb"[\x00-\x7f]"
        return re.escape(octets) + second + most

    # 20 octets are the most a serial number has, and what nearly every one has.
    heads = b"|".join(head(size) for size in range(21, 0, -1))
    reason = re.escape(bytes.fromhex("300c300a0603551d1504030a01")) + rb"[\x00-\x07\x09-\x7f]"
    return re.compile(b"(?s:(?:" + heads + rb")\x17\x0d[0-9]{12}Z" + reason + b")")


_USUAL: Final = _usual_pattern()
# Octets of the longest such entry.
_USUAL_MOST: Final = 54


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
    if fields.peek() != der.SEQUENCE:
        return MappingProxyType({})
    content = fields.take(der.SEQUENCE)
    found = _usual_entries(content)
    if found is None:
        found = _any_entries(DerReader(content, what="revocation list"))
    return MappingProxyType(found)


def _usual_entries(content: bytes) -> dict[int, bool] | None:
    """Return the entries if each is a serial number, a UTCTime and a reason code, else None.

    The same checks as for any entry, in one pass: lists of hundreds come with every quote.
    """
    entries: list[bytes] = _USUAL.findall(content, 0, MAX_REVOKED * _USUAL_MOST)
    if sum(map(len, entries)) != len(content) or len(entries) > MAX_REVOKED:
        return None
    if not all(map(_is_utc_time, {one[-29:-14] for one in entries})):
        return None
    found = {int.from_bytes(one[4:-29], "big"): one[-1] == _ON_HOLD for one in entries}
    return found if len(found) == len(entries) else None


@lru_cache(maxsize=64)
def _is_utc_time(encoded: bytes) -> bool:
    # The dates in a list are few.
    if encoded[:1] != bytes([der.UTC_TIME]):
        return False
    try:
        reader = DerReader(encoded, what="revocation date")
        reader.take_time()
    except EvidenceError:
        return False
    return reader.at_end


def _any_entries(entries: DerReader) -> dict[int, bool]:
    found: dict[int, bool] = {}
    while not entries.at_end:
        if len(found) == MAX_UNUSUAL_REVOKED:
            raise malformed(f"revocation list has more than {MAX_UNUSUAL_REVOKED} unusual entries")
        entry = entries.reader(der.SEQUENCE)
        serial = entry.take_unsigned()
        entry.take_time()
        # The same serial twice: the harder statement counts.
        found[serial] = _on_hold(entry) and found.get(serial, True)
        entry.finish()
    return found


def _on_hold(entry: DerReader) -> bool:
    if entry.at_end:
        return False
    extensions = read_extensions(entry.take_raw(der.SEQUENCE)[0])
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
    for name, extension in read_extensions(fields.take(_EXTENSIONS_TAG)).items():
        if extension.critical:
            raise malformed(f"revocation list has a critical extension {name}")
