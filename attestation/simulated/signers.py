"""The vendor's CA keys. RSA-4096 takes a second or two to make, so each is made when needed."""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from attestation.errors import EvidenceError, Refusal


class CaSigner(Protocol):
    """A CA key: what it signs with, and its public half."""

    @property
    def spki(self) -> bytes:
        """Return the DER SubjectPublicKeyInfo."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return an RSASSA-PSS signature with SHA-384 and a salt of 48 bytes."""
        ...


class RsaSigner:
    """A CA key in memory. Its repr shows nothing of it."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self.spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @classmethod
    def generate(cls) -> RsaSigner:
        """Return a new RSA-4096 key; the library's own generator cannot be given entropy."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=4096))

    @classmethod
    def from_pem(cls, data: bytes) -> RsaSigner:
        """Return the key of a file that `to_pem` wrote; raise `EvidenceError` otherwise."""
        try:
            key = serialization.load_pem_private_key(data, password=None)
        except ValueError as error:
            raise EvidenceError(Refusal.MALFORMED, "simulated CA key is unreadable") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise EvidenceError(Refusal.MALFORMED, "simulated CA key is not RSA")
        return cls(key)

    def to_pem(self) -> bytes:
        """Return the private key as PKCS #8, for a file that only its owner can read."""
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, data: bytes) -> bytes:
        """Return an RSASSA-PSS signature with SHA-384 and a salt of 48 bytes."""
        scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=48)
        return self._key.sign(data, scheme, hashes.SHA384())
