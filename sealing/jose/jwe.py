"""JWE over ocicrypt's private options, in exactly the forms that ocicrypt writes (RFC 7516).

One recipient: flattened JSON. Several: general JSON, where go-jose repeats the first wrapped key at
the top. Content is A256GCM; its key is wrapped by RSA-OAEP or by ECDH-ES with AES key wrap. There
is no negotiation, no compression, no extension. A JWE proves no sender and is bound to no artifact:
whoever opens one compares what it holds with what an owner signed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal
from sealing.jose.base64url import b64url_decode, b64url_encode
from sealing.jose.keys import (
    EC_ALGORITHMS,
    RSA_ALGORITHMS,
    JwePrivateKey,
    JwePublicKey,
    public_point,
)
from sealing.jose.wrap import unwrap_key, wrap_key

ENCRYPTION: Final = "A256GCM"
KEY_BYTES: Final = 32
_IV_BYTES: Final = 12
_TAG_BYTES: Final = 16
_BODY: Final = ("protected", "iv", "ciphertext", "tag")


@dataclass(frozen=True, slots=True)
class JweRecipient:
    """One wrapped key: by which algorithm, and to which ephemeral key for elliptic curves."""

    algorithm: str
    encrypted_key: bytes = field(repr=False)
    ephemeral: ec.EllipticCurvePublicKey | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Jwe:
    """A message that has one of the two forms. Nothing in it is verified before `open`."""

    # The protected header as it stands: what the tag covers.
    protected: str = field(repr=False)
    recipients: tuple[JweRecipient, ...]
    iv: bytes = field(repr=False)
    sealed: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the message in `data`, or raise `SealError`. White space and order are free."""
        what = "JWE"
        value = canonical.parse_json(data, limit_bytes=limits.JWE_BYTES, what=what)
        several = isinstance(value, dict) and "recipients" in value
        own: tuple[str, ...] = ("encrypted_key",)
        if several:
            own = ("recipients", *(name for name in own if name in value))
        found = canonical.members(value, (*_BODY, *own), what)
        protected = canonical.text(found["protected"], "JWE protected header")
        header = _header_of(protected)
        recipients = _several(found, header) if several else (_flattened(found, header),)
        return cls(
            protected,
            recipients,
            b64url_decode(found["iv"], what="JWE iv", size=_IV_BYTES),
            _ciphertext(found["ciphertext"])
            + b64url_decode(found["tag"], what="JWE tag", size=_TAG_BYTES),
        )

    def open(self, key: JwePrivateKey) -> bytes:
        """Return the plaintext, or raise `SealError` with one same code and detail.

        The sender is unknown: anybody can encrypt to a public key.
        """
        for recipient in self.recipients:
            try:
                content_key = unwrap_key(
                    recipient.algorithm, recipient.encrypted_key, recipient.ephemeral, key
                )
                if len(content_key) != KEY_BYTES:
                    continue
                return AESGCM(content_key).decrypt(
                    self.iv, self.sealed, self.protected.encode("ascii")
                )
            except (InvalidTag, InvalidUnwrap, ValueError):
                continue
        detail = f"key {key.public.key_id[:16]} does not open the JWE"
        raise SealError(SealRefusal.ENVELOPE_NOT_OPENED, detail)


