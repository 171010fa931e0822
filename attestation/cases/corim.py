"""Cases of signed CoRIM documents."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from attestation.cases.case import Case, Claims
from attestation.corim.references import from_corim
from attestation.corim.signed import UnsafeAnyTime, verify_corim
from attestation.errors import EvidenceError, Refusal
from attestation.keys import load_keys

INPUTS: Final = MappingProxyType(
    {"corim": "corim", "document": "corim", "key": "key", "keys": "key", "jwk": "key"}
)


def run(case: Case) -> Claims:
    """Return id, profile and signer of the document, and how many launch measurements it names."""
    if "corim" not in case.inputs:
        raise EvidenceError(Refusal.MALFORMED, "case has no CoRIM")
    keys = load_keys(case.inputs["key"]) if "key" in case.inputs else ()
    now = case.at if case.timed else UnsafeAnyTime()
    verified = verify_corim(case.inputs["corim"], keys=keys, now=now)
    return {
        "id": verified.corim.corim_id,
        "profile": verified.corim.profile or "",
        "signer": verified.signer.name,
        "comids": len(verified.corim.comids),
        "references": len(from_corim(verified)),
    }
