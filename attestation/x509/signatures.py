"""Does this key's signature cover these bytes? Algorithms are a closed table of exact encodings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from attestation.errors import EvidenceError, Refusal

# RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt of 48 bytes (RFC 4055 section 3.1). The second form
# spells out the trailer field although it has its default value: AMD's older tools write it so.
_PSS_PARAMETERS: Final = bytes.fromhex(
    "a00f300d06096086480165030402020500"
    "a11c301a06092a864886f70d010108300d06096086480165030402020500"
    "a203020130"
)
_PSS_OID: Final = bytes.fromhex("06092a864886f70d01010a")


def _sequence(content: bytes) -> bytes:
    return bytes([0x30, len(content)]) + content


PSS_SHA384: Final = _sequence(_PSS_OID + _sequence(_PSS_PARAMETERS))
PSS_SHA384_WITH_TRAILER: Final = _sequence(
    _PSS_OID + _sequence(_PSS_PARAMETERS + bytes.fromhex("a303020101"))
)
_RSA_BITS: Final = 4096
_RSA_EXPONENT: Final = 65537


def verify_pss_sha384(
    algorithm: bytes, signature: bytes, signed: bytes, spki: bytes, *, refusal: Refusal
) -> None:
    """Return if the RSA-4096 key in `spki` made `signature` over `signed`.

    Raises `EvidenceError`: `alg-mismatch` unless `algorithm` is RSASSA-PSS with exactly the
    parameters above and the key RSA-4096; `refusal` if the signature does not verify.
    """
    if algorithm not in {PSS_SHA384, PSS_SHA384_WITH_TRAILER}:
        raise EvidenceError(Refusal.ALG_MISMATCH, "signature algorithm is not PSS with SHA-384")
    key = load_rsa_4096(spki)
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=48)
    try:
        key.verify(signature, signed, scheme, hashes.SHA384())
    except InvalidSignature as error:
        raise EvidenceError(refusal, "a signature by a CA key does not verify") from error


def load_rsa_4096(spki: bytes) -> rsa.RSAPublicKey:
    """Return the key; raise `EvidenceError` unless it is RSA-4096 with exponent 65537."""
    key = _load(spki)
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != _RSA_BITS:
        raise EvidenceError(Refusal.ALG_MISMATCH, "CA key is not RSA-4096")
    if key.public_numbers().e != _RSA_EXPONENT:
        raise EvidenceError(Refusal.ALG_MISMATCH, "CA key has an unusual exponent")
    return key


def load_p384(spki: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key; raise `EvidenceError` unless it is a point on P-384."""
    key = _load(spki)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise EvidenceError(Refusal.ALG_MISMATCH, "key is not on P-384")
    return key


@lru_cache(maxsize=64)
def _load(spki: bytes) -> object:
    # The same few CA keys verify certificate after certificate.
    try:
        return load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise EvidenceError(Refusal.MALFORMED, "public key is not readable") from error


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """One exact AlgorithmIdentifier and the key it takes."""

    name: str
    identifier: bytes
    digest: hashes.HashAlgorithm = field(hash=False)
    is_rsa: bool = False
    ecdsa: ec.ECDSA = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ecdsa", ec.ECDSA(self.digest))


# RFC 5758 section 3.2 (no parameters); RFC 4055 section 5 (NULL parameters).
ECDSA_SHA256: Final = SignatureAlgorithm(
    "ecdsa-sha256", _sequence(bytes.fromhex("06082a8648ce3d040302")), hashes.SHA256()
)
ECDSA_SHA384: Final = SignatureAlgorithm(
    "ecdsa-sha384", _sequence(bytes.fromhex("06082a8648ce3d040303")), hashes.SHA384()
)
ECDSA_SHA512: Final = SignatureAlgorithm(
    "ecdsa-sha512", _sequence(bytes.fromhex("06082a8648ce3d040304")), hashes.SHA512()
)
RSA_SHA256: Final = SignatureAlgorithm(
    "rsa-sha256",
    _sequence(bytes.fromhex("06092a864886f70d01010b0500")),
    hashes.SHA256(),
    is_rsa=True,
)
RSA_SHA384: Final = SignatureAlgorithm(
    "rsa-sha384",
    _sequence(bytes.fromhex("06092a864886f70d01010c0500")),
    hashes.SHA384(),
    is_rsa=True,
)
RSA_SHA512: Final = SignatureAlgorithm(
    "rsa-sha512",
    _sequence(bytes.fromhex("06092a864886f70d01010d0500")),
    hashes.SHA512(),
    is_rsa=True,
)
_LEAST_RSA_BITS: Final = 2048
# Longer keys and exponents only cost whoever verifies.
_MOST_RSA_BITS: Final = 8192
_MOST_RSA_EXPONENT: Final = (1 << 32) - 1
_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})


def verify_signed(
    algorithm: bytes,
    signature: bytes,
    signed: bytes,
    spki: bytes,
    *,
    allowed: Sequence[SignatureAlgorithm],
    refusal: Refusal,
) -> None:
    """Return if the key in `spki` made `signature` over `signed`.

    `algorithm` is the DER AlgorithmIdentifier and must be one of `allowed`, byte for byte; RSA is
    PKCS #1 v1.5 here. Raises `EvidenceError`: `alg-mismatch` for another algorithm or a key that
    does not fit it, `refusal` if the signature does not verify.
    """
    known = next((one for one in allowed if one.identifier == algorithm), None)
    if known is None:
        raise EvidenceError(Refusal.ALG_MISMATCH, "signature algorithm is not one of this chain's")
    key = load_spki(spki)
    try:
        if known.is_rsa and isinstance(key, rsa.RSAPublicKey):
            _check_rsa(key)
            key.verify(signature, signed, padding.PKCS1v15(), known.digest)
        elif not known.is_rsa and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, known.ecdsa)
        else:
            raise EvidenceError(Refusal.ALG_MISMATCH, f"key does not fit {known.name}")
    except InvalidSignature as error:
        raise EvidenceError(refusal, f"{known.name} signature does not verify") from error


def _check_rsa(key: rsa.RSAPublicKey) -> None:
    if not _LEAST_RSA_BITS <= key.key_size <= _MOST_RSA_BITS:
        raise EvidenceError(Refusal.ALG_MISMATCH, f"RSA key has {key.key_size} bits")
    if key.public_numbers().e > _MOST_RSA_EXPONENT:
        raise EvidenceError(Refusal.ALG_MISMATCH, "RSA key has a long exponent")


def load_spki(spki: bytes) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    """Return an RSA key or one on P-256, P-384 or P-521; raise `EvidenceError` for another."""
    key = _load(spki)
    if isinstance(key, rsa.RSAPublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    raise EvidenceError(Refusal.ALG_MISMATCH, "key is neither RSA nor on a known curve")


def load_p256(spki: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key; raise `EvidenceError` unless it is a point on P-256."""
    key = _load(spki)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise EvidenceError(Refusal.ALG_MISMATCH, "key is not on P-256")
    return key
