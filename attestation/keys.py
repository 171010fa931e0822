"""Public keys that a caller trusts by name: attestation keys, token issuers, CoRIM signers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from attestation.encoding import b64decode, b64url_decode, parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_KEY_FILE_BYTES, MAX_KEYS
from attestation.x509.certificate import parse_certificate

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_LEAST_RSA_BITS: Final = 2048
_MOST_RSA_BITS: Final = 8192


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """One public key, and what it may be asked for by.

    `kid` is the name it was published under; `implementation_id` and `instance_id` (Arm) narrow it
    to one kind of device or one device. `simulated` marks every result that rests on it.
    """

    public: PublicKey = field(repr=False)
    kid: str | None = None
    algorithm: str | None = None
    implementation_id: bytes | None = None
    instance_id: bytes | None = None
    simulated: bool = False

    @property
    def spki(self) -> bytes:
        """The DER SubjectPublicKeyInfo."""
        return self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the DER SubjectPublicKeyInfo."""
        return hashlib.sha256(self.spki).digest()


def load_keys(data: bytes) -> tuple[TrustedKey, ...]:
    """Return the keys of a PEM public key, a JWK or a JWK set.

    EC keys on P-256, P-384, P-521 and RSA keys of 2048 to 8192 bits; a set may hold others, which
    are left out. Raises `EvidenceError` `bad-trust-anchor` for a point off the curve, a private
    key, or nothing usable.
    """
    if data.lstrip().startswith(b"-----BEGIN"):
        return (TrustedKey(load_public_key(data)),)
    document = parse_json(data, limit_bytes=MAX_KEY_FILE_BYTES, what="key file")
    if not isinstance(document, dict):
        raise _bad("key file is not an object")
    if "keys" not in document:
        return (parse_jwk(document),)
    listed = document["keys"]
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise _bad(f"key set is not a list of at most {MAX_KEYS} keys")
    found = tuple(parse_jwk(one) for one in listed if _is_known(one))
    if not found:
        raise _bad("key set has no usable key")
    return found


def load_public_key(data: bytes) -> PublicKey:
    """Return the key of a PEM or DER SubjectPublicKeyInfo, or raise `bad-trust-anchor`."""
    load = load_pem_public_key if data.lstrip().startswith(b"-----") else load_der_public_key
    try:
        public = load(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _bad("public key is not readable") from error
    return _checked(public)


def parse_jwk(document: Any) -> TrustedKey:
    """Return the key of one public JWK (RFC 7517), or raise `bad-trust-anchor`."""
    if not _is_known(document):
        raise _bad("key is not an EC or RSA key that is known here")
    if "d" in document:
        raise _bad("key is a private one")
    kid, algorithm = document.get("kid"), document.get("alg")
    if not isinstance(kid, str | None) or not isinstance(algorithm, str | None):
        raise _bad("key id or algorithm is no text")
    if document.get("use", "sig") != "sig":
        raise _bad("key is for another use than signatures")
    public = _ec_key(document) if document["kty"] == "EC" else _rsa_key(document)
    return TrustedKey(_checked(public), kid, algorithm)


def _certified_key(document: dict[str, Any]) -> PublicKey:
    """Return the key of the first certificate, which Azure publishes in place of the numbers.

    The certificate is a container here: what makes the key trusted is that the caller named it.
    """
    listed = document["x5c"]
    if not isinstance(listed, list) or not listed or not isinstance(listed[0], str):
        raise _bad("key has a certificate list without certificates")
    try:
        certificate = parse_certificate(b64decode(listed[0], what="certificate"))
    except EvidenceError as error:
        raise _bad("certificate of a key is not readable") from error
    return load_public_key(certificate.spki)


def _is_known(one: Any) -> bool:
    if not isinstance(one, dict):
        return False
    curve = one.get("crv")
    return one.get("kty") == "RSA" or (
        one.get("kty") == "EC" and isinstance(curve, str) and curve in _CURVES
    )


def _ec_key(document: dict[str, Any]) -> PublicKey:
    curve = _CURVES[document["crv"]]
    size = (curve.key_size + 7) // 8
    try:
        x, y = (_number(document.get(name), size) for name in ("x", "y"))
        return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    except (ValueError, EvidenceError) as error:
        raise _bad(f"key is not a point on {document['crv']}") from error


def _rsa_key(document: dict[str, Any]) -> PublicKey:
    if "x5c" in document and "n" not in document:
        return _certified_key(document)
    try:
        n, e = (_number(document.get(name), None) for name in ("n", "e"))
        return rsa.RSAPublicNumbers(e, n).public_key()
    except (ValueError, EvidenceError) as error:
        raise _bad("RSA key is not readable") from error


def _number(text: Any, size: int | None) -> int:
    if not isinstance(text, str):
        raise _bad("key has a member missing")
    raw = b64url_decode(text, what="key member")
    if size is not None and len(raw) != size:
        raise _bad(f"coordinate is {len(raw)} bytes, expected {size}")
    return int.from_bytes(raw, "big")


def _checked(public: object) -> PublicKey:
    if isinstance(public, ec.EllipticCurvePublicKey):
        if public.curve.name not in {curve.name for curve in _CURVES.values()}:
            raise _bad(f"key is on {public.curve.name}")
        return public
    if isinstance(public, rsa.RSAPublicKey):
        if not _LEAST_RSA_BITS <= public.key_size <= _MOST_RSA_BITS:
            raise _bad(f"RSA key has {public.key_size} bits")
        return public
    raise _bad("key is neither EC nor RSA")


def _bad(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.BAD_TRUST_ANCHOR, detail)
