"""Signatures that somebody else makes for us: one form, and none leaves that does not hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from sealing.errors import SealError, SealRefusal
from sealing.keys import VerifyingKey

_HALF = 32
# The order of P-256: both numbers of a signature are above zero and below it.
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def der_of_raw(raw: bytes) -> bytes:
    """Return the DER form of an ECDSA P-256 signature that is r and s, 32 bytes each.

    Raises `SealError` for another length, or a number out of range.
    """
    if len(raw) != 2 * _HALF:
        detail = f"an ECDSA P-256 signature is 64 bytes, got {len(raw)}"
        raise SealError(SealRefusal.SIGNATURE_INVALID, detail)
    r, s = int.from_bytes(raw[:_HALF], "big"), int.from_bytes(raw[_HALF:], "big")
    if not (0 < r < _P256_ORDER and 0 < s < _P256_ORDER):
        raise SealError(SealRefusal.SIGNATURE_INVALID, "a number of the signature is out of range")
    return encode_dss_signature(r, s)


@dataclass(frozen=True, slots=True)
class CheckedSigner:
    """A `Signer` whose private key is elsewhere. What comes back is verified before it is used."""

    public: VerifyingKey
    place: str
    _sign: Callable[[bytes], bytes] = field(repr=False, compare=False)

    @property
    def kind(self) -> str:
        """`p256` or `ed25519`."""
        return self.public.kind

    @property
    def key_id(self) -> str:
        """The id of the public half."""
        return self.public.key_id

    def sign(self, data: bytes) -> bytes:
        """Return a signature that holds; raise `SealError` for one that does not."""
        signature = self._sign(data)
        try:
            self.public.verify(signature, data)
        except SealError as error:
            detail = (
                f"{self.place} made a signature that does not hold under key {self.key_id[:16]}: "
                "it was thrown away. Another key is there now, or it is at fault"
            )
            raise SealError(SealRefusal.SIGNATURE_INVALID, detail) from error
        return signature
