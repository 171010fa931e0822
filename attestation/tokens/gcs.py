"""Tokens of Google Cloud Confidential Space.

Source: Google, "Confidential Space attestation token claims".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from attestation.errors import EvidenceError, Refusal
from attestation.keys import TrustedKey
from attestation.tokens import core
from attestation.tokens.claims import TokenClaims
from attestation.tokens.policy import GcsPolicy
from attestation.trace import NO_TRACE, Trace

_SOFTWARE: Final = "CONFIDENTIAL_SPACE"
# The debug image of Confidential Space says "enabled"; "disabled" alone was never seen.
_DEBUG_OFF: Final = frozenset({"disabled-since-boot"})


def verify_gcs(
    token: str,
    *,
    keys: Sequence[TrustedKey],
    policy: GcsPolicy,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> TokenClaims:
    """Return what a token says, if a pinned key signed it and it meets `policy` at `now`.

    Not checked: which container runs (`submods.container.image_digest`), where, and for whom.
    Raises `EvidenceError` with the most fundamental reason.
    """
    # (1) and (2) Signature by a pinned key; dates.
    members = core.verify_issued(token, kind="gcs", keys=keys, now=now, trace=trace)

    # (3) From whom, for whom and for what we expect.
    issuer = core.check_issuer(members, policy.issuer, trace)
    core.check_audience(members, policy.audience, trace)
    nonce = core.check_nonce(core.listed(members.get("eat_nonce")), policy.nonce, trace)

    # (4) A production image of Confidential Space on a machine that we accept.
    if not policy.allow_debug:
        core.check_debug_off(members, _DEBUG_OFF, trace)
    _check_machine(members, policy, trace)
    return TokenClaims(
        kind="gcs",
        issuer=issuer,
        subject=MappingProxyType(members),
        expires=core.moment(core.seconds(members, "exp")),
        nonce=nonce,
    )


def _check_machine(members: Mapping[str, Any], policy: GcsPolicy, trace: Trace) -> None:
    trace.check("G1", "swname", _SOFTWARE, members.get("swname"))
    software = core.text(members, "swname")
    if software != _SOFTWARE:
        raise EvidenceError(Refusal.PLATFORM_NOT_ALLOWED, "token is not about Confidential Space")
    trace.check("G2", "secboot", "true", members.get("secboot"))
    if not core.flag(members, "secboot"):
        raise EvidenceError(Refusal.PLATFORM_NOT_ALLOWED, "machine did not boot securely")
    trace.check("G3", "hwmodel", sorted(policy.hwmodels), members.get("hwmodel"))
    model = core.text(members, "hwmodel")
    if model not in policy.hwmodels:
        raise EvidenceError(Refusal.PRODUCT_NOT_ALLOWED, f"hwmodel is {model[:40]}")
    space = core.nested(core.nested(members, "submods"), "confidential_space")
    found = [one for one in core.listed(space.get("support_attributes")) if isinstance(one, str)]
    trace.check("G4", "support attributes", sorted(policy.support_attributes), found)
    if not policy.support_attributes <= set(found):
        raise EvidenceError(Refusal.PLATFORM_NOT_ALLOWED, "image has not the support it must have")
