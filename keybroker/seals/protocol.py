"""What a seal does: it keeps the master key and wraps the broker's own keys under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KeyLabel:
    """Which key a wrapped key is. Bound to it: a row moved to another place does not unwrap."""

    purpose: str
    key_id: str
    version: int
    algorithm: str


class Seal(Protocol):
    """The master key, wherever it is. It may be in hardware: nobody else ever sees it."""

    def wrap(self, key: bytes, label: KeyLabel) -> bytes:
        """Return `key` encrypted under the master key and bound to `label`."""

    def unwrap(self, wrapped: bytes, label: KeyLabel) -> bytes:
        """Return the key, or raise `BROKER_KEY_REFUSED`: other master key, label or bytes."""
