"""Sealing for one broker, whose identity and key a test may exchange one by one."""

from __future__ import annotations

from typing import Any

from sealing.holders.recipients import Recipients
from sealing.hpke import SealingKey
from sealing.oci.blob import Blob
from sealing.seal import SealedModule, seal


def seal_for(
    module: bytes, *, broker_identity: str, broker_key: SealingKey, **rest: Any
) -> SealedModule:
    """Return `module` sealed so that this one broker can release it."""
    recipients = rest.pop("recipients", None) or Recipients.one(broker_identity, broker_key)
    return seal(module, recipients=recipients, **rest)


def bytes_of(blob: Blob) -> bytes:
    """Return a small blob as a whole."""
    return b"".join(blob.chunks())


def part_of(sealed: SealedModule, name: str) -> bytes:
    """Return manifest, config, layer or bundle."""
    part = getattr(sealed, name)
    return bytes_of(part) if isinstance(part, Blob) else bytes(part)
