"""The attestation document of a Nitro Enclave: structure only, no signature, no trust.

Source: AWS `aws-nitro-enclaves-nsm-api`, its page on the attestation process; RFC 9052; RFC 8949.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from attestation import cbor, cose
from attestation.cose import Sign1, parse_sign1
from attestation.errors import EvidenceError, Refusal
from attestation.limits import (
    MAX_NITRO_CERTIFICATE_BYTES,
    MAX_NITRO_MODULE_ID,
    MAX_NITRO_PCRS,
    MAX_NITRO_PUBLIC_KEY_BYTES,
    MAX_NITRO_USER_BYTES,
    MAX_PATH_CERTIFICATES,
    NSM_RESPONSE_BYTES,
)

PCR_BYTES: Final = 48
DIGEST: Final = "SHA384"
_PROTECTED: Final = cbor.encode({cose.ALGORITHM: cose.ES384})
# Enclave image, kernel with boot loader, application: what every launch measures.
MEASURED_PCRS: Final = (0, 1, 2)
_MEASURED: Final = frozenset(MEASURED_PCRS)
_NUMBERS: Final = frozenset(range(MAX_NITRO_PCRS))
_REQUIRED: Final = frozenset(
    {"module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"}
)
_OPTIONAL: Final = frozenset({"public_key", "user_data", "nonce"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# The last millisecond that has a date of four digits.
_LAST_TIMESTAMP: Final = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class NitroDocument:
    """Every member by AWS's name. Nothing in it has been checked against anything."""

    message: Sign1 = field(repr=False)
    module_id: str
    timestamp: int
    pcrs: Mapping[int, bytes]
    certificate: bytes = field(repr=False)
    cabundle: tuple[bytes, ...] = field(repr=False)
    public_key: bytes | None = field(repr=False)
    user_data: bytes | None = field(repr=False)
    nonce: bytes | None = field(repr=False)

    @property
    def signed_at(self) -> datetime:
        """When the security module made the document, by its own clock."""
        return _EPOCH + timedelta(milliseconds=self.timestamp)


def parse_document(data: bytes) -> NitroDocument:
    """Return the document that `data` is, tagged or not, byte for byte.

    Not checked: signature, chain, dates, what the PCRs are. Raises `EvidenceError`: `malformed`,
    `trailing-data`, or `alg-mismatch` for another signature algorithm or digest.
    """
    if len(data) > NSM_RESPONSE_BYTES:
        raise _malformed(f"is {len(data)} bytes, limit {NSM_RESPONSE_BYTES}")
    message = parse_sign1(cbor.decode(data, what="Nitro document"), what="Nitro document")
    _check_headers(message)
    members = cbor.decode(message.payload, what="Nitro payload", indefinite=True)
    if not isinstance(members, dict) or not _REQUIRED <= members.keys() <= _REQUIRED | _OPTIONAL:
        raise _malformed("has other members than AWS names")
    if members["digest"] != DIGEST:
        raise EvidenceError(Refusal.ALG_MISMATCH, f"PCRs are not made with {DIGEST}")
    return NitroDocument(
        message=message,
        module_id=_module_id(members["module_id"]),
        timestamp=_timestamp(members["timestamp"]),
        pcrs=_pcrs(members["pcrs"]),
        certificate=_bytes(members, "certificate", 1, MAX_NITRO_CERTIFICATE_BYTES),
        cabundle=_cabundle(members["cabundle"]),
        public_key=_optional(members, "public_key", 1, MAX_NITRO_PUBLIC_KEY_BYTES),
        user_data=_optional(members, "user_data", 0, MAX_NITRO_USER_BYTES),
        nonce=_optional(members, "nonce", 0, MAX_NITRO_USER_BYTES),
    )


def _check_headers(message: Sign1) -> None:
    """Refuse all but {1: -35} and nothing unprotected; the latter no signature covers."""
    if message.algorithm != cose.ES384:
        raise EvidenceError(Refusal.ALG_MISMATCH, "document is not signed with ES384")
    if message.protected != _PROTECTED or message.unprotected:
        raise _malformed("has headers beside the algorithm")


def _module_id(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NITRO_MODULE_ID:
        raise _malformed("module_id is no short text")
    return value


def _timestamp(value: Any) -> int:
    if type(value) is not int or not 0 < value <= _LAST_TIMESTAMP:
        raise _malformed("timestamp is no number of milliseconds")
    return value


def _pcrs(value: Any) -> Mapping[int, bytes]:
    if not isinstance(value, dict) or not value.keys() <= _NUMBERS:
        raise _malformed(f"pcrs is no map of 0 to {MAX_NITRO_PCRS - 1}")
    if not value.keys() >= _MEASURED:
        raise _malformed("PCR0, 1 and 2 are not all there")
    if not all(isinstance(pcr, bytes) and len(pcr) == PCR_BYTES for pcr in value.values()):
        raise _malformed(f"a PCR is not {PCR_BYTES} bytes")
    return MappingProxyType(value)


def _cabundle(value: Any) -> tuple[bytes, ...]:
    # The leaf comes beside it, and is part of the path.
    if not isinstance(value, list) or not 0 < len(value) < MAX_PATH_CERTIFICATES:
        raise _malformed(f"cabundle is no list of 1 to {MAX_PATH_CERTIFICATES - 1}")
    return tuple(
        _bytes({"cabundle": one}, "cabundle", 1, MAX_NITRO_CERTIFICATE_BYTES) for one in value
    )


def _optional(members: Mapping[Any, Any], name: str, least: int, most: int) -> bytes | None:
    return None if members.get(name) is None else _bytes(members, name, least, most)


def _bytes(members: Mapping[Any, Any], name: str, least: int, most: int) -> bytes:
    value = members[name]
    if not isinstance(value, bytes) or not least <= len(value) <= most:
        raise _malformed(f"{name} is not {least} to {most} bytes")
    return value


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"Nitro document: {detail}")
