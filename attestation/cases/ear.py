"""Cases of attestation results (EAR tokens)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from attestation.cases.case import Case, Claims
from attestation.ear import PROFILE, TRUSTEE_PROFILE, EarPolicy, Unsafe, verify_ear
from attestation.ear_keys import load_ear_keys
from attestation.errors import EvidenceError, Refusal

INPUTS: Final = MappingProxyType(
    {"token": "token", "ear": "token", "key": "key", "keys": "key", "jwk": "key", "jwks": "key"}
)
_PROFILES: Final = frozenset({PROFILE, TRUSTEE_PROFILE})


def run(case: Case) -> Claims:
    """Return profile, time of issue and the status of each submodule."""
    if "token" not in case.inputs:
        raise EvidenceError(Refusal.MALFORMED, "case has no token")
    policy = EarPolicy(
        issuer=Unsafe.NOT_CHECKED,
        audience=Unsafe.NOT_CHECKED if case.audience is None else case.audience,
        nonce=Unsafe.NOT_CHECKED,
        profiles=_PROFILES,
        unsafe_allow_no_expiry=True,
    )
    keys = load_ear_keys(case.inputs["key"]) if "key" in case.inputs else ()
    # A text file may end in a line break; the token in it does not.
    token = case.inputs["token"].rstrip(b"\r\n").decode("utf-8", "replace")
    ear = verify_ear(token, keys=keys, policy=policy, now=case.at)
    return {
        "eat_profile": ear.profile,
        "iat": ear.issued_at,
        "submods": {name: submod.status.value for name, submod in ear.submods.items()},
    }
