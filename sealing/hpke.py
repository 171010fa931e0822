"""HPKE single-shot sealing (RFC 9180 base mode) to a broker's or a runner's key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from sealing import limits
from sealing.errors import SealError, SealRefusal

HYBRID: Final = "mlkem768x25519-hkdfsha256-aes256gcm"
X25519: Final = "x25519-hkdfsha256-aes256gcm"

_Private = hpke.MLKEM768X25519PrivateKey | x25519.X25519PrivateKey
_Public = hpke.MLKEM768X25519PublicKey | x25519.X25519PublicKey

_MLKEM_SEED: Final = 64
_MLKEM_PUBLIC: Final = 1184
_X25519: Final = 32
# RFC 7748 section 4.1.
_X25519_PRIME: Final = 2**255 - 19


def _x25519_public(raw: bytes) -> x25519.X25519PublicKey:
    # Libraries read other numbers as this one too, so that one key would have several ids.
    if int.from_bytes(raw, "little") >= _X25519_PRIME:
        raise ValueError("X25519 key is not in its one form")
    return x25519.X25519PublicKey.from_public_bytes(raw)


def _hybrid_private(raw: bytes) -> hpke.MLKEM768X25519PrivateKey:
    return hpke.MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED]),
        x25519.X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED:]),
    )


def _hybrid_public(raw: bytes) -> hpke.MLKEM768X25519PublicKey:
    return hpke.MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC]),
        _x25519_public(raw[_MLKEM_PUBLIC:]),
    )


def _hybrid_public_raw(raw: bytes) -> bytes:
    encapsulation = mlkem.MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED]).public_key()
    return encapsulation.public_bytes_raw() + _x25519_public_raw(raw[_MLKEM_SEED:])


def _x25519_public_raw(raw: bytes) -> bytes:
    return x25519.X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()


@dataclass(frozen=True, slots=True)
class _Algorithms:
    """What one suite name stands for; there is no negotiation inside a suite."""

    suite: hpke.Suite
    private_bytes: int
    public_bytes: int
    overhead: int
    load_private: Callable[[bytes], _Private]
    load_public: Callable[[bytes], _Public]
    public_of: Callable[[bytes], bytes]


_AEAD_TAG: Final = 16
_SUITES: Final = {
    HYBRID: _Algorithms(
        hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
        _MLKEM_SEED + _X25519,
        _MLKEM_PUBLIC + _X25519,
        hpke.KEM.MLKEM768_X25519.enc_length() + _AEAD_TAG,
        _hybrid_private,
        _hybrid_public,
        _hybrid_public_raw,
    ),
    X25519: _Algorithms(
        hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
        _X25519,
        _X25519,
        hpke.KEM.X25519.enc_length() + _AEAD_TAG,
        x25519.X25519PrivateKey.from_private_bytes,
        _x25519_public,
        _x25519_public_raw,
    ),
}
SUITES: Final = tuple(_SUITES)


def _algorithms(suite: str) -> _Algorithms:
    found = _SUITES.get(suite)
    if found is None:
        raise SealError(
            SealRefusal.SUITE_UNKNOWN, f"suite {suite[:64]!r}, expected one of {SUITES}"
        )
    return found


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A public HPKE key: anybody may seal to it, so a sealed message proves no sender."""

    suite: str
    raw: bytes = field(repr=False)
    # Lower hex SHA-256 of the suite name, a zero byte and the key.
    key_id: str = field(repr=False)
    _key: _Public = field(repr=False, compare=False)

    @classmethod
    def from_bytes(cls, suite: str, raw: bytes) -> Self:
        """Return the key with these bytes (hybrid: ML-KEM-768, then X25519).

        Raises `SealError` for an unknown suite, a wrong length, an unusable key or another form of
        one.
        """
        algorithms = _algorithms(suite)
        if len(raw) != algorithms.public_bytes:
            detail = f"public key is {len(raw)} bytes, expected {algorithms.public_bytes}"
            raise SealError(SealRefusal.KEY_INVALID, detail)
        key_id = hashlib.sha256(suite.encode("ascii") + b"\0" + raw).hexdigest()
        try:
            return cls(suite, bytes(raw), key_id, algorithms.load_public(bytes(raw)))
        except ValueError as error:
            raise SealError(SealRefusal.KEY_INVALID, f"not a {suite} public key") from error

    def seal(self, plaintext: bytes, *, info: bytes) -> bytes:
        """Return HPKE `enc || ciphertext` bound to `info`. Raises `SealError` for a dead key."""
        try:
            return _algorithms(self.suite).suite.encrypt(plaintext, self._key, info)
        except ValueError as error:  # an X25519 point of small order
            raise SealError(SealRefusal.KEY_INVALID, f"cannot seal to {self.key_id}") from error


@dataclass(frozen=True, slots=True)
class OpeningKey:
    """A private HPKE key. Its repr shows the public half only."""

    public: SealingKey
    _raw: bytes = field(repr=False, compare=False)
    _key: _Private = field(repr=False, compare=False)

    @classmethod
    def generate(cls, suite: str = HYBRID) -> Self:
        """Return a new key, or raise `SealError` for an unknown suite."""
        exchange = x25519.X25519PrivateKey.generate().private_bytes_raw()
        if _algorithms(suite).private_bytes == len(exchange):
            return cls.from_bytes(suite, exchange)
        encapsulation = mlkem.MLKEM768PrivateKey.generate().private_bytes_raw()
        return cls.from_bytes(suite, encapsulation + exchange)

    @classmethod
    def from_bytes(cls, suite: str, raw: bytes) -> Self:
        """Return the key with these secret bytes (hybrid: ML-KEM-768 seed, then X25519)."""
        algorithms = _algorithms(suite)
        if len(raw) != algorithms.private_bytes:
            detail = f"private key is {len(raw)} bytes, expected {algorithms.private_bytes}"
            raise SealError(SealRefusal.KEY_INVALID, detail)
        secret = bytes(raw)
        public = SealingKey.from_bytes(suite, algorithms.public_of(secret))
        return cls(public, secret, algorithms.load_private(secret))

    @property
    def suite(self) -> str:
        """The suite this key belongs to."""
        return self.public.suite

    def to_bytes(self) -> bytes:
        """Return the secret bytes `from_bytes` takes. The caller encrypts or clears them."""
        return self._raw

    def open(self, sealed: bytes, *, info: bytes) -> bytes:
        """Return the plaintext of `enc || ciphertext`, or raise `SealError` with one same code.

        Says nothing about who sealed it: anybody can.
        """
        algorithms = _algorithms(self.suite)
        if not algorithms.overhead <= len(sealed) <= limits.HPKE_MESSAGE_BYTES:
            detail = f"sealed message is {len(sealed)} bytes"
            raise SealError(SealRefusal.ENVELOPE_NOT_OPENED, detail)
        try:
            return algorithms.suite.decrypt(sealed, self._key, info)
        except (InvalidTag, ValueError) as error:
            detail = f"key {self.public.key_id[:16]} does not open it"
            raise SealError(SealRefusal.ENVELOPE_NOT_OPENED, detail) from error
