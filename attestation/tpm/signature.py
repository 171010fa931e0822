"""Signatures of a TPM: TPMT_SIGNATURE, or the bare bytes of an RSA one.

TPM 2.0 Library Specification part 2, section 11.3.4 (TPMT_SIGNATURE).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attestation.errors import EvidenceError, Refusal
from attestation.keys import PublicKey
from attestation.limits import MAX_TPM_KEY_BYTES
from attestation.tpm.constants import (
    ALG_ECDSA,
    ALG_RSAPSS,
    ALG_RSASSA,
    ALG_SHA256,
    HASHES,
)
from attestation.tpm.wire import Reader, sized, u16

_RSA_SCHEMES: Final = frozenset({ALG_RSASSA, ALG_RSAPSS})
_MAX_COORDINATE_BYTES: Final = 66
SCHEME_NAMES: Final = {ALG_RSASSA: "rsassa", ALG_RSAPSS: "rsapss", ALG_ECDSA: "ecdsa"}


@dataclass(frozen=True, slots=True)
class TpmSignature:
    """Scheme, hash, and the values: one of an RSA signature, R and S of an elliptic one."""

    scheme: int
    hash_algorithm: int
    values: tuple[bytes, ...] = field(repr=False)


def parse_signature(data: bytes, key: PublicKey) -> TpmSignature:
    """Return a signature by `key`: TPMT_SIGNATURE, or the bare RSASSA SHA-256 value.

    Bare is what has exactly the length of an RSA key's modulus, which no TPMT_SIGNATURE by that
    key has. Raises `EvidenceError`: `malformed`, `trailing-data`, or `alg-mismatch` for schemes
    and hashes that are not known here or that the key does not fit.
    """
    if isinstance(key, rsa.RSAPublicKey) and len(data) * 8 == key.key_size:
        return TpmSignature(ALG_RSASSA, ALG_SHA256, (data,))
    reader = Reader(data, what="TPM signature")
    scheme, hash_algorithm = reader.u16(), reader.u16()
    is_rsa = isinstance(key, rsa.RSAPublicKey)
    if scheme not in SCHEME_NAMES or (scheme in _RSA_SCHEMES) != is_rsa:
        raise EvidenceError(Refusal.ALG_MISMATCH, f"scheme {scheme:#06x} does not fit the key")
    if hash_algorithm not in HASHES:
        raise EvidenceError(Refusal.ALG_MISMATCH, f"signature hash is {hash_algorithm:#06x}")
    if is_rsa:
        values: tuple[bytes, ...] = (reader.sized(MAX_TPM_KEY_BYTES),)
    else:
        values = tuple(reader.sized(_MAX_COORDINATE_BYTES) for _ in range(2))
    reader.finish()
    return TpmSignature(scheme, hash_algorithm, values)


def encode_signature(signature: TpmSignature) -> bytes:
    """Return the TPMT_SIGNATURE."""
    values = b"".join(map(sized, signature.values))
    return u16(signature.scheme) + u16(signature.hash_algorithm) + values


def verify_signature(signature: TpmSignature, key: PublicKey, signed: bytes) -> None:
    """Return if `key` made the signature over `signed`; raise `signature-invalid` otherwise."""
    digest = HASHES[signature.hash_algorithm]
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature.values[0], signed, _padding(signature.scheme, digest), digest)
        else:
            r, s = (int.from_bytes(value, "big") for value in signature.values)
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(digest))
    except InvalidSignature as error:
        raise EvidenceError(
            Refusal.SIGNATURE_INVALID, "attestation key did not sign this quote"
        ) from error


def _padding(scheme: int, digest: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if scheme == ALG_RSASSA:
        return padding.PKCS1v15()
    # TPMs choose the longest salt, or one of the digest's length in FIPS mode.
    return padding.PSS(mgf=padding.MGF1(digest), salt_length=padding.PSS.AUTO)
