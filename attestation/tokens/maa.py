"""Tokens of Microsoft Azure Attestation: guests (SEV-SNP, TDX) and enclaves (SGX).

Source: Microsoft, "Azure Attestation token claims" and "EAT profile for TDX".
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
from attestation.tokens.policy import MaaPolicy
from attestation.trace import NO_TRACE, Trace

_TYPE: Final = "x-ms-attestation-type"
_INNER: Final = "x-ms-isolation-tee"
_COMPLIANCE: Final = "x-ms-compliance-status"
_COMPLIANT: Final = "azure-compliant-cvm"
# What says of each kind of TEE whether its host can read it.
_DEBUG: Final = MappingProxyType(
    {
        "sevsnpvm": "x-ms-sevsnpvm-is-debuggable",
        "tdxvm": "tdx_td_attributes_debug",
        "sgx": "x-ms-sgx-is-debuggable",
    }
)
_GUESTS: Final = frozenset({"sevsnpvm", "tdxvm"})
_MIGRATION: Final = "x-ms-sevsnpvm-migration-allowed"
# Debuggers of the guest's own system, where the token is about a whole virtual machine.
_SYSTEM_DEBUG: Final = (
    "x-ms-azurevm-bootdebug-enabled",
    "x-ms-azurevm-kerneldebug-enabled",
    "x-ms-azurevm-hypervisordebug-enabled",
)


def verify_maa(
    token: str,
    *,
    keys: Sequence[TrustedKey],
    policy: MaaPolicy,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> TokenClaims:
    """Return what a token says, if a pinned key signed it and it meets `policy` at `now`.

    Not checked: measurements, and what the provider's own policy was (`x-ms-policy-hash`). Raises
    `EvidenceError` with the most fundamental reason.
    """
    # (1) and (2) Signature by a pinned key; dates.
    members = core.verify_issued(token, kind="maa", keys=keys, now=now, trace=trace)

    # (3) From whom and for what we expect.
    issuer = core.check_issuer(members, policy.issuer, trace)
    nonce = core.check_nonce(_nonces(members), policy.nonce, trace)

    # (4) The TEE that it is about cannot be read by its host, and is one that we accept.
    _check_tee(members, policy, trace)
    return TokenClaims(
        kind="maa",
        issuer=issuer,
        subject=MappingProxyType(members),
        expires=core.moment(core.seconds(members, "exp")),
        nonce=nonce,
    )


def _nonces(members: Mapping[str, Any]) -> list[Any]:
    runtime = core.nested(members, "x-ms-runtime")
    payload = core.nested(runtime, "client-payload")
    return [members.get("nonce"), runtime.get("nonce"), payload.get("nonce")]


def _check_tee(members: Mapping[str, Any], policy: MaaPolicy, trace: Trace) -> None:
    # A token about a virtual machine has what its processor says one level down.
    tee = core.nested(members, _INNER) if _INNER in members else members
    trace.check("M1", "type", " or ".join(_DEBUG), tee.get(_TYPE))
    kind = core.text(tee, _TYPE)
    if kind not in _DEBUG:
        raise EvidenceError(Refusal.MISSING_CLAIMS, f"token is about no TEE: {kind[:40]}")
    debug = {_DEBUG[kind]: tee.get(_DEBUG[kind])}
    debug |= {name: members[name] for name in _SYSTEM_DEBUG if name in members}
    trace.check("M2", "debugging", policy.allow_debug and "allowed", debug)
    if any(core.flag(debug, name) for name in debug) and not policy.allow_debug:
        raise EvidenceError(Refusal.DEBUG_ENABLED, "token says that debugging is enabled")
    if kind == "sevsnpvm":
        allowed = policy.allow_migration and "allowed"
        trace.check("M3", "migration", allowed, tee.get(_MIGRATION))
        if core.flag(tee, _MIGRATION) and not policy.allow_migration:
            raise EvidenceError(Refusal.MIGRATABLE, "token says that migration is allowed")
    if policy.require_compliant and kind in _GUESTS:
        trace.check("M4", "compliance", _COMPLIANT, tee.get(_COMPLIANCE))
        if core.text(tee, _COMPLIANCE) != _COMPLIANT:
            raise EvidenceError(Refusal.PLATFORM_NOT_ALLOWED, "guest is not compliant with Azure")
