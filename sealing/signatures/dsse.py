"""DSSE envelopes (secure-systems-lab/dsse v1.0) in one exact byte form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sealing import canonical, limits
from sealing.errors import SealError, SealRefusal
from sealing.keys import Signer, VerifyingKey


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes a DSSE signature is over (protocol.md, "Signature Definition")."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, keys: Sequence[Signer]) -> bytes:
    """Return the RFC 8785 form of the DSSE envelope, signatures in order of key id.

    Raises `SealError` when `keys` is empty or holds a key twice.
    """
    ordered = sorted(keys, key=lambda key: key.key_id)
    _require_distinct([key.key_id for key in ordered])
    message = pre_authentication_encoding(payload_type, payload)
    signatures = [
        {"keyid": key.key_id, "sig": canonical.b64encode(key.sign(message))} for key in ordered
    ]
    # The payload is most of it, and base64 needs no look for characters to escape.
    return b'{"payload":"%s","payloadType":%s,"signatures":%s}' % (
        canonical.b64encode(payload).encode("ascii"),
        canonical.encode(payload_type),
        canonical.encode(signatures),
    )


def verify(
    envelope: bytes, *, payload_type: str, keys: Sequence[VerifyingKey], threshold: int = 1
) -> bytes:
    """Return the payload that at least `threshold` of `keys` signed.

    Every signature in the envelope must be good and by one of `keys`. The payload itself is not
    parsed. Raises `SealError`; `ValueError` when `threshold` is below 1, a mistake of the caller.
    """
    if threshold < 1:
        raise ValueError(f"threshold is {threshold}, expected at least 1")
    found = _members(envelope, limits.DSSE_BYTES)
    if found["payloadType"] != payload_type:
        raise SealError(SealRefusal.PAYLOAD_TYPE, f"expected {payload_type}")
    payload = canonical.b64decode(found["payload"], what="DSSE payload")
    signatures = _signatures(found["signatures"])
    message = pre_authentication_encoding(payload_type, payload)
    known = {key.key_id: key for key in keys}
    for key_id, signature in signatures:
        if key_id not in known:
            raise SealError(SealRefusal.SIGNER_UNKNOWN, f"key {key_id[:16]} is not expected")
        known[key_id].verify(signature, message)
    if len(signatures) < threshold:
        detail = f"{len(signatures)} signatures, expected {threshold}"
        raise SealError(SealRefusal.SIGNATURE_MISSING, detail)
    return payload


def unverified_signers(envelope: bytes) -> tuple[str, ...]:
    """Return the key ids an envelope names, to look keys up by. Nothing is verified."""
    found = _members(envelope, limits.DSSE_BYTES)
    return tuple(key_id for key_id, _ in _signatures(found["signatures"]))


def unverified_payload(envelope: bytes, *, limit_bytes: int) -> bytes:
    """Return the payload as anybody could have written it. Nothing is verified."""
    found = _members(envelope, limit_bytes)
    return canonical.b64decode(found["payload"], what="DSSE payload")


def _members(envelope: bytes, limit_bytes: int) -> dict[str, Any]:
    what = "DSSE envelope"
    found = canonical.parse_canonical(envelope, limit_bytes=limit_bytes, what=what)
    return canonical.members(found, ("payload", "payloadType", "signatures"), what)


def _signatures(value: object) -> list[tuple[str, bytes]]:
    what = "DSSE signature"
    if not isinstance(value, list) or len(value) > limits.DSSE_SIGNATURES:
        raise canonical.malformed(what, f"not a list of up to {limits.DSSE_SIGNATURES}")
    found = []
    for item in value:
        entry = canonical.members(item, ("keyid", "sig"), what)
        key_id = canonical.text(entry["keyid"], "DSSE key id")
        found.append((key_id, canonical.b64decode(entry["sig"], what=what)))
    names = [key_id for key_id, _ in found]
    _require_distinct(names)
    if names != sorted(names):
        raise SealError(SealRefusal.NOT_CANONICAL, "DSSE signatures are not in order of key id")
    return found


def _require_distinct(key_ids: Sequence[str]) -> None:
    if not key_ids:
        raise SealError(SealRefusal.SIGNATURE_MISSING, "a DSSE envelope needs a signature")
    if len(set(key_ids)) != len(key_ids):
        raise SealError(SealRefusal.SIGNATURE_REPEATED, "a key signs more than once")
