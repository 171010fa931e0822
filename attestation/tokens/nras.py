"""Detached results of NVIDIA's Remote Attestation Service: one overall token, one per device.

Source: NVIDIA, "NRAS attestation claims" 3.0. `[["JWT", overall], {"GPU-0": inner, ...}]`; the
overall token holds the SHA-256 digest of each inner one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from attestation.ear import Unsafe
from attestation.encoding import parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.keys import TrustedKey
from attestation.limits import MAX_DEVICES, MAX_DEVICES_BYTES
from attestation.tokens import core
from attestation.tokens.claims import TokenClaims
from attestation.tokens.policy import NrasPolicy
from attestation.trace import NO_TRACE, Trace

_OVERALL: Final = "x-nvidia-overall-att-result"


def verify_nras(
    data: bytes,
    *,
    keys: Sequence[TrustedKey],
    policy: NrasPolicy,
    now: datetime,
    trace: Trace = NO_TRACE,
) -> TokenClaims:
    """Return what a detached result says, if pinned keys signed it and it meets `policy` at `now`.

    Not checked: versions of driver and firmware. Raises `EvidenceError`, the gravest reason first.
    """
    # (1) and (2) The overall token: signature by a pinned key; dates.
    trace.check("N1", "detached result", "a token and its devices", f"{len(data)} bytes")
    overall, inner = _parts(data)
    members = core.verify_issued(overall, kind="nras", keys=keys, now=now, trace=trace)

    # (3) From whom and for what we expect.
    issuer = core.check_issuer(members, policy.issuer, trace)
    nonce = core.check_nonce([members.get("eat_nonce")], policy.nonce, trace)

    # (4) The inner tokens are those that the overall one is about, and say the same.
    _check_digests(members, inner, trace)
    devices = {
        name: _device(token, members, keys=keys, now=now, trace=trace)
        for name, token in inner.items()
    }

    # (5) Every device is one that we accept, and so is the whole.
    for device in devices.values():
        _check_device(device, policy, trace)
    _check_overall(members, trace)
    return TokenClaims(
        kind="nras",
        issuer=issuer,
        subject=MappingProxyType(members),
        expires=core.moment(core.seconds(members, "exp")),
        nonce=nonce,
        devices=MappingProxyType(devices),
    )


def _parts(data: bytes) -> tuple[str, Mapping[str, str]]:
    document = parse_json(data, limit_bytes=MAX_DEVICES_BYTES, what="detached result")
    if not isinstance(document, list) or len(document) != 2:
        raise _malformed("is not a list of an overall token and its devices")
    overall, inner = document
    if not isinstance(overall, list) or len(overall) != 2 or overall[0] != "JWT":
        raise _malformed("has no overall token")
    if not isinstance(inner, dict) or not 0 < len(inner) <= MAX_DEVICES:
        raise _malformed(f"has not 1 to {MAX_DEVICES} devices")
    if not all(isinstance(token, str) for token in (overall[1], *inner.values())):
        raise _malformed("has a token that is no text")
    return overall[1], inner


def _check_digests(members: Mapping[str, Any], inner: Mapping[str, str], trace: Trace) -> None:
    trace.check("N2", "devices", lambda: members.get("submods"), sorted(inner))
    named = core.member(members, "submods", dict)
    if named.keys() != inner.keys():
        raise EvidenceError(Refusal.BINDING, "devices are not those of the overall token")
    for name, token in inner.items():
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        expected = ["DIGEST", ["SHA-256", digest]]
        trace.check("N2", f"digest of {name}", named[name], expected)
        if named[name] != expected:
            raise EvidenceError(Refusal.BINDING, f"token of {name[:40]} is another one")


def _device(
    token: str,
    overall: Mapping[str, Any],
    *,
    keys: Sequence[TrustedKey],
    now: datetime,
    trace: Trace,
) -> Mapping[str, Any]:
    device = core.verify_issued(token, kind="nras", keys=keys, now=now, trace=trace)
    for name in ("iss", "eat_nonce"):
        trace.check("N3", f"{name} of a device", overall.get(name), device.get(name))
        expected, actual = core.text(overall, name), core.text(device, name)
        if not core.same_text(expected, actual):
            raise EvidenceError(Refusal.BINDING, f"{name} of a device is not the overall one")
    return MappingProxyType(device)


def _check_device(device: Mapping[str, Any], policy: NrasPolicy, trace: Trace) -> None:
    if not policy.allow_debug:
        core.check_debug_off(device, core.DEBUG_OFF, trace)
    trace.check("N4", "secboot", "true", device.get("secboot"))
    if not core.flag(device, "secboot"):
        raise EvidenceError(Refusal.PLATFORM_NOT_ALLOWED, "device did not boot securely")
    trace.check("N5", "hwmodel", policy.hwmodels, device.get("hwmodel"))
    model = core.text(device, "hwmodel")
    if not isinstance(policy.hwmodels, Unsafe) and not policy.hwmodels & {
        model,
        model.partition(" ")[0],
    }:
        raise EvidenceError(Refusal.PRODUCT_NOT_ALLOWED, f"hwmodel is {model[:40]}")
    trace.check("N6", "measres", "success", device.get("measres"))
    if core.text(device, "measres") != "success":
        raise EvidenceError(Refusal.MEASUREMENT_MISMATCH, "device is not as its references say")


def _check_overall(members: Mapping[str, Any], trace: Trace) -> None:
    trace.check("N7", _OVERALL, "true", members.get(_OVERALL))
    if not core.flag(members, _OVERALL):
        raise EvidenceError(Refusal.MEASUREMENT_MISMATCH, "NVIDIA's overall result is no")


def _malformed(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.MALFORMED, f"detached result {detail}")
