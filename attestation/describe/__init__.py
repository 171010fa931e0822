"""Every field of evidence with what it means, for people. Nothing here is verified."""

from __future__ import annotations

from attestation.describe.describe import describe
from attestation.describe.field import Described

__all__ = ["Described", "describe"]
