"""JWS in compact form (RFC 7515, RFC 7518): sign with ES256, verify with pinned keys.

The one place where tokens are taken apart, whoever issued them. HMAC and `none` are in no table.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from attestation.ear_keys import EarKey, parse_jwk
from attestation.encoding import b64url_decode, b64url_encode, parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.keys import PublicKey, TrustedKey
from attestation.limits import MAX_TOKEN_BYTES

_ES256: Final = "ES256"
_HALF: Final = 32
_SCHEME: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
# Headers by which a token names or brings its own key. Never used to verify anything.
_KEY_HEADERS: Final = frozenset({"jwk", "jku", "x5c", "x5u"})


@dataclass(frozen=True, slots=True)
class _Ecdsa:
    """RFC 7518 section 3.4: one curve, one hash, r and s of one length."""

    curve: str
    digest: hashes.HashAlgorithm
    half: int

    def verify(self, key: PublicKey, signature: bytes, signed: bytes) -> bool:
        """Return whether `key` made the signature."""
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != self.curve:
            return False
        r, s = signature[: self.half], signature[self.half :]
        if len(r) != self.half or len(s) != self.half:
            return False
        encoded = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        try:
            key.verify(encoded, signed, ec.ECDSA(self.digest))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Rsa:
    """RFC 7518 sections 3.3 and 3.5: PKCS #1 v1.5, or PSS with a salt as long as the digest."""

    digest: hashes.HashAlgorithm
    is_pss: bool = False

    def verify(self, key: PublicKey, signature: bytes, signed: bytes) -> bool:
        """Return whether `key` made the signature."""
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        pss = padding.PSS(padding.MGF1(self.digest), self.digest.digest_size)
        try:
            key.verify(signature, signed, pss if self.is_pss else padding.PKCS1v15(), self.digest)
        except InvalidSignature:
            return False
        return True


_ALGORITHMS: Final[Mapping[str, _Ecdsa | _Rsa]] = {
    _ES256: _Ecdsa("secp256r1", hashes.SHA256(), _HALF),
    "ES384": _Ecdsa("secp384r1", hashes.SHA384(), 48),
    "RS256": _Rsa(hashes.SHA256()),
    "RS384": _Rsa(hashes.SHA384()),
    "PS384": _Rsa(hashes.SHA384(), is_pss=True),
}


class Es256Signer:
    """Signs tokens with one key; the header is the same for all of them."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, key_id: str) -> None:
        self._key = key
        self._header = _encoded({"alg": _ES256, "kid": key_id, "typ": "JWT"})

    def sign(self, payload: Mapping[str, Any]) -> str:
        """Return the token; members in sorted order, no header but alg, kid and typ."""
        signed = f"{self._header}.{_encoded(payload)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode("ascii"), _SCHEME))
        signature = b64url_encode(r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big"))
        return f"{signed}.{signature}"


def _encoded(part: Mapping[str, Any]) -> str:
    return b64url_encode(_ENCODER.encode(part).encode("ascii"))


@dataclass(frozen=True, slots=True)
class Jws:
    """A token taken apart. Nothing has been verified; `payload` is anybody's."""

    header: Mapping[str, Any]
    payload: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def algorithm(self) -> str:
        """The algorithm, one of those that the caller allowed."""
        return str(self.header["alg"])

    def made_by(self, key: PublicKey) -> bool:
        """Return whether `key` signed header and payload, as they are spelled."""
        return _ALGORITHMS[self.algorithm].verify(key, self.signature, self.signed)

    def members(self) -> dict[str, Any]:
        """Return the payload as an object; raise `EvidenceError` `malformed` for another."""
        return _object(self.payload, "payload")


def parse_jws(token: str, *, algorithms: Collection[str]) -> Jws:
    """Return the parts of a token that says it is signed with one of `algorithms`.

    Raises `EvidenceError`: `malformed`, also for critical headers, none of which is understood
    here; `alg-not-allowed`.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise _malformed(f"token is {len(token)} characters, limit {MAX_TOKEN_BYTES}")
    parts = token.split(".")
    if len(parts) != 3:
        raise _malformed(f"token has {len(parts)} parts, expected 3")
    header = _object(b64url_decode(parts[0], what="token header"), "header")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise EvidenceError(
            Refusal.ALG_NOT_ALLOWED, f"token algorithm is not {' or '.join(algorithms)}"
        )
    if "crit" in header:
        raise _malformed("token has critical headers")
    return Jws(
        header=header,
        # Decoded before the signature is checked, so that only one spelling can be signed.
        payload=b64url_decode(parts[1], what="token payload"),
        signed=f"{parts[0]}.{parts[1]}".encode("ascii"),
        signature=b64url_decode(parts[2], what="token signature"),
    )


def verify_es256(token: str, *, keys: Sequence[EarKey]) -> dict[str, Any]:
    """Return the payload of a token that one of `keys` signed, with or without a key id.

    Only ES256; header keys and key addresses are ignored; unknown critical headers are refused.
    Raises `EvidenceError`: `malformed`, `alg-not-allowed`, `no-endorsement`,
    `unknown-signing-key`, `untrusted-key` or `signature-invalid`.
    """
    jws = parse_jws(token, algorithms=(_ES256,))
    if not any(jws.made_by(key.public) for key in _candidates(jws.header, keys)):
        # The header may say which key it was, so the refusal can tell a stranger from damage.
        other = _names_other_key(jws.header, keys)
        code = Refusal.UNTRUSTED_KEY if other else Refusal.SIGNATURE_INVALID
        raise EvidenceError(code, "no trusted key made the token's signature")
    return jws.members()


def verify_published(
    token: str, *, keys: Sequence[TrustedKey], algorithms: Collection[str]
) -> dict[str, Any]:
    """Return the payload of a token by an issuer that publishes its keys under key ids.

    The token has to name one of `keys` by its id; what else its header says of keys is ignored.
    Raises `EvidenceError`: `malformed`, `alg-not-allowed`, `unknown-signing-key` or
    `signature-invalid`.
    """
    jws = parse_jws(token, algorithms=algorithms)
    kid = jws.header.get("kid")
    named = [key for key in keys if isinstance(kid, str) and key.kid == kid]
    if not named:
        raise EvidenceError(Refusal.UNKNOWN_SIGNING_KEY, "no trusted key has the token's key id")
    fitting = [key for key in named if key.algorithm in {None, jws.algorithm}]
    if not fitting:
        raise EvidenceError(Refusal.ALG_NOT_ALLOWED, "key was published for another algorithm")
    if not any(jws.made_by(key.public) for key in fitting):
        raise EvidenceError(Refusal.SIGNATURE_INVALID, "named key did not sign the token")
    return jws.members()


def _candidates(header: Mapping[str, Any], keys: Sequence[EarKey]) -> list[EarKey]:
    if not keys:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, "no key was given to verify the token with")
    kid = header.get("kid")
    found = [key for key in keys if kid is None or key.kid is None or key.kid == kid]
    if not found:
        raise EvidenceError(Refusal.UNKNOWN_SIGNING_KEY, "no trusted key has the token's key id")
    return found


def _names_other_key(header: Mapping[str, Any], keys: Sequence[EarKey]) -> bool:
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
