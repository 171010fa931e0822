"""Edits that make an artifact of `makers` one that hides its details, all written by hand."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sealing.bom import bill_of_materials
from tests.unit.sealing.makers import NONCE, SYMKEY, digest
from tests.unit.sealing.wasm_maker import SMALL


def commitment(bill: dict[str, Any], symkey: bytes = SYMKEY) -> str:
    """HKDF-SHA256 without salt, one block long, and HMAC-SHA256 under what it gives."""
    extracted = hmac.digest(bytes(32), symkey, "sha256")
    key = hmac.digest(extracted, b"sealwasm/hidden-bill/v1\x01", "sha256")
    return hmac.new(key, rfc8785.dumps(bill), hashlib.sha256).hexdigest()


def layer_digest(module: bytes = SMALL) -> str:
    encryptor = Cipher(algorithms.AES(SYMKEY), modes.CTR(NONCE)).encryptor()
    return digest(encryptor.update(module))


def hidden_predicate(value: str | None = None) -> Callable[[dict[str, Any]], None]:
    def edit(predicate: dict[str, Any]) -> None:
        bill = predicate.pop("bill-of-materials")
        predicate["hidden-bill"] = commitment(bill) if value is None else value

    return edit


def hidden_config(document: dict[str, Any]) -> None:
    document["layerDigests"] = [layer_digest()]


def hiding(**edits: Any) -> dict[str, Any]:
    """Return the edits of an artifact that tells neither bill nor plaintext digest."""
    return {"config": hidden_config, "predicate": hidden_predicate()} | edits


OTHER_COMMITMENT = commitment(bill_of_materials(SMALL).to_document(), bytes(32))
