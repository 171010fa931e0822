"""Who makes evidence: the guest's side of attestation."""

from __future__ import annotations

from typing import Protocol

from attestation.evidence import UnverifiedEvidence


class Attester(Protocol):
    """One TEE guest that can ask its hardware for evidence."""

    @property
    def tee(self) -> str:
        """Return the TEE's name, as in evidence."""
        ...

    def attest(self, report_data: bytes) -> UnverifiedEvidence:
        """Return fresh evidence over exactly these 64 bytes."""
        ...
