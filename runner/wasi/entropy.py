"""Where the guest's random bytes come from: nowhere, the host, or a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from runner.wasi.abi import Errno
from runner.wasi.errors import WasiError

Entropy = Callable[[int], bytes]
SEED_DOMAIN = b"sealwasm/random/v1\x00"


class GuestRandom(Protocol):
    """One kind of randomness."""

    def take(self, size: int) -> bytes:
        """The next `size` bytes, or raise `WasiError`."""
        ...


class DeniedRandom:
    """None at all: ENOTCAPABLE."""

    def __init__(self, on_denied: Callable[[], None]) -> None:
        self._on_denied = on_denied

    def take(self, size: int) -> bytes:  # noqa: ARG002  the protocol's argument
        """Never returns."""
        self._on_denied()
        raise WasiError(Errno.NOTCAPABLE)


class RealRandom:
    """The host's source."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy

    def take(self, size: int) -> bytes:
        """Fresh bytes."""
        return self._entropy(size)


class SeededRandom:
    """The same bytes in every run (docs/specs/wasi-host.md section 6).

    ChaCha20 keystream, nonce and counter zero, under SHA-256 of the domain and the seed.
    """

    def __init__(self, seed: str) -> None:
        key = hashlib.sha256(SEED_DOMAIN + seed.encode()).digest()
        self._stream = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()

    def take(self, size: int) -> bytes:
        """The next bytes of the stream."""
        return self._stream.update(bytes(size))
