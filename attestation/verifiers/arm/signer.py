"""Who signed a device's token: one of the keys that the caller trusts for that device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from attestation import cbor
from attestation.cbor import Tagged
from attestation.cose import ES256, ES384, ES512, TAG, Sign1, parse_sign1, verify_sign1
from attestation.errors import EvidenceError, Refusal
from attestation.keys import TrustedKey
from attestation.trace import Trace
from attestation.trust import SIMULATED_PREFIX

_MAC0: Final = 17
ALGORITHMS: Final = frozenset({ES256, ES384, ES512})
# Arm's tokens carry no certificate, so simulated silicon says what it is in the implementation id.
SIMULATED_ID: Final = SIMULATED_PREFIX.encode()
_UEID_RANDOM: Final = b"\x01"


@dataclass(frozen=True, slots=True)
class DeviceId:
    """Kind of platform (32 bytes) and device (33 bytes), as the token says."""

    implementation: bytes
    instance: bytes

    @property
    def is_simulated(self) -> bool:
        """Whether it calls itself simulated silicon."""
        return self.implementation.startswith(SIMULATED_ID)


def read_sign1(data: object, *, what: str) -> Sign1:
    """Return a token's COSE_Sign1, which has to be tagged. Nothing is verified.

    Raises `EvidenceError`: `alg-mismatch` for a COSE_Mac0, whose key whoever checks it could forge
    with, `malformed` for anything else that is not one.
    """
    if not isinstance(data, bytes):
        raise EvidenceError(Refusal.MALFORMED, f"{what} is not a byte string")
    found = cbor.decode(data, what=what)
    if not isinstance(found, Tagged) or found.tag not in {TAG, _MAC0}:
        raise EvidenceError(Refusal.MALFORMED, f"{what} is not a tagged COSE_Sign1")
    if found.tag == _MAC0:
        raise EvidenceError(Refusal.ALG_MISMATCH, f"{what} has a MAC in place of a signature")
    return parse_sign1(found.value, what=what)


def instance_id_of(key: TrustedKey) -> bytes:
    """Return the instance id that follows from an attestation key (RFC 9783 section 4.2.1)."""
    return _UEID_RANDOM + key.fingerprint


def verify_device(
    message: Sign1,
    device: DeviceId,
    keys: Sequence[TrustedKey],
    *,
    what: str,
    trace: Trace,
    steps: tuple[str, str],
) -> TrustedKey:
    """Return the key of `keys` that made the signature.

    Keys that name another device are left out, and so are keys of silicon for a device that calls
    itself simulated, and the other way round. Raises `EvidenceError`: `simulated-not-trusted`,
    `no-endorsement`, `alg-mismatch`, `signature-invalid`.
    """
    found = [key for key in keys if _is_for(key, device)]
    trace.check(steps[0], f"keys for the device of the {what}", "at least one", len(found))
    if not found and device.is_simulated:
        raise EvidenceError(Refusal.SIMULATED_NOT_TRUSTED, f"{what} is of simulated silicon")
    if not found:
        raise EvidenceError(Refusal.NO_ENDORSEMENT, f"no key for the device of the {what}")
    trace.check(steps[1], f"signature of the {what}", "by one of those", message.algorithm)
    return _signer(message, found, what)


def _signer(message: Sign1, keys: Sequence[TrustedKey], what: str) -> TrustedKey:
    for key in keys[:-1]:
        try:
            verify_sign1(message, key.public, allowed=ALGORITHMS, what=what)
        except EvidenceError as error:
            if error.code is not Refusal.SIGNATURE_INVALID:
                raise
        else:
            return key
    verify_sign1(message, keys[-1].public, allowed=ALGORITHMS, what=what)
    return keys[-1]


def _is_for(key: TrustedKey, device: DeviceId) -> bool:
    if key.simulated != device.is_simulated:
        return False
    if key.simulated and instance_id_of(key) != device.instance:
        return False
    return key.implementation_id in {None, device.implementation} and key.instance_id in {
        None,
        device.instance,
    }
