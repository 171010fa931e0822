"""Numbers of the TPM 2.0 Library Specification, part 2, that this package reads or writes."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes

# TPM_ALG_ID (section 6.3).
ALG_RSA: Final = 0x0001
ALG_SHA1: Final = 0x0004
ALG_AES: Final = 0x0006
ALG_KEYEDHASH: Final = 0x0008
ALG_SHA256: Final = 0x000B
ALG_SHA384: Final = 0x000C
ALG_SHA512: Final = 0x000D
ALG_NULL: Final = 0x0010
ALG_RSASSA: Final = 0x0014
ALG_RSAES: Final = 0x0015
ALG_RSAPSS: Final = 0x0016
ALG_OAEP: Final = 0x0017
ALG_ECDSA: Final = 0x0018
ALG_ECDAA: Final = 0x001A
ALG_ECC: Final = 0x0023
ALG_CFB: Final = 0x0043

# TPM_ECC_CURVE (section 6.4).
CURVE_P256: Final = 0x0003
CURVE_P384: Final = 0x0004
CURVE_P521: Final = 0x0005

# TPM_GENERATED_VALUE and TPM_ST_ATTEST_QUOTE (sections 6.2 and 6.9).
GENERATED: Final = 0xFF544347
ST_ATTEST_QUOTE: Final = 0x8018

# TPMA_OBJECT (section 8.3).
FIXED_TPM: Final = 1 << 1
ST_CLEAR: Final = 1 << 2
FIXED_PARENT: Final = 1 << 4
SENSITIVE_DATA_ORIGIN: Final = 1 << 5
USER_WITH_AUTH: Final = 1 << 6
ADMIN_WITH_POLICY: Final = 1 << 7
NO_DA: Final = 1 << 10
ENCRYPTED_DUPLICATION: Final = 1 << 11
RESTRICTED: Final = 1 << 16
DECRYPT: Final = 1 << 17
SIGN: Final = 1 << 18
X509_SIGN: Final = 1 << 19
KNOWN_ATTRIBUTES: Final = (
    FIXED_TPM
    | ST_CLEAR
    | FIXED_PARENT
    | SENSITIVE_DATA_ORIGIN
    | USER_WITH_AUTH
    | ADMIN_WITH_POLICY
    | NO_DA
    | ENCRYPTED_DUPLICATION
    | RESTRICTED
    | DECRYPT
    | SIGN
    | X509_SIGN
)

# The digests accepted here; SHA-1 is none of them.
HASHES: Final[dict[int, hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    ALG_SHA256: hashes.SHA256(),
    ALG_SHA384: hashes.SHA384(),
    ALG_SHA512: hashes.SHA512(),
}
HASH_NAMES: Final = {ALG_SHA256: "sha256", ALG_SHA384: "sha384", ALG_SHA512: "sha512"}
# A PC Client platform has this many PCRs (PC Client Platform TPM Profile, section 4.6).
PCR_COUNT: Final = 24
