"""Keys of JWE recipients: RSA and elliptic curves, as PEM or as JWK (RFC 7517, RFC 7518).

These are the keys that skopeo, podman and containerd take. An owner who names one lets whoever has
its private half open the module with those tools, past every broker and policy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal
from sealing.jose.base64url import b64url_decode
from sealing.pem_keys import private_key_of, public_key_of

RSA_OAEP: Final = "RSA-OAEP"
RSA_OAEP_256: Final = "RSA-OAEP-256"
ECDH_A256KW: Final = "ECDH-ES+A256KW"
RSA_ALGORITHMS: Final = (RSA_OAEP_256, RSA_OAEP)
# Bytes of the key that wraps the content encryption key.
EC_ALGORITHMS: Final[Mapping[str, int]] = {
    ECDH_A256KW: 32,
    "ECDH-ES+A192KW": 24,
    "ECDH-ES+A128KW": 16,
}
# JWK name, and bytes of a coordinate.
CURVES: Final[Mapping[str, tuple[str, int]]] = {
    "secp256r1": ("P-256", 32),
    "secp384r1": ("P-384", 48),
    "secp521r1": ("P-521", 66),
}
_CURVE_OF: Final[Mapping[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_EXPONENT: Final = 65537
# What RFC 7517 lets stand beside the key itself; none of it changes what a key opens.
_LABELS: Final = ("kid", "use", "key_ops")
_RSA_PRIVATE: Final = ("d", "p", "q", "dp", "dq", "qi")

PublicNumbersKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateNumbersKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def _invalid(detail: str) -> SealError:
    return SealError(SealRefusal.KEY_INVALID, detail)


@dataclass(frozen=True, slots=True)
class JwePublicKey:
    """Whom a JWE is for, and the algorithm its content key is wrapped with."""

    algorithm: str
    # Lower hex SHA-256 of the SubjectPublicKeyInfo.
    key_id: str
    key: PublicNumbersKey = field(repr=False, compare=False)

    @classmethod
    def of(cls, key: object, algorithm: str | None = None) -> Self:
        """Return the recipient with this key, or raise `SealError`.

        RSA keys have 2048 to 4096 bits and the usual exponent, elliptic ones are of NIST curves.
        """
        if isinstance(key, rsa.RSAPublicKey):
            _require_rsa(key)
            known: tuple[str, ...] = RSA_ALGORITHMS
        elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
            known = tuple(EC_ALGORITHMS)
        else:
            raise _invalid("key is neither RSA nor on P-256, P-384 or P-521")
        if algorithm is not None and algorithm not in known:
            raise SealError(SealRefusal.SUITE_UNKNOWN, f"expected one of {known} for this key")
        spki = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return cls(algorithm or known[0], hashlib.sha256(spki).hexdigest(), key)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the public key in a PEM or JWK file, or raise `SealError`."""
        if _is_json(data):
            document = _jwk(data)
            if "d" in document:
                raise _invalid("JWK holds a private key where a public one is wanted")
            return cls.of(_public_of(document), document.get("alg"))
        return cls.of(public_key_of(data))


@dataclass(frozen=True, slots=True)
class JwePrivateKey:
    """What opens a JWE. Its repr shows the public half only."""

    public: JwePublicKey
    key: PrivateNumbersKey = field(repr=False, compare=False)

    @classmethod
    def of(cls, key: object, algorithm: str | None = None) -> Self:
        """Return the key as a recipient's, or raise `SealError`."""
        if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
            raise _invalid("key is neither RSA nor on P-256, P-384 or P-521")
        return cls(JwePublicKey.of(key.public_key(), algorithm), key)

    @classmethod
    def parse(cls, data: bytes, passphrase: bytes | None = None) -> Self:
        """Return the private key in a PEM or JWK file, or raise `SealError`.

        A passphrase that is missing, needless or wrong raises with `KEY_PASSPHRASE`.
        """
        if _is_json(data):
            if passphrase is not None:
                raise SealError(SealRefusal.KEY_PASSPHRASE, "private key file is not encrypted")
            document = _jwk(data)
            if "d" not in document:
                raise _invalid("JWK holds a public key where a private one is wanted")
            return cls.of(_private_of(document), document.get("alg"))
        return cls.of(private_key_of(data, passphrase))


