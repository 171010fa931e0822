"""Quotes of version 3, 4 and 5: what is signed, by which key, and what vouches for that key.

Layouts: Intel SGX ECDSA Quote Library Reference, appendix A (version 3); Intel TDX DCAP Quoting
Library API, appendix A (versions 4 and 5). No cryptography here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from attestation.errors import EvidenceError, Refusal
from attestation.intel.reports import (
    SGX_REPORT_BYTES,
    TD_REPORT_10_BYTES,
    TD_REPORT_15_BYTES,
    SgxReport,
    TdReport,
    parse_sgx_report,
    parse_td_report,
)
from attestation.limits import MAX_PART_BYTES

SGX_TEE: Final = 0
TDX_TEE: Final = 0x81
ECDSA_P256: Final = 2
QE_VENDOR: Final = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
PCK_CHAIN: Final = 5
# PPID in three forms, PCK leaf, PCK chain, platform manifest.
_INNER_TYPES: Final = frozenset({1, 2, 3, 4, PCK_CHAIN, 7})
_QE_REPORT: Final = 6

_HEADER: Final = struct.Struct("<HHIHH16s20s")
_BODY: Final = struct.Struct("<HI")
_LENGTH: Final = struct.Struct("<I")
_CERTIFICATION: Final = struct.Struct("<HI")
_SIGNATURE_BYTES: Final = 64
_KEY_BYTES: Final = 64
# Version 5: type of the body -> (TEE, size).
_BODIES: Final = {
    1: (SGX_TEE, SGX_REPORT_BYTES),
    2: (TDX_TEE, TD_REPORT_10_BYTES),
    3: (TDX_TEE, TD_REPORT_15_BYTES),
}
_BODY_OF_TEE: Final = {SGX_TEE: SGX_REPORT_BYTES, TDX_TEE: TD_REPORT_10_BYTES}


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote whose form is right. Nothing has been verified.

    `endorsed` is everything behind the signature: attestation key, QE report and what certifies
    it, which `parse_endorsed_key` reads.
    """

    version: int
    body: SgxReport | TdReport
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    endorsed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EndorsedKey:
    """An attestation key and what is said for it. Nothing has been verified."""

    key: bytes = field(repr=False)
    qe_report: SgxReport
    qe_report_signed: bytes = field(repr=False)
    qe_report_signature: bytes = field(repr=False)
    authentication: bytes = field(repr=False)
    certification_type: int
    certification: bytes = field(repr=False)


def parse_quote(data: bytes) -> Quote:
    """Return the parts of a quote of version 3, 4 or 5 (steps Q1 to Q5 and Q8).

    Not checked: what is behind the signature (`parse_endorsed_key`), signatures, attributes. Raises
    `EvidenceError`: `malformed`, `alg-mismatch`, `qe-mismatch` or `trailing-data`.
    """
    if len(data) > MAX_PART_BYTES:
        raise _malformed(f"quote is {len(data)} bytes, limit {MAX_PART_BYTES}")
    version, body_start, body_end = _check_header(data)
    tail_start = body_end + _LENGTH.size
    if len(data) < tail_start:
        raise _malformed("quote ends before its signature data")
    (length,) = _LENGTH.unpack_from(data, body_end)
    end = tail_start + length
    if length < _SIGNATURE_BYTES + _KEY_BYTES or end > len(data):
        raise _malformed("signature data is too short or ends behind the quote")
    if data.count(0, end) != len(data) - end:
        raise EvidenceError(Refusal.TRAILING_DATA, "bytes behind the signature data are not zero")
    body = data[body_start:body_end]
    return Quote(
        version=version,
        body=parse_sgx_report(body) if len(body) == SGX_REPORT_BYTES else parse_td_report(body),
        signed=data[:body_end],
        signature=data[tail_start : tail_start + _SIGNATURE_BYTES],
        endorsed=data[tail_start + _SIGNATURE_BYTES : end],
    )


def _check_header(data: bytes) -> tuple[int, int, int]:
    """Return (version, where the body starts, where it ends)."""
    if len(data) < _HEADER.size + _BODY.size:
        raise _malformed("quote ends in its header")
    version, key_type, tee, _, _, vendor, _ = _HEADER.unpack_from(data)
    if version not in {3, 4, 5}:
        raise _malformed(f"quote version is {version}, expected 3, 4 or 5")
    if key_type != ECDSA_P256:
        raise EvidenceError(Refusal.ALG_MISMATCH, f"attestation key type is {key_type}, expected 2")
    if vendor != QE_VENDOR:
        raise EvidenceError(Refusal.QE_MISMATCH, "quoting enclave is not of Intel")
    start, size = _HEADER.size, _BODY_OF_TEE.get(tee)
    if version == 5:
        body_type, size = _BODY.unpack_from(data, start)
        start += _BODY.size
        if _BODIES.get(body_type) != (tee, size):
            raise _malformed(f"body is type {body_type} of {size} bytes for TEE type {tee:#x}")
    if size is None or (version == 3 and tee != SGX_TEE):
        raise _malformed(f"TEE type is {tee:#x} in version {version}")
    return version, start, start + size


def parse_endorsed_key(quote: Quote) -> EndorsedKey:
    """Return the attestation key with what certifies it (steps Q6, Q7 and Q9).

    Not checked: any signature. Raises `EvidenceError` `malformed`.
    """
    key, data = quote.endorsed[:_KEY_BYTES], quote.endorsed[_KEY_BYTES:]
    if quote.version > 3:
        kind, data = _certification(data)
        if kind != _QE_REPORT:
            raise _malformed(f"certification data is of type {kind}, expected {_QE_REPORT}")
    fixed = SGX_REPORT_BYTES + _SIGNATURE_BYTES
    if len(data) < fixed + 2:
        raise _malformed("signature data ends in the QE report")
    rest = fixed + 2 + int.from_bytes(data[fixed : fixed + 2], "little")
    if rest > len(data):
        raise _malformed("QE authentication data ends behind the signature data")
    kind, certification = _certification(data[rest:])
    if kind not in _INNER_TYPES:
        raise _malformed(f"certification data is of type {kind}")
    return EndorsedKey(
        key=key,
        qe_report=parse_sgx_report(data[:SGX_REPORT_BYTES]),
        qe_report_signed=data[:SGX_REPORT_BYTES],
        qe_report_signature=data[SGX_REPORT_BYTES:fixed],
        authentication=data[fixed + 2 : rest],
        certification_type=kind,
        certification=certification,
    )


def _certification(data: bytes) -> tuple[int, bytes]:
    """Return (type, data) of certification data that takes all of `data`."""
    if len(data) < _CERTIFICATION.size:
        raise _malformed("signature data ends in its certification data")
    kind, length = _CERTIFICATION.unpack_from(data)
    if len(data) != _CERTIFICATION.size + length:
        raise _malformed(f"certification data is not the {length} bytes it says")
    return kind, data[_CERTIFICATION.size :]


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, detail)
