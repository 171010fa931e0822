"""Simulated silicon on the repository's own test keys: no RSA key is made while tests run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from attestation.simulated.signers import CaSigner, RsaSigner
from attestation.simulated.snp.models import MODELS
from attestation.simulated.snp.platform import SimulatedPlatform
from attestation.simulated.snp.silicon import Identity, Silicon
from attestation.simulated.store import MemoryStore

KEYS = Path(__file__).resolve().parent.parent / "vectors" / "snp-test-keys"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MEASUREMENT = bytes(range(48))
REPORT_DATA = bytes(range(64, 128))


@cache
def private_key(role: str) -> rsa.RSAPrivateKey:
    """Return the test key of "ark", "ask", "asvk" or "stranger"."""
    pem = (KEYS / f"{role}.pem").read_bytes()
    key = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@cache
def signer_of(role: str) -> RsaSigner:
    """Return a quick signer with random salts."""
    return RsaSigner(private_key(role))


class FixedSaltSigner(RsaSigner):
    """RSASSA-PSS (RFC 8017 section 8.1.1) with a salt that follows from the data, so never changes.

    Only for vectors: plain arithmetic on a key that everybody has.
    """

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        super().__init__(key)
        numbers = key.private_numbers()
        self._crt = (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)

    def sign(self, data: bytes) -> bytes:
        p, q, dp, dq, qinv = self._crt
        message = int.from_bytes(_emsa_pss(data, 512), "big")
        m1, m2 = pow(message, dp, p), pow(message, dq, q)
        return (m2 + q * ((m1 - m2) * qinv % p)).to_bytes(512, "big")


def _emsa_pss(data: bytes, size: int) -> bytes:
    """RFC 8017 section 9.1.1 with SHA-384 and a salt of 48 bytes."""
    salt = hashlib.sha384(b"salt" + data).digest()
    digest = hashlib.sha384(bytes(8) + hashlib.sha384(data).digest() + salt).digest()
    block = bytes(size - len(salt) - len(digest) - 2) + b"\x01" + salt
    mask = b"".join(
        hashlib.sha384(digest + counter.to_bytes(4, "big")).digest() for counter in range(10)
    )
    masked = bytearray(a ^ b for a, b in zip(block, mask, strict=False))
    masked[0] &= 0x7F
    return bytes(masked) + digest + b"\xbc"


@cache
def fixed_salt_signer_of(role: str) -> FixedSaltSigner:
    """Return a slow signer whose signatures never change."""
    return FixedSaltSigner(private_key(role))


def make_silicon(
    product: str = "milan",
    *,
    platform: str = "7e57c0de",
    is_stranger: bool = False,
    signers: Callable[[str], CaSigner] = signer_of,
) -> Silicon:
    """Return a chip in memory."""
    secret = hashlib.sha384(f"chip {product} {platform}".encode()).digest()
    identity = Identity(MODELS[product], platform, NOW, secret, is_stranger)
    if is_stranger:
        return Silicon(identity, MemoryStore(), lambda _: signers("stranger"))
    return Silicon(identity, MemoryStore(), signers)


def make_platform(
    folder: Path,
    *,
    product: str = "milan",
    now: datetime = NOW,
    signing_keys: Iterable[str] = ("vcek",),
    faults: Iterable[str] = (),
) -> SimulatedPlatform:
    """Return a platform in `folder` that took milliseconds to make."""
    return SimulatedPlatform.create(
        folder,
        product=product,
        now=now,
        signing_keys=signing_keys,
        faults=faults,
        entropy=lambda size: hashlib.shake_256(b"platform").digest(size),
        signer_of=signer_of,
    )
