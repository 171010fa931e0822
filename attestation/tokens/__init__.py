"""Tokens of attestation services, verified with keys that the caller pinned.

One module per issuer: `maa`, `gcs`, `ita`, `nras`. The numbered checks are
docs/specs/evidence-tokens.md.
"""

from __future__ import annotations

from attestation.tokens.claims import TokenClaims
from attestation.tokens.gcs import verify_gcs
from attestation.tokens.ita import verify_ita
from attestation.tokens.maa import verify_maa
from attestation.tokens.nras import verify_nras
from attestation.tokens.policy import GcsPolicy, ItaPolicy, MaaPolicy, NrasPolicy

__all__ = [
    "GcsPolicy",
    "ItaPolicy",
    "MaaPolicy",
    "NrasPolicy",
    "TokenClaims",
    "verify_gcs",
    "verify_ita",
    "verify_maa",
    "verify_nras",
]
