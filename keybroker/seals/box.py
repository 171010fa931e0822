"""Keys wrapped under a master key that this process holds: AES-256-GCM, bound to their label."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keybroker.errors import BrokerCode, BrokerError
from keybroker.limits import BROKER_KEY_BYTES
from keybroker.seals.protocol import KeyLabel
from sealing import canonical

MASTER_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_PURPOSE = b"sealwasm/broker-key/v1\x00"


class SealedBox:
    """A master key in use. Wrapped form: nonce (12 bytes), ciphertext, tag (16 bytes).

    A broker wraps a handful of keys in its life, so random nonces never meet.
    """

    __slots__ = ("_cipher", "_entropy")

    def __init__(
        self,
        master_key: bytes | bytearray | memoryview,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        if len(master_key) != MASTER_KEY_BYTES:
            detail = f"master key is {len(master_key)} bytes, expected {MASTER_KEY_BYTES}"
            raise BrokerError(BrokerCode.MASTER_KEY_MALFORMED, detail)
        self._cipher = AESGCM(master_key)
        self._entropy = entropy

    def wrap(self, key: bytes, label: KeyLabel) -> bytes:
        """Return `key` encrypted and bound to `label`."""
        if not 1 <= len(key) <= BROKER_KEY_BYTES:
            detail = f"{label.purpose} key is {len(key)} bytes, limit {BROKER_KEY_BYTES}"
            raise BrokerError(BrokerCode.BROKER_KEY_REFUSED, detail)
        nonce = self._entropy(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, _associated_data(label))

    def unwrap(self, wrapped: bytes, label: KeyLabel) -> bytes:
        """Return the key, or raise `BROKER_KEY_REFUSED`."""
        overhead = _NONCE_BYTES + _TAG_BYTES
        if not overhead < len(wrapped) <= overhead + BROKER_KEY_BYTES:
            detail = f"wrapped {label.purpose} key is {len(wrapped)} bytes"
            raise BrokerError(BrokerCode.BROKER_KEY_REFUSED, detail)
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, sealed, _associated_data(label))
        except InvalidTag as error:
            detail = f"{label.purpose} key {label.key_id[:16]} does not unwrap: another master key?"
            raise BrokerError(BrokerCode.BROKER_KEY_REFUSED, detail) from error

    def __repr__(self) -> str:
        return "<SealedBox>"

    def __reduce__(self) -> str:
        raise TypeError("a sealed box is not pickled")


def _associated_data(label: KeyLabel) -> bytes:
    return _PURPOSE + canonical.encode(
        {
            "algorithm": label.algorithm,
            "key_id": label.key_id,
            "purpose": label.purpose,
            "version": label.version,
        }
    )
