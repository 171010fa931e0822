"""TPMT_PUBLIC of asymmetric keys: the key, what it may do, and the name the TPM knows it by.

TPM 2.0 Library Specification part 2, section 12.2.4 (TPMT_PUBLIC); part 1, section 16 (names).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from attestation.errors import EvidenceError, Refusal
from attestation.keys import PublicKey
from attestation.limits import MAX_TPM_KEY_BYTES
from attestation.tpm import constants as c
from attestation.tpm.wire import Reader, sized, u16, u32

_MAX_DIGEST_BYTES: Final = 64
_DEFAULT_EXPONENT: Final = 65537
_RSA_BITS: Final = frozenset({2048, 3072, 4096})
_CURVES: Final[dict[int, ec.EllipticCurve]] = {
    c.CURVE_P256: ec.SECP256R1(),
    c.CURVE_P384: ec.SECP384R1(),
    c.CURVE_P521: ec.SECP521R1(),
}
# Schemes whose details are one hash; the anonymous one also has a counter.
_HASHED_SCHEMES: Final = frozenset({c.ALG_RSASSA, c.ALG_RSAPSS, c.ALG_OAEP, c.ALG_ECDSA})
_BARE_SCHEMES: Final = frozenset({c.ALG_NULL, c.ALG_RSAES})
# What makes a key one that signs only what the TPM itself made, and that no software ever held.
_AK_MUST: Final = c.FIXED_TPM | c.FIXED_PARENT | c.SENSITIVE_DATA_ORIGIN | c.RESTRICTED | c.SIGN


@dataclass(frozen=True, slots=True)
class TpmPublic:
    """A public area. `area` is the exact TPMT_PUBLIC; `scheme` and `scheme_hash` may be NULL."""

    area: bytes = field(repr=False)
    name_algorithm: int
    attributes: int
    auth_policy: bytes
    symmetric: int
    scheme: int
    scheme_hash: int
    key: PublicKey = field(repr=False)

    @property
    def name(self) -> bytes:
        """The name: hash algorithm and digest of the area."""
        return name_of(self.area)


def name_of(area: bytes) -> bytes:
    """Return the name (content of a TPM2B_NAME) of any TPMT_PUBLIC: algorithm || hash(area).

    For areas a TPM returned; of these only the name algorithm is read. Raises `EvidenceError`
    `alg-mismatch` for a name algorithm other than SHA-256, SHA-384 and SHA-512.
    """
    algorithm = int.from_bytes(area[2:4], "big")
    if algorithm not in c.HASH_NAMES or len(area) < 4:
        raise EvidenceError(Refusal.ALG_MISMATCH, "name algorithm is not SHA-256, 384 or 512")
    return area[2:4] + hashlib.new(c.HASH_NAMES[algorithm], area).digest()


def parse_public(data: bytes) -> TpmPublic:
    """Return a TPMT_PUBLIC of an RSA or elliptic key (without the size of a TPM2B_PUBLIC).

    Not checked: what the key may do (`require_attestation_key`). Raises `EvidenceError`:
    `malformed`, `trailing-data`, or `alg-mismatch` for key types, sizes, curves and hashes that
    are not known here.
    """
    reader = Reader(data, what="TPM public area")
    kind, name_algorithm, attributes = reader.u16(), reader.u16(), reader.u32()
    if name_algorithm not in c.HASHES:
        raise _unknown(f"name algorithm {name_algorithm:#06x}")
    if attributes & ~c.KNOWN_ATTRIBUTES:
        raise reader.fail("reserved attributes are set")
    auth_policy = reader.sized(_MAX_DIGEST_BYTES)
    if len(auth_policy) not in {0, c.HASHES[name_algorithm].digest_size}:
        raise reader.fail("policy is not a digest of the name algorithm")
    if kind not in {c.ALG_RSA, c.ALG_ECC}:
        raise _unknown(f"key type {kind:#06x}")
    symmetric = _symmetric(reader)
    scheme, scheme_hash = _scheme(reader)
    key = _rsa_key(reader) if kind == c.ALG_RSA else _ecc_key(reader)
    reader.finish()
    # fmt: off
    return TpmPublic(
        data, name_algorithm, attributes, auth_policy, symmetric, scheme, scheme_hash, key
    )
    # fmt: on


def _symmetric(reader: Reader) -> int:
    """Return the cipher of a TPMT_SYM_DEF_OBJECT, key size and mode read over."""
    algorithm = reader.u16()
    if algorithm != c.ALG_NULL:
        reader.take(4)
    return algorithm


def _scheme(reader: Reader) -> tuple[int, int]:
    scheme = reader.u16()
    if scheme in _BARE_SCHEMES:
        return scheme, c.ALG_NULL
    if scheme not in _HASHED_SCHEMES:
        raise _unknown(f"scheme {scheme:#06x}")
    scheme_hash = reader.u16()
    if scheme_hash not in c.HASHES:
        raise _unknown(f"hash {scheme_hash:#06x} of the scheme")
    return scheme, scheme_hash


def _rsa_key(reader: Reader) -> PublicKey:
    bits, exponent = reader.u16(), reader.u32()
    modulus = reader.sized(MAX_TPM_KEY_BYTES)
    if bits not in _RSA_BITS:
        raise _unknown(f"RSA key of {bits} bits")
    number = int.from_bytes(modulus, "big")
    if len(modulus) * 8 != bits or number.bit_length() != bits:
        raise reader.fail(f"modulus is not of {bits} bits")
    try:
        return rsa.RSAPublicNumbers(exponent or _DEFAULT_EXPONENT, number).public_key()
    except ValueError as error:
        raise reader.fail("not an RSA key") from error


def _ecc_key(reader: Reader) -> PublicKey:
    curve_id, kdf = reader.u16(), reader.u16()
    curve = _CURVES.get(curve_id)
    if curve is None or kdf != c.ALG_NULL:
        raise _unknown(f"curve {curve_id:#06x} or key derivation {kdf:#06x}")
    size = (curve.key_size + 7) // 8
    x, y = (int.from_bytes(reader.sized(size), "big") for _ in range(2))
    try:
        return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    except ValueError as error:
        raise reader.fail("not a point on its curve") from error


def require_attestation_key(public: TpmPublic) -> None:
    """Refuse a key that could sign a made-up quote or leave its TPM.

    A restricted key refuses to sign outside data that starts like a TPM structure, so a quote by
    it came from its TPM. Raises `EvidenceError` `signing-key-not-allowed`.
    """
    missing = _AK_MUST & ~public.attributes
    if missing or public.attributes & c.DECRYPT:
        raise EvidenceError(
            Refusal.SIGNING_KEY_NOT_ALLOWED,
            f"attributes of the key are {public.attributes:#x}: not a restricted signing key",
        )
    if public.symmetric != c.ALG_NULL or public.scheme == c.ALG_NULL:
        raise EvidenceError(
            Refusal.SIGNING_KEY_NOT_ALLOWED, "restricted key has a cipher or no scheme"
        )


def encode_public(
    key: PublicKey,
    *,
    attributes: int,
    scheme: int,
    name_algorithm: int = c.ALG_SHA256,
    scheme_hash: int = c.ALG_SHA256,
    auth_policy: bytes = b"",
) -> bytes:
    """Return the TPMT_PUBLIC of a key without a cipher: the attestation key a TPM would show."""
    details = b"" if scheme in _BARE_SCHEMES else u16(scheme_hash)
    kind = c.ALG_RSA if isinstance(key, rsa.RSAPublicKey) else c.ALG_ECC
    head = u16(kind) + u16(name_algorithm) + u32(attributes) + sized(auth_policy)
    return head + u16(c.ALG_NULL) + u16(scheme) + details + _unique(key)


def _unique(key: PublicKey) -> bytes:
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        exponent = 0 if numbers.e == _DEFAULT_EXPONENT else numbers.e
        modulus = numbers.n.to_bytes(key.key_size // 8, "big")
        return u16(key.key_size) + u32(exponent) + sized(modulus)
    size = (key.curve.key_size + 7) // 8
    curve_id = next(one for one, curve in _CURVES.items() if curve.name == key.curve.name)
    point = key.public_numbers()
    coordinates = (sized(value.to_bytes(size, "big")) for value in (point.x, point.y))
    return u16(curve_id) + u16(c.ALG_NULL) + b"".join(coordinates)


def _unknown(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.ALG_MISMATCH, f"TPM public area: {detail} is not known here")
