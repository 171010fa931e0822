"""HCL reports, runtime data and TDREPORTs, as Azure's paravisor writes them."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from attestation.encoding import b64url_encode
from attestation.intel.reports import TdReport
from attestation.verifiers.azure.hcl import HARDWARE_BYTES, REPORT_SNP

_HEAD: Final = struct.Struct("<4sIIII12s")
_DATA_HEAD: Final = struct.Struct("<IIIII")
# The NV index has room for this much.
_INDEX_BYTES: Final = 2600


@dataclass(frozen=True, slots=True)
class HclFields:
    """The fields of an HCL report. Defaults are those of a plain one."""

    hardware: bytes = field(repr=False)
    runtime: bytes = field(repr=False)
    report_type: int = REPORT_SNP
    hash_type: int = 1
    signature: bytes = b"HCLA"
    version: int = 1
    request_type: int = 2
    status: int = 0
    reserved: bytes = bytes(12)
    data_version: int = 1
    size_off_by: int = 0
    length_off_by: int = 0
    tail: bytes = b""


def encode_hcl(fields: HclFields) -> bytes:
    """Return the report as the NV index holds it, zeros behind it."""
    length = len(fields.runtime)
    end = _HEAD.size + HARDWARE_BYTES + _DATA_HEAD.size + length
    data = (
        _HEAD.pack(
            fields.signature,
            fields.version,
            end + fields.size_off_by,
            fields.request_type,
            fields.status,
            fields.reserved,
        )
        + fields.hardware.ljust(HARDWARE_BYTES, b"\0")
        + _DATA_HEAD.pack(
            _DATA_HEAD.size + length,
            fields.data_version,
            fields.report_type,
            fields.hash_type,
            length + fields.length_off_by,
        )
        + fields.runtime
    )
    return (data + fields.tail).ljust(_INDEX_BYTES, b"\0")


def jwk_of(key: rsa.RSAPublicKey, kid: str, use: str) -> dict[str, Any]:
    """Return the key as runtime data has it."""
    numbers = key.public_numbers()
    modulus = numbers.n.to_bytes(key.key_size // 8, "big")
    exponent = b64url_encode(numbers.e.to_bytes(3, "big"))
    return {
        "kid": kid,
        "key_ops": [use],
        "kty": "RSA",
        "e": exponent,
        "n": b64url_encode(modulus),
    }


def runtime_data(ak: rsa.RSAPublicKey, ek: rsa.RSAPublicKey, **changes: Any) -> bytes:
    """Return the runtime data of a guest; `changes` replace members, None removes one."""
    document = {
        "keys": [jwk_of(ak, "HCLAkPub", "sign"), jwk_of(ek, "HCLEkPub", "encrypt")],
        "vm-configuration": {
            "console-enabled": False,
            "secure-boot": True,
            "tpm-enabled": True,
            "tpm-persisted": True,
            "vmUniqueId": "51A17A7E-D000-4000-8000-000000000000",
        },
        "user-data": "00" * 64,
    } | changes
    kept = {name: value for name, value in document.items() if value is not None}
    return json.dumps(kept, separators=(",", ":")).encode()


def tdreport_of(report: TdReport) -> bytes:
    """Return the TDREPORT that a quote with this body was made from."""
    tcb_info = b"".join(
        (
            b"\xff\x03" + bytes(6),
            report.tee_tcb_svn,
            report.mrseam,
            report.mrsignerseam,
            report.seam_attributes,
            report.tee_tcb_svn2 or bytes(16),
            bytes(95),
        )
    )
    td_info = b"".join(
        (
            report.td_attributes.to_bytes(8, "little"),
            report.xfam,
            report.mrtd,
            report.mrconfigid,
            report.mrowner,
            report.mrownerconfig,
            report.rtmr0,
            report.rtmr1,
            report.rtmr2,
            report.rtmr3,
            report.mrservicetd or bytes(48),
            bytes(64),
        )
    )
    hashes = b"".join(hashlib.sha384(one).digest() for one in (tcb_info, td_info))
    head = b"\x81" + bytes(15) + b"\x06" * 16 + hashes + report.report_data + bytes(32)
    # The MAC: only that machine could check it.
    return head + b"\x5e" * 32 + tcb_info + bytes(17) + td_info
