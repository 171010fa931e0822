"""What kind of evidence a file is, by its first bytes: a convenience for people, never a check."""

from __future__ import annotations

from typing import Final

from attestation.errors import EvidenceError, Refusal

_SNP_REPORT_BYTES: Final = 1184
_SNP_VERSIONS: Final = frozenset(bytes([version, 0, 0, 0]) for version in (2, 3, 5))
_QUOTE_VERSIONS: Final = frozenset({b"\x03\x00", b"\x04\x00", b"\x05\x00"})
_TDX_TEE_TYPE: Final = b"\x81\x00\x00\x00"
# CBOR heads: tag 399 and 907; tag 18, an array of four. Then magic numbers.
_HEADS: Final = {
    (b"\xd9\x01\x8f", b"\xd9\x03\x8b"): ("cca", "token"),
    (b"\xd2\x84", b"\x84"): ("nitro", "document"),
    (b"HCLA",): ("azure-snp", "hcl_report"),
    (b"\xffTCG\x80\x18",): ("tpm", "quote"),
}


def recognise(data: bytes) -> tuple[str, str]:
    """Return (tee, name of its part) for raw evidence.

    A COSE_Sign1 is taken for a Nitro document; a PSA token has to be named by the caller. Raises
    `EvidenceError` `unsupported` for anything else.
    """
    if len(data) == _SNP_REPORT_BYTES and data[:4] in _SNP_VERSIONS:
        return "snp", "report"
    if data[:2] in _QUOTE_VERSIONS:
        return ("tdx" if data[4:8] == _TDX_TEE_TYPE else "sgx"), "quote"
    for heads, found in _HEADS.items():
        if data.startswith(heads):
            return found
    raise EvidenceError(Refusal.UNSUPPORTED, "file is no evidence that is known by its first bytes")
