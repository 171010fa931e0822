"""Fixed keys of a log, never used anywhere but here."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keybroker.audit.checkpoint import Checkpoint, LogKey
from sealing.keys import SigningKey

ORIGIN = "broker.example/log"


def signer(name: str) -> SigningKey:
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    return SigningKey.from_pem(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


SIGNER, OTHER_SIGNER = signer("log"), signer("stranger")
LOG = LogKey(ORIGIN, SIGNER.public)
HEAD = Checkpoint(ORIGIN, 5, hashlib.sha256(b"root").digest())