def public_point(curve: Any, x: Any, y: Any) -> ec.EllipticCurvePublicKey:
    """Return the key with these JWK members, a point of its curve in its one form, or raise."""
    if not isinstance(curve, str) or curve not in _CURVE_OF:
        raise SealError(SealRefusal.SUITE_UNKNOWN, f"expected one of {tuple(_CURVE_OF)}")
    size = CURVES[_CURVE_OF[curve].name][1]
    numbers = ec.EllipticCurvePublicNumbers(
        _exact(x, size, "x"), _exact(y, size, "y"), _CURVE_OF[curve]
    )
    try:
        return numbers.public_key()
    except ValueError as error:
        raise _invalid(f"not a point of {curve}") from error


def _require_rsa(key: rsa.RSAPublicKey) -> None:
    least, most = limits.RSA_BITS
    if not least <= key.key_size <= most:
        raise _invalid(f"RSA key of {key.key_size} bits, expected {least} to {most}")
    numbers = key.public_numbers()
    if numbers.e != _EXPONENT or numbers.n % 2 == 0:
        raise _invalid(f"RSA exponent is not {_EXPONENT}, or the modulus is even")


def _is_json(data: bytes) -> bool:
    return data.lstrip()[:1] == b"{"


def _jwk(data: bytes) -> dict[str, Any]:
    what = "JWK"
    value = canonical.parse_json(data, limit_bytes=limits.PEM_BYTES, what=what)
    kind = value.get("kty")
    own = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}.get(kind if isinstance(kind, str) else "")
    if own is None:
        raise _invalid("JWK is neither of kind RSA nor EC")
    private = () if "d" not in value else _RSA_PRIVATE if kind == "RSA" else ("d",)
    beside = tuple(name for name in (*_LABELS, "alg") if name in value)
    found = canonical.members(value, ("kty", *own, *private, *beside), what)
    if "alg" in found:
        canonical.text(found["alg"], "JWK alg")
    if found.get("use", "enc") != "enc":
        raise _invalid("JWK is not for encryption")
    return found


def _public_of(document: Mapping[str, Any]) -> PublicNumbersKey:
    if document["kty"] == "EC":
        return public_point(document["crv"], document["x"], document["y"])
    try:
        return _rsa_numbers(document).public_key()
    except ValueError as error:
        raise _invalid("not an RSA public key") from error


def _private_of(document: Mapping[str, Any]) -> PrivateNumbersKey:
    try:
        if document["kty"] == "RSA":
            d, p, q, dp, dq, qi = (_number(document[name], name) for name in _RSA_PRIVATE)
            return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, _rsa_numbers(document)).private_key()
        public = public_point(document["crv"], document["x"], document["y"])
        size = CURVES[public.curve.name][1]
        secret = _exact(document["d"], size, "d")
        return ec.EllipticCurvePrivateNumbers(secret, public.public_numbers()).private_key()
    except ValueError as error:
        raise _invalid("not a private key") from error


def _rsa_numbers(document: Mapping[str, Any]) -> rsa.RSAPublicNumbers:
    return rsa.RSAPublicNumbers(_number(document["e"], "e"), _number(document["n"], "n"))


def _number(value: Any, what: str) -> int:
    data = b64url_decode(value, what=f"JWK {what}")
    if not data or data[0] == 0 or len(data) * 8 > limits.RSA_BITS[1]:
        raise canonical.malformed(f"JWK {what}", "not a number in its shortest form")
    return int.from_bytes(data, "big")


def _exact(value: Any, size: int, what: str) -> int:
    return int.from_bytes(b64url_decode(value, what=what, size=size), "big")