def seal_jwe(
    secret: bytes,
    recipient: JwePublicKey,
    *,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> bytes:
    """Return canonical flattened JSON that only the holder of the private half opens."""
    content_key, iv = entropy(KEY_BYTES), entropy(_IV_BYTES)
    encrypted_key, ephemeral = wrap_key(content_key, recipient)
    header = {"alg": recipient.algorithm, "enc": ENCRYPTION} | ephemeral
    protected = b64url_encode(canonical.encode(header))
    sealed = AESGCM(content_key).encrypt(iv, secret, protected.encode("ascii"))
    return canonical.encode(
        {
            "protected": protected,
            "encrypted_key": b64url_encode(encrypted_key),
            "iv": b64url_encode(iv),
            "ciphertext": b64url_encode(sealed[:-_TAG_BYTES]),
            "tag": b64url_encode(sealed[-_TAG_BYTES:]),
        }
    )


def _header_of(protected: str) -> dict[str, Any]:
    what = "JWE protected header"
    data = b64url_decode(protected, what=what)
    header = canonical.parse_json(data, limit_bytes=limits.JWE_HEADER_BYTES, what=what)
    if not isinstance(header, dict):
        raise canonical.malformed(what, "not an object")
    if header.get("enc") != ENCRYPTION:
        raise SealError(SealRefusal.SUITE_UNKNOWN, f"expected JWE enc {ENCRYPTION}")
    return header


def _flattened(found: dict[str, Any], header: dict[str, Any]) -> JweRecipient:
    rest = {name: value for name, value in header.items() if name != "enc"}
    return _recipient(rest, found["encrypted_key"])


def _several(found: dict[str, Any], header: dict[str, Any]) -> tuple[JweRecipient, ...]:
    canonical.members(header, ("enc",), "JWE protected header")
    entries = found["recipients"]
    if not isinstance(entries, list) or not 2 <= len(entries) <= limits.ENVELOPES:
        detail = f"JWE does not list 2 to {limits.ENVELOPES} recipients"
        raise SealError(SealRefusal.ENVELOPE_COUNT, detail)
    members = [
        canonical.members(entry, ("header", "encrypted_key"), "JWE recipient") for entry in entries
    ]
    # go-jose writes it so; anything else would be a second way to the content key.
    if found.get("encrypted_key", members[0]["encrypted_key"]) != members[0]["encrypted_key"]:
        raise canonical.malformed("JWE encrypted_key", "not that of the first recipient")
    _require_few_rsa(members)
    return tuple(_recipient(entry["header"], entry["encrypted_key"]) for entry in members)


def _require_few_rsa(entries: Sequence[Mapping[str, Any]]) -> None:
    """Accept as many recipients as it is cheap to try a key of theirs on, or raise `SealError`."""
    headers = [entry["header"] for entry in entries]
    found = sum(isinstance(one, dict) and one.get("alg") in RSA_ALGORITHMS for one in headers)
    if found > limits.JWE_RSA_RECIPIENTS:
        detail = f"JWE lists {found} recipients with RSA, limit {limits.JWE_RSA_RECIPIENTS}"
        raise SealError(SealRefusal.ENVELOPE_COUNT, detail)


def _recipient(header: Any, encrypted_key: Any) -> JweRecipient:
    what = "JWE header"
    algorithm = header.get("alg") if isinstance(header, dict) else None
    if algorithm not in (*RSA_ALGORITHMS, *EC_ALGORITHMS):
        expected = (*RSA_ALGORITHMS, *EC_ALGORITHMS)
        raise SealError(SealRefusal.SUITE_UNKNOWN, f"expected JWE alg one of {expected}")
    own = ("alg", "epk") if algorithm in EC_ALGORITHMS else ("alg",)
    found = canonical.members(header, (*own, *(("kid",) if "kid" in header else ())), what)
    # A label of the key for whoever has many; it opens nothing.
    if "kid" in found and len(canonical.text(found["kid"], "JWE kid")) > limits.KEY_URI_CHARS:
        raise SealError(SealRefusal.TOO_LARGE, "JWE kid is too long")
    wrapped = b64url_decode(encrypted_key, what="JWE encrypted_key")
    return JweRecipient(algorithm, wrapped, _ephemeral(found["epk"]) if "epk" in own else None)


def _ephemeral(value: Any) -> ec.EllipticCurvePublicKey:
    found = canonical.members(value, ("kty", "crv", "x", "y"), "JWE epk")
    if found["kty"] != "EC":
        raise SealError(SealRefusal.SUITE_UNKNOWN, "expected JWE epk of kind EC")
    return public_point(found["crv"], found["x"], found["y"])


def _ciphertext(value: Any) -> bytes:
    data = b64url_decode(value, what="JWE ciphertext")
    if len(data) > limits.OPTIONS_BYTES:
        raise SealError(SealRefusal.TOO_LARGE, f"JWE ciphertext is {len(data)} bytes")
    return data
