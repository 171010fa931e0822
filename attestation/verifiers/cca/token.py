"""The collection: a platform token and a realm token (RMM A7.2.3, draft-ffm-rats-cca-token)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from attestation import cbor
from attestation.cbor import Tagged
from attestation.cose import Sign1
from attestation.errors import EvidenceError, Refusal
from attestation.limits import MAX_ARM_TOKEN_BYTES
from attestation.verifiers.arm.signer import read_sign1

COLLECTION: Final = 399
# The same as a conceptual messages wrapper: each member says its content format.
WRAPPED_COLLECTION: Final = 907
EAT_CWT: Final = 263
PLATFORM: Final = 44234
REALM: Final = 44241


@dataclass(frozen=True, slots=True)
class CcaToken:
    """Two signed messages. Nothing has been verified, nor that they belong together."""

    platform: Sign1
    realm: Sign1


def parse_token(data: bytes) -> CcaToken:
    """Return both messages, or raise `EvidenceError`: `malformed`, `trailing-data`, `alg-mismatch`.

    A device token or any other third member is refused: nothing signs it.
    """
    if len(data) > MAX_ARM_TOKEN_BYTES:
        raise EvidenceError(Refusal.MALFORMED, f"CCA token is longer than {MAX_ARM_TOKEN_BYTES}")
    found = cbor.decode(data, what="CCA token")
    if not isinstance(found, Tagged) or found.tag not in {COLLECTION, WRAPPED_COLLECTION}:
        raise EvidenceError(Refusal.MALFORMED, "CCA token is not a tagged collection")
    members = found.value
    if not isinstance(members, dict) or members.keys() != {PLATFORM, REALM}:
        raise EvidenceError(Refusal.MALFORMED, "CCA token is not of platform and realm token")
    platform, realm = members[PLATFORM], members[REALM]
    if found.tag == WRAPPED_COLLECTION:
        platform, realm = _unwrapped(platform), _unwrapped(realm)
    return CcaToken(
        read_sign1(platform, what="platform token"), read_sign1(realm, what="realm token")
    )


def _unwrapped(member: Any) -> Any:
    if not isinstance(member, list) or len(member) != 2 or member[0] != EAT_CWT:
        raise EvidenceError(Refusal.MALFORMED, "CCA token has a member that is no signed token")
    return member[1]
