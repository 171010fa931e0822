"""Signing keys of owners and brokers: ECDSA P-256 with SHA-256, and Ed25519."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from sealing.errors import SealError, SealRefusal
from sealing.pem_keys import bounded, private_key_of, public_key_of
from sealing.protected_key import encrypt_private_key

P256: Final = "p256"
ED25519: Final = "ed25519"

_Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_Public = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


# RFC 7748 section 4.1. A public key is a y below this prime, and the sign of x in the last bit.
_ED25519_PRIME: Final = 2**255 - 19
# The y of the eight points of small order: under such a key anybody can sign (some) messages.
_ED25519_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_ED25519_SMALL: Final = frozenset(
    {0, 1, _ED25519_PRIME - 1, _ED25519_ORDER_8, _ED25519_PRIME - _ED25519_ORDER_8}
)


def _invalid(detail: str) -> SealError:
    return SealError(SealRefusal.KEY_INVALID, detail)


def _require_strong(key: ed25519.Ed25519PublicKey) -> None:
    """Refuse what OpenSSL takes for a key though it names nobody, or somebody in two ways."""
    y = int.from_bytes(key.public_bytes_raw(), "little") & (2**255 - 1)
    if y >= _ED25519_PRIME or y in _ED25519_SMALL:
        raise _invalid("Ed25519 key is of small order or not in its one form")


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key, known by the SHA-256 of its SubjectPublicKeyInfo."""

    kind: str
    key_id: str
    spki: bytes = field(repr=False)
    _key: _Public = field(repr=False, compare=False)

    @classmethod
    def _of(cls, key: object) -> Self:
        if isinstance(key, ed25519.Ed25519PublicKey):
            _require_strong(key)
            kind = ED25519
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            kind = P256
        else:
            raise _invalid("key is neither ECDSA P-256 nor Ed25519")
        spki = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return cls(kind, hashlib.sha256(spki).hexdigest(), spki, key)

    @classmethod
    def from_spki(cls, der: bytes) -> Self:
        """Return the key of a DER SubjectPublicKeyInfo in its canonical (uncompressed) form."""
        try:
            key = cls._of(serialization.load_der_public_key(bounded(der, "public key")))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise _invalid("not a DER public key") from error
        if key.spki != der:
            raise SealError(SealRefusal.NOT_CANONICAL, "public key is not in canonical DER form")
        return key

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Return the key of a PEM `PUBLIC KEY` file."""
        return cls._of(public_key_of(pem))

    @classmethod
    def from_raw_ed25519(cls, raw: bytes) -> Self:
        """Return the Ed25519 key with these 32 bytes."""
        try:
            return cls._of(ed25519.Ed25519PublicKey.from_public_bytes(raw))
        except ValueError as error:
            raise _invalid("not a raw Ed25519 public key") from error

    def to_pem(self) -> bytes:
        """Return the PEM `PUBLIC KEY` form."""
        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def verify(self, signature: bytes, data: bytes) -> None:
        """Accept `signature` over `data`, or raise `SealError`. ECDSA: canonical DER only."""
        try:
            if isinstance(self._key, ed25519.Ed25519PublicKey):
                self._key.verify(signature, data)
            else:
                # Refuses every other encoding of the same two numbers before OpenSSL sees it.
                decode_dss_signature(signature)
                self._key.verify(signature, data, ec.ECDSA(SHA256()))
        except (InvalidSignature, ValueError) as error:
            detail = f"signature by key {self.key_id[:16]} does not hold"
            raise SealError(SealRefusal.SIGNATURE_INVALID, detail) from error


class Signer(Protocol):
    """Whatever signs for a `VerifyingKey`: a key in memory, a token, a service."""

    @property
    def public(self) -> VerifyingKey:
        """The public half."""

    @property
    def kind(self) -> str:
        """`p256` or `ed25519`."""

    @property
    def key_id(self) -> str:
        """The id of the public half."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature: 64 bytes (Ed25519), or DER (P-256). Raises `SealError`."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A `Signer` whose private key is in memory. Its repr shows the public half only."""

    public: VerifyingKey
    _key: _Private = field(repr=False, compare=False)

    @classmethod
    def _of(cls, key: object) -> Self:
        if not isinstance(key, (ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)):
            raise _invalid("key is neither ECDSA P-256 nor Ed25519")
        return cls(VerifyingKey._of(key.public_key()), key)  # noqa: SLF001 - same module

    @classmethod
    def generate(cls, kind: str = P256) -> Self:
        """Return a new key of kind `p256` or `ed25519`, or raise `SealError`."""
        if kind == P256:
            return cls._of(ec.generate_private_key(ec.SECP256R1()))
        if kind == ED25519:
            return cls._of(ed25519.Ed25519PrivateKey.generate())
        raise _invalid(f"unknown kind of key {kind[:32]}, expected p256 or ed25519")

    @classmethod
    def from_pem(cls, pem: bytes, passphrase: bytes | None = None) -> Self:
        """Return the key of a PEM file (PKCS#8, encrypted or not, or SEC1).

        Raises `SealError` with `KEY_PASSPHRASE` when a passphrase is missing, needless or wrong.
        """
        return cls._of(private_key_of(pem, passphrase))

    def to_pem(self, passphrase: bytes | None = None) -> bytes:
        """Return PKCS#8 PEM, under scrypt and AES-256 when a passphrase is given.

        Raises `SealError` for a passphrase that is empty or longer than OpenSSL reads back.
        """
        if passphrase is not None:
            return encrypt_private_key(self.to_pkcs8(), passphrase)
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @classmethod
    def from_pkcs8(cls, der: bytes) -> Self:
        """Return the key of a DER PrivateKeyInfo, or raise `SealError`."""
        try:
            return cls._of(serialization.load_der_private_key(bounded(der, "private key"), None))
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _invalid("not a PKCS#8 private key") from error

    def to_pkcs8(self) -> bytes:
        """Return the DER PrivateKeyInfo, in clear."""
        return self._key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def kind(self) -> str:
        """`p256` or `ed25519`."""
        return self.public.kind

    @property
    def key_id(self) -> str:
        """The id of the public half."""
        return self.public.key_id

    def sign(self, data: bytes) -> bytes:
        """Return the signature: 64 bytes (Ed25519), or DER with RFC 6979 nonces (P-256)."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(data)
        return self._key.sign(data, ec.ECDSA(SHA256(), deterministic_signing=True))
