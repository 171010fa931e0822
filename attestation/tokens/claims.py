"""What a token of an attestation service proved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """A pinned key signed it, for us, it is in date, and the policy accepts what it says.

    It proves what the *service* said, and the service is trusted for having looked. `subject` is
    the payload as it was signed, under the issuer's own names; `devices` are the payloads of the
    tokens inside a detached one (NVIDIA), by device. `nonce` is the one that was asked for, or
    None where the caller did not have it checked.
    """

    kind: str
    issuer: str
    subject: Mapping[str, Any] = field(repr=False)
    expires: datetime
    nonce: str | None = field(default=None, repr=False)
    devices: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )
