"""What kind of evidence a file is, by its first bytes: a convenience for people, never a check."""

from __future__ import annotations

from typing import Final

from attestation.errors import EvidenceError, Refusal

_SNP_REPORT_BYTES: Final = 1184
_SNP_VERSIONS: Final = frozenset(bytes([version, 0, 0, 0]) for version in (2, 3, 5))
_QUOTE_VERSIONS: Final = frozenset({b"\x03\x00", b"\x04\x00", b"\x05\x00"})
_TDX_TEE_TYPE: Final = b"\x81\x00\x00\x00"
# Type of the hardware's report in an HCL report (Azure): 4 is TDX.
_HCL_TYPE_AT: Final = 1224
_HCL_TDX: Final = b"\4\0\0\0"
# CBOR: tag 18 around an array of four, or the bare array.
_SIGN1_HEADS: Final = (b"\xd2\x84", b"\x84")
# CBOR tags 399 and 907; a magic number.
_HEADS: Final = {
    (b"\xd9\x01\x8f", b"\xd9\x03\x8b"): ("cca", "token"),
    (b"\xffTCG\x80\x18",): ("tpm", "quote"),
}


def recognise(data: bytes) -> tuple[str, str]:
    """Return (tee, name of its part) for raw evidence.

    Raises `EvidenceError` `unsupported` for anything else.
    """
    if len(data) == _SNP_REPORT_BYTES and data[:4] in _SNP_VERSIONS:
        return "snp", "report"
    if data[:2] in _QUOTE_VERSIONS:
        return ("tdx" if data[4:8] == _TDX_TEE_TYPE else "sgx"), "quote"
    if data.startswith(_SIGN1_HEADS):
        # Only Nitro's has a member of this name.
        return ("nitro", "document") if b"module_id" in data else ("psa", "token")
    if data.startswith(b"HCLA"):
        is_tdx = data[_HCL_TYPE_AT : _HCL_TYPE_AT + 4] == _HCL_TDX
        return ("azure-tdx" if is_tdx else "azure-snp"), "hcl_report"
    return _by_head(data)


def _by_head(data: bytes) -> tuple[str, str]:
    for heads, found in _HEADS.items():
        if data.startswith(heads):
            return found
    raise EvidenceError(Refusal.UNSUPPORTED, "file is no evidence that is known by its first bytes")
