"""Tokens of Intel Trust Authority: SGX and TDX, first and second version.

Source: Intel, "Intel Trust Authority EAT profile" 1.0.1. The second version has what each attester
says one level down, under the attester's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from attestation.errors import EvidenceError, Refusal
from attestation.keys import TrustedKey
from attestation.policy.intel import TCB_STATUSES
from attestation.tokens import core
from attestation.tokens.claims import TokenClaims
from attestation.tokens.policy import ItaPolicy
from attestation.trace import NO_TRACE, Trace

_ATTESTERS: Final = ("tdx", "sgx")
# Any of them says whether the host can read the TEE; one of them is always there.
_DEBUG: Final = ("tdx_td_attributes_debug", "tdx_is_debuggable", "sgx_is_debuggable")


def verify_ita(
    token: str,
    *,
    keys: Sequence[TrustedKey],
    policy: ItaPolicy,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> TokenClaims:
    """Return what a token says, if a pinned key signed it and it meets `policy` at `now`.

    Not checked: measurements, and attesters other than TDX and SGX that the token also is about.
    Raises `EvidenceError` with the most fundamental reason.
    """
    # (1) and (2) Signature by a pinned key; dates.
    members = core.verify_issued(token, kind="ita", keys=keys, now=now, trace=trace)

    # (3) From whom and for what we expect.
    issuer = core.check_issuer(members, policy.issuer, trace)
    attester = _attester(members, trace)
    nonce = core.check_nonce(_nonces(attester), policy.nonce, trace)

    # (4) The TEE cannot be read by its host, is up to date, and met Intel's policies of ours.
    if not policy.allow_debug:
        _check_debug(attester, trace)
    _check_tcb(attester, policy, trace)
    _check_policies(members, attester, policy, trace)
    return TokenClaims(
        kind="ita",
        issuer=issuer,
        subject=MappingProxyType(members),
        expires=core.moment(core.seconds(members, "exp")),
        nonce=nonce,
    )


def _attester(members: Mapping[str, Any], trace: Trace) -> Mapping[str, Any]:
    found = [name for name in _ATTESTERS if isinstance(members.get(name), dict)]
    trace.check("I1", "processors", "one", found)
    if len(found) > 1:
        raise EvidenceError(Refusal.MALFORMED, "token is about two processors")
    return core.nested(members, found[0]) if found else members


def _nonces(attester: Mapping[str, Any]) -> list[Any]:
    return [
        attester.get("attester_held_data"),
        core.nested(attester, "verifier_nonce").get("val"),
        core.nested(attester, "attester_runtime_data").get("nonce"),
    ]


def _check_debug(attester: Mapping[str, Any], trace: Trace) -> None:
    names = [name for name in _DEBUG if name in attester]
    trace.check("I2", "debugging", "false", {name: attester[name] for name in names})
    if any(core.flag(attester, name) for name in names):
        raise EvidenceError(Refusal.DEBUG_ENABLED, "token says that debugging is enabled")
    if "dbgstat" in attester or not names:
        core.check_debug_off(attester, core.DEBUG_OFF, trace)


def _check_tcb(attester: Mapping[str, Any], policy: ItaPolicy, trace: Trace) -> None:
    name = "attester_tcb_status"
    trace.check("I3", name, sorted(policy.tcb_statuses), attester.get(name))
    status = core.text(attester, name)
    if status in policy.tcb_statuses:
        return
    known = status if status in TCB_STATUSES and status != "UpToDate" else "NotSupported"
    raise EvidenceError(Refusal(f"tcb-{known}"), f"TCB status is {status[:40]}")


def _check_policies(
    members: Mapping[str, Any], attester: Mapping[str, Any], policy: ItaPolicy, trace: Trace
) -> None:
    named = members.get("policy_ids_matched", attester.get("policy_ids_matched"))
    ids = [one.get("id") for one in core.listed(named) if isinstance(one, dict)]
    matched = {one for one in ids if isinstance(one, str)}
    trace.check("I4", "policies that matched", sorted(policy.policies), matched)
    if not policy.policies <= matched:
        raise EvidenceError(Refusal.PLATFORM_NOT_ALLOWED, "a policy of ours did not match")
