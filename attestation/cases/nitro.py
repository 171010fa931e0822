"""Cases of AWS Nitro attestation documents."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from attestation.cases.case import BASE_POLICY, Case, Claims, verify_case
from attestation.endorsements import Endorsements
from attestation.errors import EvidenceError, Refusal
from attestation.policy import EvidencePolicy, NitroPolicy
from attestation.trust import TrustAnchors

INPUTS: Final = MappingProxyType(
    {
        "document": "document",
        "attestation": "document",
        "evidence": "document",
        "root": "root",
        "roots": "root",
        "crl": "crl",
    }
)
# An archived document counts for as long as its certificate lived, three hours; its nonce, which
# is what makes it fresh, is not known.
_POLICY: Final = EvidencePolicy(crl=BASE_POLICY.crl, nitro=NitroPolicy(max_age_seconds=4 * 3600))


def run(case: Case) -> Claims:
    """Return the claims of a document. A root that is given must be the pinned one."""
    if "document" not in case.inputs:
        raise EvidenceError(Refusal.MALFORMED, "case has no document")
    anchors = TrustAnchors.vendor()
    for root in Endorsements.parse(case.list_of("root")).certificates:
        if anchors.find(root.fingerprint) is None:
            raise EvidenceError(Refusal.UNTRUSTED_CHAIN, "root of the case is not a pinned one")
    parts = {"document": case.inputs["document"]}
    return dict(verify_case(case, "nitro", parts, policy=_POLICY).values)
