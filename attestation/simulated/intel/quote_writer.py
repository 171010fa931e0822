"""Builds the bytes of quotes: SGX version 3, TDX versions 4 and 5.

Layouts: Intel SGX ECDSA Quote Library API reference, appendix A; Intel TDX DCAP Quoting Library
API reference, appendix A.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

INTEL_QE: Final = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
ECDSA_P256: Final = 2
SGX: Final = 0
TDX: Final = 0x81
# Kinds of certification data.
PCK_CHAIN: Final = 5
QE_REPORT: Final = 6
# Kinds of body in version 5.
ENCLAVE_REPORT: Final = 1
TD_REPORT_10: Final = 2
TD_REPORT_15: Final = 3

_HEADER: Final = struct.Struct("<HHIHH16s20s")
_ENCLAVE: Final = struct.Struct("<16sI12x16sQQ32s32x32s32x64sHHH42x16s64s")
_TD: Final = struct.Struct("<16s48s48sQQQ48s48s48s48s48s48s48s48s64s")
_ZEROS: Final = bytes(48)


@dataclass(frozen=True, slots=True)
class QuoteHeader:
    """The first 48 bytes. The two SVNs are reserved from version 4 on."""

    version: int
    tee_type: int
    qe_svn: int = 0
    pce_svn: int = 0
    key_type: int = ECDSA_P256
    vendor: bytes = INTEL_QE
    user_data: bytes = bytes(20)

    def encode(self) -> bytes:
        """Return the bytes."""
        return _HEADER.pack(
            self.version,
            self.key_type,
            self.tee_type,
            self.qe_svn,
            self.pce_svn,
            self.vendor,
            self.user_data,
        )


@dataclass(frozen=True, slots=True)
class EnclaveReport:
    """An SGX report body, 384 bytes: of an application's enclave or of the quoting enclave."""

    cpu_svn: bytes
    mr_enclave: bytes
    mr_signer: bytes
    report_data: bytes = field(repr=False)
    isv_prod_id: int = 0
    isv_svn: int = 0
    # INIT and MODE64BIT.
    attributes: int = 0x05
    xfrm: int = 0xE7
    misc_select: int = 0
    isv_ext_prod_id: bytes = bytes(16)
    config_id: bytes = bytes(64)
    config_svn: int = 0
    isv_family_id: bytes = bytes(16)

    def encode(self) -> bytes:
        """Return the bytes."""
        return _ENCLAVE.pack(
            self.cpu_svn,
            self.misc_select,
            self.isv_ext_prod_id,
            self.attributes,
            self.xfrm,
            self.mr_enclave,
            self.mr_signer,
            self.config_id,
            self.isv_prod_id,
            self.isv_svn,
            self.config_svn,
            self.isv_family_id,
            self.report_data,
        )


@dataclass(frozen=True, slots=True)
class TdReport:
    """A TD report body: 584 bytes of TD 1.0, 648 where `tee_tcb_svn2` is there (TD 1.5)."""

    tee_tcb_svn: bytes
    mr_td: bytes
    report_data: bytes = field(repr=False)
    mr_seam: bytes = _ZEROS
    mr_signer_seam: bytes = _ZEROS
    seam_attributes: int = 0
    # SEPT_VE_DISABLE.
    td_attributes: int = 1 << 28
    xfam: int = 0x602E7
    mr_config_id: bytes = _ZEROS
    mr_owner: bytes = _ZEROS
    mr_owner_config: bytes = _ZEROS
    rtmrs: tuple[bytes, bytes, bytes, bytes] = (_ZEROS, _ZEROS, _ZEROS, _ZEROS)
    tee_tcb_svn2: bytes | None = None
    mr_service_td: bytes = _ZEROS

    def encode(self) -> bytes:
        """Return the bytes."""
        body = _TD.pack(
            self.tee_tcb_svn,
            self.mr_seam,
            self.mr_signer_seam,
            self.seam_attributes,
            self.td_attributes,
            self.xfam,
            self.mr_td,
            self.mr_config_id,
            self.mr_owner,
            self.mr_owner_config,
            *self.rtmrs,
            self.report_data,
        )
        if self.tee_tcb_svn2 is None:
            return body
        return body + self.tee_tcb_svn2 + self.mr_service_td


def with_type_and_size(kind: int, body: bytes) -> bytes:
    """Return a body as version 5 has it."""
    return struct.pack("<HI", kind, len(body)) + body


def certification(kind: int, data: bytes) -> bytes:
    """Return certification data: kind, length, content."""
    return struct.pack("<HI", kind, len(data)) + data


def with_length(signature_data: bytes) -> bytes:
    """Return signature data behind its length."""
    return struct.pack("<I", len(signature_data)) + signature_data


def auth_data(data: bytes) -> bytes:
    """Return the QE's authentication data behind its length."""
    return struct.pack("<H", len(data)) + data


def raw_signature(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """Return r and s, 32 bytes each, big-endian. Deterministic (RFC 6979)."""
    scheme = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    r, s = decode_dss_signature(key.sign(data, scheme))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def raw_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return x and y of the public key, 32 bytes each, big-endian."""
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
