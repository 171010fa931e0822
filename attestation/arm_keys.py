"""Attestation keys of Arm devices as their makers publish them: a list with ids, or bare keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from attestation.encoding import parse_json
from attestation.errors import EvidenceError, Refusal
from attestation.keys import TrustedKey, load_keys, parse_jwk
from attestation.limits import MAX_KEY_FILE_BYTES, MAX_KEYS

_MEMBERS: Final = frozenset({"pkey", "implementation-id", "instance-id"})
_ID_BYTES: Final = {"implementation-id": 32, "instance-id": 33}


def load_arm_keys(data: bytes) -> tuple[TrustedKey, ...]:
    """Return the keys of a trust anchor list, a PEM public key, a JWK or a JWK set.

    A list, `[{"implementation-id": hex, "instance-id": hex, "pkey": JWK}]`, ties each key to one
    device. Not checked: who wrote it. Raises `EvidenceError` `bad-trust-anchor` for a point off
    its curve, ids that are no ids, or anything else that is not such a file.
    """
    if not data.lstrip().startswith(b"["):
        return load_keys(data)
    listed = parse_json(data, limit_bytes=MAX_KEY_FILE_BYTES, what="trust anchor list")
    if not 1 <= len(listed) <= MAX_KEYS:
        raise _bad(f"trust anchor list has not one to {MAX_KEYS} entries")
    return tuple(_anchor(one) for one in listed)


def _anchor(entry: Any) -> TrustedKey:
    if not isinstance(entry, dict) or entry.keys() != _MEMBERS:
        raise _bad("trust anchor is not of key, implementation id and instance id")
    return replace(
        parse_jwk(entry["pkey"]),
        implementation_id=_identifier(entry, "implementation-id"),
        instance_id=_identifier(entry, "instance-id"),
    )


def _identifier(entry: dict[str, Any], name: str) -> bytes:
    value, size = entry[name], _ID_BYTES[name]
    # `bytes.fromhex` would let white space pass.
    if not isinstance(value, str) or len(value) != 2 * size:
        raise _bad(f"{name} is not {size} bytes in hex")
    try:
        found = bytes.fromhex(value)
    except ValueError as error:
        raise _bad(f"{name} is not hex") from error
    if len(found) != size:
        raise _bad(f"{name} is not {size} bytes in hex")
    return found


def _bad(detail: str) -> EvidenceError:
    return EvidenceError(Refusal.BAD_TRUST_ANCHOR, detail)
