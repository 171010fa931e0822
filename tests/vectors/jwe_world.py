"""The holders of JWE keys in vectors and tests: one RSA key of a file, the others from numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sealing.jose.keys import JwePrivateKey

KEYS: Final = Path(__file__).with_name("jwe-test-keys")


def _rsa(name: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key((KEYS / name).read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


RSA_KEY: Final = _rsa("rsa.pem")
SHORT_RSA_KEY: Final = _rsa("rsa-1024.pem")
EC_KEY: Final = ec.derive_private_key(0x5EA1, ec.SECP256R1())
EC_KEY_384: Final = ec.derive_private_key(0x5EA1, ec.SECP384R1())
EC_KEY_521: Final = ec.derive_private_key(0x5EA1, ec.SECP521R1())
STRANGER: Final = ec.derive_private_key(0xBAD, ec.SECP256R1())
HOLDERS: Final = {
    "rsa": JwePrivateKey.of(RSA_KEY),
    "p256": JwePrivateKey.of(EC_KEY),
    "p384": JwePrivateKey.of(EC_KEY_384),
    "p521": JwePrivateKey.of(EC_KEY_521),
    "stranger": JwePrivateKey.of(STRANGER),
}
