"""What a guest reads from configfs-tsm, as the two containers that agents send it in.

Linux ABI `configfs-tsm-report`: `outblob` is the report, `auxblob` the certificate table,
`provider` the driver. JSON holds base64url texts, CBOR (RFC 8949) byte strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attestation.encoding import b64url_decode, parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.evidence import UnverifiedEvidence
from attestation.limits import MAX_CERT_TABLE_BYTES, MAX_PART_BYTES

_MAX_BYTES: Final = 2 * (MAX_CERT_TABLE_BYTES + MAX_PART_BYTES)
_MAX_MEMBERS: Final = 8
_KNOWN: Final = frozenset({"outblob", "auxblob", "provider"})
_SNP_PROVIDERS: Final = frozenset({"sev_guest", "sev-guest"})

_CBOR_BYTES: Final = 2
_CBOR_TEXT: Final = 3
_CBOR_MAP: Final = 5


def parse_tsm(data: bytes) -> UnverifiedEvidence:
    """Return the SNP evidence in a tsm container; raise `EvidenceError` for any other content."""
    members = _json_members(data) if data[:1] in {b"{", b" ", b"\n"} else _cbor_members(data)
    if not {"outblob"} <= members.keys() <= _KNOWN:
        raise _malformed("members are not those of a report")
    provider = members.get("provider", b"sev_guest").rstrip(b"\n").decode("ascii", "replace")
    if provider not in _SNP_PROVIDERS:
        raise EvidenceError(Refusal.UNSUPPORTED, "tsm container is by another provider")
    parts = {"report": members["outblob"]}
    if members.get("auxblob"):
        parts["cert_table"] = members["auxblob"]
    return UnverifiedEvidence("snp", parts)


def _json_members(data: bytes) -> Mapping[str, bytes]:
    document = parse_json(data, limit_bytes=_MAX_BYTES, what="tsm container")
    if not isinstance(document, dict):
        raise _malformed("not an object")
    return {name: _json_value(name, value) for name, value in document.items()}


def _json_value(name: str, value: Any) -> bytes:
    if not isinstance(value, str):
        raise _malformed(f"{name} is not text")
    return value.encode() if name == "provider" else b64url_decode(value, what=f"tsm {name}")


def _cbor_members(data: bytes) -> Mapping[str, bytes]:
    """Read one definite-length map of text to bytes or text, in shortest forms."""
    if len(data) > _MAX_BYTES:
        raise _malformed(f"{len(data)} bytes, limit {_MAX_BYTES}")
    kind, count, offset = _cbor_head(data, 0)
    if kind != _CBOR_MAP or count > _MAX_MEMBERS:
        raise _malformed("not a small CBOR map")
    found: dict[str, bytes] = {}
    for _ in range(count):
        raw_name, offset = _cbor_string(data, offset, kinds=frozenset({_CBOR_TEXT}))
        name = raw_name.decode("ascii", "replace")
        value, offset = _cbor_string(data, offset, kinds=frozenset({_CBOR_TEXT, _CBOR_BYTES}))
        if name in found:
            raise _malformed("a member is there twice")
        found[name] = value
    if offset != len(data):
        raise EvidenceError(Refusal.TRAILING_DATA, "tsm container: bytes after its end")
    return found


def _cbor_string(data: bytes, offset: int, *, kinds: frozenset[int]) -> tuple[bytes, int]:
    kind, length, start = _cbor_head(data, offset)
    if kind not in kinds or start + length > len(data):
        raise _malformed("member is not a whole string")
    return data[start : start + length], start + length


def _cbor_head(data: bytes, offset: int) -> tuple[int, int, int]:
    """Return (major type, argument, offset behind the head)."""
    if offset >= len(data):
        raise _malformed("cut off")
    kind, short = data[offset] >> 5, data[offset] & 0x1F
    if short < 24:
        return kind, short, offset + 1
    size = {24: 1, 25: 2, 26: 4}.get(short, 0)
    argument = data[offset + 1 : offset + 1 + size]
    value = int.from_bytes(argument, "big")
    if not size or len(argument) != size or value < (24, 0x100, 0x10000)[size // 2]:
        raise _malformed("head is not in its shortest form")
    return kind, value, offset + 1 + size


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"tsm container: {detail}")
