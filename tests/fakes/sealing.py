"""Sealing for one broker, whose identity and key a test may exchange one by one."""

from __future__ import annotations

from typing import Any

from sealing.hpke import SealingKey
from sealing.recipients import Recipients
from sealing.seal import SealedModule, seal


def seal_for(
    module: bytes, *, broker_identity: str, broker_key: SealingKey, **rest: Any
) -> SealedModule:
    """Return `module` sealed so that this one broker can release it."""
    recipients = rest.pop("recipients", None) or Recipients.one(broker_identity, broker_key)
    return seal(module, recipients=recipients, **rest)
