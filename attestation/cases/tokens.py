"""Cases of tokens of attestation services: Azure, Google, NVIDIA."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from attestation.cases.case import Case, Claims
from attestation.ear import Unsafe
from attestation.errors import EvidenceError, Refusal
from attestation.keys import TrustedKey, load_keys
from attestation.tokens import (
    GcsPolicy,
    MaaPolicy,
    NrasPolicy,
    TokenClaims,
    verify_gcs,
    verify_maa,
    verify_nras,
)
from attestation.tokens.policy import Expected

INPUTS: Final = MappingProxyType(
    {"token": "token", "jwks": "keys", "keys": "keys", "jwk": "keys", "key": "keys"}
)


def run_maa(case: Case) -> Claims:
    """Return the claims of an Azure token; whoever's keys are given is its issuer."""
    policy = MaaPolicy(issuer=Unsafe.NOT_CHECKED, nonce=Unsafe.NOT_CHECKED)
    return _claims(verify_maa(_text(case), keys=_keys(case), policy=policy, now=case.at))


def run_gcs(case: Case) -> Claims:
    """Return the claims of a Google token, for the case's audience."""
    audience: Expected = Unsafe.NOT_CHECKED if case.audience is None else case.audience
    # Which support an image has depends on the day one looks; a folder of cases does not say.
    policy = GcsPolicy(audience=audience, nonce=Unsafe.NOT_CHECKED, support_attributes=frozenset())
    return _claims(verify_gcs(_text(case), keys=_keys(case), policy=policy, now=case.at))


def run_nras(case: Case) -> Claims:
    """Return the claims of a detached NVIDIA result."""
    policy = NrasPolicy(nonce=Unsafe.NOT_CHECKED, hwmodels=Unsafe.NOT_CHECKED)
    return _claims(verify_nras(_token(case), keys=_keys(case), policy=policy, now=case.at))


def _token(case: Case) -> bytes:
    if "token" not in case.inputs:
        raise EvidenceError(Refusal.MALFORMED, "case has no token")
    return case.inputs["token"]


def _text(case: Case) -> str:
    # A text file may end in a line break; the token in it does not.
    return _token(case).rstrip(b"\r\n").decode("utf-8", "replace")


def _keys(case: Case) -> tuple[TrustedKey, ...]:
    return load_keys(case.inputs["keys"]) if "keys" in case.inputs else ()


def _claims(token: TokenClaims) -> dict[str, Any]:
    return {"iss": token.issuer, "exp": int(token.expires.timestamp())}
