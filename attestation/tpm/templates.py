"""What is asked of TPM2_CreatePrimary: endorsement keys as their certificates expect, and ours.

TCG EK Credential Profile for TPM Family 2.0, sections B.3.3 (L-1) and B.3.4 (L-2). A primary key
follows from its template and the TPM's seed, so nothing of an attestation key has to be kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from attestation.tpm import constants as c
from attestation.tpm.wire import sized, u16, u32

ENDORSEMENT: Final = 0x4000000B

# PolicySecret of the endorsement hierarchy, as a digest.
EK_POLICY: Final = bytes.fromhex("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa")
_EK_ATTRIBUTES: Final = (
    c.FIXED_TPM
    | c.FIXED_PARENT
    | c.SENSITIVE_DATA_ORIGIN
    | c.ADMIN_WITH_POLICY
    | c.RESTRICTED
    | c.DECRYPT
)
AK_ATTRIBUTES: Final = (
    c.FIXED_TPM
    | c.FIXED_PARENT
    | c.SENSITIVE_DATA_ORIGIN
    | c.USER_WITH_AUTH
    | c.NO_DA
    | c.RESTRICTED
    | c.SIGN
)
_AES_128_CFB: Final = u16(c.ALG_AES) + u16(128) + u16(c.ALG_CFB)
_RSA_2048: Final = u16(2048) + u32(0)
_P256: Final = u16(c.CURVE_P256) + u16(c.ALG_NULL)


def _area(kind: int, attributes: int, policy: bytes, rest: bytes) -> bytes:
    return u16(kind) + u16(c.ALG_SHA256) + u32(attributes) + sized(policy) + rest


@dataclass(frozen=True, slots=True)
class EkTemplate:
    """One kind of endorsement key: its template, and the NV index of its certificate."""

    name: str
    area: bytes = field(repr=False)
    certificate_index: int


EK_RSA: Final = EkTemplate(
    "rsa-2048",
    _area(
        c.ALG_RSA,
        _EK_ATTRIBUTES,
        EK_POLICY,
        _AES_128_CFB + u16(c.ALG_NULL) + _RSA_2048 + sized(bytes(256)),
    ),
    0x01C00002,
)
EK_ECC: Final = EkTemplate(
    "ecc-p256",
    _area(
        c.ALG_ECC,
        _EK_ATTRIBUTES,
        EK_POLICY,
        _AES_128_CFB + u16(c.ALG_NULL) + _P256 + sized(bytes(32)) * 2,
    ),
    0x01C0000A,
)
# The elliptic one first: a TPM makes it in no time.
EK_TEMPLATES: Final = (EK_ECC, EK_RSA)

AK_ECC: Final = _area(
    c.ALG_ECC,
    AK_ATTRIBUTES,
    b"",
    u16(c.ALG_NULL) + u16(c.ALG_ECDSA) + u16(c.ALG_SHA256) + _P256 + sized(b"") * 2,
)
AK_RSA: Final = _area(
    c.ALG_RSA,
    AK_ATTRIBUTES,
    b"",
    u16(c.ALG_NULL) + u16(c.ALG_RSASSA) + u16(c.ALG_SHA256) + _RSA_2048 + sized(b""),
)
