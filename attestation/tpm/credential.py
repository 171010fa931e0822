"""TPM2_MakeCredential in software: a secret that only one TPM opens, for one key in it.

TPM 2.0 Library Specification part 1, section 24 (credentials), 11.4.10 (key derivation), B.10.4
(RSA secrets) and C.6.3 (elliptic secrets). Endorsement keys are those of the TCG templates with
SHA-256 names and AES-128-CFB.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from attestation.errors import EvidenceError, Refusal
from attestation.keys import PublicKey
from attestation.tpm.wire import sized, u32

# The largest secret a SHA-256 credential holds: a digest.
SECRET_BYTES: Final = 32
_SEED_BYTES: Final = 32
_IDENTITY: Final = b"IDENTITY\x00"
_RSA_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class Credential:
    """`blob` is the content of a TPM2B_ID_OBJECT, `secret` of a TPM2B_ENCRYPTED_SECRET."""

    blob: bytes = field(repr=False)
    encrypted_secret: bytes = field(repr=False)


def make_credential(
    endorsement_key: PublicKey, name: bytes, secret: bytes, *, entropy: Callable[[int], bytes]
) -> Credential:
    """Return `secret` for the TPM with this EK, if it holds a key with this name.

    Not checked: that the EK is one of a TPM, or what the named key may do. Raises `EvidenceError`
    `alg-mismatch` unless the EK is RSA-2048 or on P-256.
    """
    if not 1 <= len(secret) <= SECRET_BYTES:
        raise ValueError(f"secret is {len(secret)} bytes, at most {SECRET_BYTES}")
    seed, encrypted = _shared_seed(endorsement_key, entropy)
    cipher = Cipher(AES(kdfa(seed, b"STORAGE", name, bits=128)), CFB(bytes(16))).encryptor()
    identity = cipher.update(sized(secret)) + cipher.finalize()
    key = kdfa(seed, b"INTEGRITY", b"", bits=256)
    integrity = hmac.digest(key, identity + name, "sha256")
    return Credential(sized(integrity) + identity, encrypted)


def _shared_seed(key: PublicKey, entropy: Callable[[int], bytes]) -> tuple[bytes, bytes]:
    """Return a seed, and how the holder of the endorsement key gets it."""
    if isinstance(key, rsa.RSAPublicKey) and key.key_size == _RSA_BITS:
        seed = entropy(_SEED_BYTES)
        sha256 = hashes.SHA256()
        oaep = padding.OAEP(padding.MGF1(sha256), sha256, _IDENTITY)
        return seed, key.encrypt(seed, oaep)
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        own = ec.generate_private_key(ec.SECP256R1())
        point = own.public_key().public_numbers()
        x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
        theirs = key.public_numbers().x.to_bytes(32, "big")
        shared = own.exchange(ec.ECDH(), key)
        return kdfe(shared, _IDENTITY, x, theirs), sized(x) + sized(y)
    raise EvidenceError(Refusal.ALG_MISMATCH, "endorsement key is neither RSA-2048 nor on P-256")


def kdfa(key: bytes, label: bytes, context: bytes, *, bits: int) -> bytes:
    """Return `bits` (at most 256) derived from a key: NIST SP 800-108 in counter mode."""
    message = u32(1) + label + b"\x00" + context + u32(bits)
    return hmac.digest(key, message, "sha256")[: bits // 8]


def kdfe(shared: bytes, label: bytes, party_u: bytes, party_v: bytes) -> bytes:
    """Return 256 bits derived from an ECDH secret: NIST SP 800-56A with SHA-256.

    `label` ends in its zero byte.
    """
    return hashlib.sha256(u32(1) + shared + label + party_u + party_v).digest()
