"""Keys that may sign attestation results: pinned by the caller, never taken from a token."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from attestation.encoding import b64url_decode, b64url_encode, parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_KEY_FILE_BYTES, MAX_KEYS

COORDINATE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class EarKey:
    """A P-256 public key, with the key id it was published under, if any."""

    public: ec.EllipticCurvePublicKey = field(repr=False)
    kid: str | None


def key_id_of(public: ec.EllipticCurvePublicKey) -> str:
    """Return the lower-case hex SHA-256 of the DER SubjectPublicKeyInfo."""
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def ear_key(public: ec.EllipticCurvePublicKey) -> EarKey:
    """Return a key of ours under its own key id."""
    return EarKey(public, key_id_of(public))


def public_jwk(public: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Return the key as a JSON Web Key (RFC 7517) with our key id."""
    numbers = public.public_numbers()
    return {
        "alg": "ES256",
        "crv": "P-256",
        "kid": key_id_of(public),
        "kty": "EC",
        "use": "sig",
        "x": b64url_encode(numbers.x.to_bytes(COORDINATE_BYTES, "big")),
        "y": b64url_encode(numbers.y.to_bytes(COORDINATE_BYTES, "big")),
    }


def load_ear_keys(data: bytes) -> tuple[EarKey, ...]:
    """Return the P-256 keys of a JWK, a JWK set or a PEM public key.

    Keys of other types in a set are left out; a set without any of ours is refused. Raises
    `EvidenceError`: `bad-trust-anchor` for a point off the curve, a private key, a wrong type.
    """
    if data.lstrip().startswith(b"-----BEGIN"):
        return (_pem_key(data),)
    document = parse_json(data, limit_bytes=MAX_KEY_FILE_BYTES, what="key file")
    if not isinstance(document, dict):
        raise _bad("key file is not an object")
    if "keys" not in document:
        return (parse_jwk(document),)
    listed = document["keys"]
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise _bad(f"key set is not a list of at most {MAX_KEYS} keys")
    found = tuple(parse_jwk(one) for one in _p256(listed))
    if not found:
        raise _bad("key set has no P-256 key")
    return found


def parse_jwk(document: Any) -> EarKey:
    """Return the P-256 key of one public JWK; raise `EvidenceError` `bad-trust-anchor`."""
    if not isinstance(document, dict) or not any(_p256([document])):
        raise _bad("key is not an EC key on P-256")
    if "d" in document:
        raise _bad("key is a private one")
    x, y, kid = (document.get(name) for name in ("x", "y", "kid"))
    if not isinstance(x, str) or not isinstance(y, str) or not isinstance(kid, str | None):
        raise _bad("key has no coordinates, or its id is no text")
    if document.get("alg", "ES256") != "ES256" or document.get("use", "sig") != "sig":
        raise _bad("key is for another use")
    try:
        public = ec.EllipticCurvePublicNumbers(
            _coordinate(x), _coordinate(y), ec.SECP256R1()
        ).public_key()
    except (ValueError, EvidenceError) as error:
        raise _bad("key is not a point on P-256") from error
    return EarKey(public, kid)


def _p256(listed: Iterable[Any]) -> list[Any]:
    return [
        one
        for one in listed
        if isinstance(one, dict) and (one.get("kty"), one.get("crv")) == ("EC", "P-256")
    ]


def _coordinate(text: str) -> int:
    raw = b64url_decode(text, what="coordinate")
    if len(raw) != COORDINATE_BYTES:
        raise _bad(f"coordinate is {len(raw)} bytes, expected {COORDINATE_BYTES}")
    return int.from_bytes(raw, "big")


def _pem_key(data: bytes) -> EarKey:
    try:
        public = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _bad("PEM holds no readable public key") from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(
        public.curve, ec.SECP256R1
    ):
        raise _bad("key is not on P-256")
    return EarKey(public, None)


def _bad(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.BAD_TRUST_ANCHOR, detail)
