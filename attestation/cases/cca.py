"""Cases of Arm's tokens: CCA collections and PSA tokens, told apart by their first tag."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from attestation.arm_keys import load_arm_keys
from attestation.cases.case import Case, Claims, verify_case
from attestation.errors import EvidenceError, Refusal
from attestation.trust import TrustAnchors

INPUTS: Final = MappingProxyType(
    {
        "token": "token",
        "evidence": "token",
        "cpak": "key",
        "iak": "key",
        "key": "key",
        "keys": "key",
        "jwk": "key",
        "trust_anchor": "key",
        "trust_anchors": "key",
    }
)
# One byte: tags 17 and 18, of a COSE message that is not in a collection.
_BARE_MESSAGES: Final = frozenset({b"\xd1", b"\xd2"})


def run(case: Case) -> Claims:
    """Return the claims of a token under the keys of the case."""
    if "token" not in case.inputs:
        raise EvidenceError(Refusal.MALFORMED, "case has no token")
    token = case.inputs["token"]
    tee = "psa" if token[:1] in _BARE_MESSAGES else "cca"
    anchors = TrustAnchors.vendor()
    for data in case.list_of("key"):
        anchors = anchors.with_keys(tee, load_arm_keys(data))
    return dict(verify_case(case, tee, {"token": token}, anchors=anchors).values)
