"""ES256 in JWS compact form (RFC 7515, RFC 7518 section 3.4): sign, and verify with pinned keys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from attestation.ear_keys import EarKey, parse_jwk
from attestation.encoding import b64url_decode, b64url_encode, parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_TOKEN_BYTES

_ALGORITHM: Final = "ES256"
_HALF: Final = 32
_SCHEME: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
# Headers by which a token names or brings its own key. Never used to verify anything.
_KEY_HEADERS: Final = frozenset({"jwk", "jku", "x5c", "x5u"})


class Es256Signer:
    """Signs tokens with one key; the header is the same for all of them."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, key_id: str) -> None:
        self._key = key
        self._header = _encoded({"alg": _ALGORITHM, "kid": key_id, "typ": "JWT"})

    def sign(self, payload: Mapping[str, Any]) -> str:
        """Return the token; members in sorted order, no header but alg, kid and typ."""
        signed = f"{self._header}.{_encoded(payload)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode("ascii"), _SCHEME))
        signature = b64url_encode(r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big"))
        return f"{signed}.{signature}"


def _encoded(part: Mapping[str, Any]) -> str:
    return b64url_encode(_ENCODER.encode(part).encode("ascii"))


def verify_es256(token: str, *, keys: Sequence[EarKey]) -> dict[str, Any]:
    """Return the payload of a token that one of `keys` signed.

    Only ES256; header keys and key addresses are ignored; unknown critical headers are refused.
    Raises `EvidenceError`: `malformed`, `alg-not-allowed`, `unknown-signing-key`, `untrusted-key`
    or `signature-invalid`.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise _malformed(f"token is {len(token)} characters, limit {MAX_TOKEN_BYTES}")
    parts = token.split(".")
    if len(parts) != 3:
        raise _malformed(f"token has {len(parts)} parts, expected 3")
    header = _object(b64url_decode(parts[0], what="token header"), "header")
    if header.get("alg") != _ALGORITHM:
        raise EvidenceError(Refusal.ALG_NOT_ALLOWED, "token algorithm is not ES256")
    if "crit" in header:
        raise _malformed("token has critical headers")
    # Decoded before the signature is checked, so that only one spelling of it can be signed.
    payload = b64url_decode(parts[1], what="token payload")
    _verify_signature(parts, header, keys)
    return _object(payload, "payload")


def _verify_signature(parts: list[str], header: dict[str, Any], keys: Sequence[EarKey]) -> None:
    candidates = _candidates(header, keys)
    raw = b64url_decode(parts[2], what="token signature")
    if len(raw) != 2 * _HALF:
        raise EvidenceError(Refusal.SIGNATURE_INVALID, f"token signature is {len(raw)} bytes")
    signature = encode_dss_signature(
        int.from_bytes(raw[:_HALF], "big"), int.from_bytes(raw[_HALF:], "big")
    )
    signed = f"{parts[0]}.{parts[1]}".encode("ascii")
    for key in candidates:
        try:
            key.public.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return
    # The header may say which key it was, so the refusal can tell a stranger from damage.
    code = Refusal.UNTRUSTED_KEY if _names_other_key(header, keys) else Refusal.SIGNATURE_INVALID
    raise EvidenceError(code, "no trusted key made the token's signature")


def _candidates(header: dict[str, Any], keys: Sequence[EarKey]) -> list[EarKey]:
    if not keys:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, "no key was given to verify the token with")
    kid = header.get("kid")
    found = [key for key in keys if kid is None or key.kid is None or key.kid == kid]
    if not found:
        raise EvidenceError(Refusal.UNKNOWN_SIGNING_KEY, "no trusted key has the token's key id")
    return found


def _names_other_key(header: dict[str, Any], keys: Sequence[EarKey]) -> bool:
    if not header.keys() & _KEY_HEADERS:
        return False
    try:
        named = parse_jwk(header.get("jwk")).public.public_numbers()
    except EvidenceError:
        return True
    return all(key.public.public_numbers() != named for key in keys)


def _object(data: bytes, what: str) -> dict[str, Any]:
    value = parse_json(data, limit_bytes=MAX_TOKEN_BYTES, what=f"token {what}")
    if not isinstance(value, dict):
        raise _malformed(f"token {what} is not an object")
    return value


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, detail)
