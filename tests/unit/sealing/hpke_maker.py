"""RFC 9180 base mode with a given ephemeral X25519 key, written from the RFC.

Gives vectors that do not change from run to run, and a second opinion on the library's HPKE.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEM = b"KEM" + (0x0020).to_bytes(2, "big")
SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0020, 0x0001, 0x0002))


def extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")


def expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    out, block = b"", b""
    while len(out) < length:
        block = hmac.digest(key, block + labelled + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:length]


def seal_x25519(public: bytes, plaintext: bytes, info: bytes, ephemeral: bytes) -> bytes:
    """Return `enc || ciphertext` for X25519, HKDF-SHA256, AES-256-GCM."""
    private = X25519PrivateKey.from_private_bytes(ephemeral)
    enc = private.public_key().public_bytes_raw()
    shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    secret = extract(KEM, b"", b"eae_prk", shared)
    secret = expand(KEM, secret, b"shared_secret", enc + public, 32)
    context = (
        b"\0" + extract(SUITE, b"", b"psk_id_hash", b"") + extract(SUITE, b"", b"info_hash", info)
    )
    secret = extract(SUITE, secret, b"secret", b"")
    key = expand(SUITE, secret, b"key", context, 32)
    nonce = expand(SUITE, secret, b"base_nonce", context, 12)
    return enc + AESGCM(key).encrypt(nonce, plaintext, None)


def ephemeral_for(*parts: bytes) -> bytes:
    return hashlib.sha256(b"ephemeral for tests\0" + b"\0".join(parts)).digest()
