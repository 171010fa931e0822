"""A content key split over brokers: Shamir's scheme over GF(2^8), one polynomial for each byte.

What is split is all that an envelope would hold, so that fewer shares than the threshold say
nothing about any of it. Format: docs/specs/split-keys.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Final, Self

from sealing import canonical, limits
from sealing.envelope import ShareHeader
from sealing.errors import SealError, SealRefusal
from sealing.ocicrypt import KEY_BYTES, NONCE_BYTES, PrivateOptions

_LABEL: Final = b"sealwasm/share/v1\0"
SET_BYTES: Final = 16
DIGEST_BYTES: Final = 32
SECRET_BYTES: Final = KEY_BYTES + NONCE_BYTES + DIGEST_BYTES
SHARE_BYTES: Final = len(_LABEL) + SET_BYTES + 1 + SECRET_BYTES

# All bytes of a secret are worked on at once, in one integer. The other factor of a product is
# always public (an index, or made of indices), so nothing branches or looks up by a secret.
_HIGH_BITS: Final = int.from_bytes(b"\x80" * SECRET_BYTES)
_LOW_BITS: Final = int.from_bytes(b"\x7f" * SECRET_BYTES)
# x^8 = x^4 + x^3 + x + 1: the field of AES.
_REDUCTION: Final = 0x1B


@dataclass(frozen=True, slots=True)
class Share:
    """One share of a split content key. `value` is secret; `set` and `index` are not."""

    set: str
    index: int
    value: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        """Return the one form of a share. These bytes are secret."""
        return _LABEL + bytes.fromhex(self.set) + bytes([self.index]) + self.value

    @property
    def commitment(self) -> str:
        """The digest that the envelope's header, and so the owner's signature, fixes."""
        return canonical.digest_of(self.to_bytes())

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the share in `data`, or raise `SealError`, which never quotes it."""
        what = "share"
        canonical.require_size(data, SHARE_BYTES, what)
        if data[: len(_LABEL)] != _LABEL:
            raise canonical.malformed(what, "not a share of a content key")
        rest = data[len(_LABEL) :]
        index = rest[SET_BYTES]
        if not 1 <= index <= limits.ENVELOPES:
            raise canonical.malformed(f"{what} index", f"expected 1 to {limits.ENVELOPES}")
        return cls(rest[:SET_BYTES].hex(), index, bytes(rest[SET_BYTES + 1 :]))


def open_share(data: bytes, header: ShareHeader) -> Share:
    """Return the share in `data` if it is the one that `header` commits to, or raise `SealError`.

    Believe nothing that a broker hands out before this: whoever gave another share is named here.
    """
    share = Share.parse(data)
    if (share.set, share.index) != (header.set, header.index):
        detail = f"share {share.index} is not share {header.index} of its split"
        raise SealError(SealRefusal.SHARE_SET, detail)
    if share.commitment != header.commitment:
        detail = f"share {header.index} is not the one that was sealed"
        raise SealError(SealRefusal.SHARE_COMMITMENT, detail)
    return share


def split(
    options: PrivateOptions, *, threshold: int, of: int, entropy: Callable[[int], bytes]
) -> tuple[Share, ...]:
    """Return `of` shares, any `threshold` of which give `options` back. Raises `SealError`.

    Takes 16 bytes of `entropy` for the name of the split, then 80 for each coefficient.
    """
    if not 2 <= threshold <= of <= limits.ENVELOPES:
        detail = f"{threshold} of {of} is not a split, expected 2 or more of at most 16"
        raise SealError(SealRefusal.SHARE_THRESHOLD, detail)
    name = entropy(SET_BYTES).hex()
    coefficients = [int.from_bytes(entropy(SECRET_BYTES)) for _ in range(threshold - 1)]
    coefficients.append(int.from_bytes(_pack(options)))
    return tuple(
        Share(name, index, _to_bytes(_evaluate(coefficients, index))) for index in range(1, of + 1)
    )


def combine(shares: Sequence[Share], *, threshold: int) -> PrivateOptions:
    """Return the options that `shares` are of, or raise `SealError`.

    Each must have passed `open_share`. Shares beyond `threshold` must lie on the same polynomial.
    """
    if threshold < 2 or len(shares) < threshold:
        detail = f"{len(shares)} shares where it takes {threshold}, and never less than 2"
        raise SealError(SealRefusal.SHARE_THRESHOLD, detail)
    if len({share.set for share in shares}) != 1:
        raise SealError(SealRefusal.SHARE_SET, "shares are of more than one split")
    if len({share.index for share in shares}) != len(shares):
        raise SealError(SealRefusal.SHARE_SET, "one share came twice")
    first = shares[:threshold]
    for extra in shares[threshold:]:
        if _interpolate(first, extra.index) != int.from_bytes(extra.value):
            raise SealError(SealRefusal.SHARE_SET, "shares do not lie on one polynomial")
    return _unpack(_to_bytes(_interpolate(first, 0)))


def _pack(options: PrivateOptions) -> bytes:
    digest = bytes.fromhex(options.digest.removeprefix("sha256:"))
    return options.symkey + options.nonce + digest


def _unpack(secret: bytes) -> PrivateOptions:
    nonce_at, digest_at = KEY_BYTES, KEY_BYTES + NONCE_BYTES
    digest = f"sha256:{secret[digest_at:].hex()}"
    return PrivateOptions(secret[:nonce_at], digest, secret[nonce_at:digest_at])


def _to_bytes(vector: int) -> bytes:
    return vector.to_bytes(SECRET_BYTES)


def _times(vector: int, factor: int) -> int:
    """Multiply every byte of `vector` by the public `factor`."""
    product = 0
    while factor:
        if factor & 1:
            product ^= vector
        carried = (vector & _HIGH_BITS) >> 7
        vector = (vector & _LOW_BITS) << 1 ^ carried * _REDUCTION
        factor >>= 1
    return product


def _inverse(factor: int) -> int:
    """Return the inverse of a public, non-zero byte: its 254th power, 2 + 4 + ... + 128."""
    inverse = 1
    for _ in range(7):
        factor = _times(factor, factor)
        inverse = _times(inverse, factor)
    return inverse


def _evaluate(coefficients: Sequence[int], at: int) -> int:
    """Return the value at `at`; the last coefficient is the constant one."""
    return reduce(lambda value, coefficient: _times(value, at) ^ coefficient, coefficients, 0)


def _interpolate(shares: Sequence[Share], at: int) -> int:
    """Return the value at `at` of the only polynomial of this degree through `shares`."""
    value = 0
    for share in shares:
        weight = 1
        for other in shares:
            if other.index != share.index:
                weight = _times(weight, at ^ other.index)
                weight = _times(weight, _inverse(share.index ^ other.index))
        value ^= _times(int.from_bytes(share.value), weight)
    return value
