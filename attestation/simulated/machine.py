"""What every simulated platform can do, whichever TEE it pretends to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

from attestation.attesters import Attester
from attestation.endorsements import Endorsements

Entropy = Callable[[int], bytes]


class SimulatedMachine(Protocol):
    """A platform in a folder. Its `state.json` says which TEE it is (`tee`) and its faults.

    The folder publishes `root.pem`, which `TrustAnchors.with_simulated` takes, and
    `endorsements.pem`, `crl.der` or `endorsements.json` where the vendor publishes such things.
    """

    @classmethod
    def create(
        cls, folder: Path, *, now: datetime, faults: Iterable[str] = (), entropy: Entropy = ...
    ) -> Self:
        """Make a platform in a new or empty folder."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the platform in `folder`; raise `EvidenceError` if it does not hold one."""
        ...

    def roots_pem(self) -> bytes:
        """Return the roots that evidence of this platform ends in."""
        ...

    def endorsements(self) -> Endorsements:
        """Return what its vendor publishes, ready for `attestation.verify`."""
        ...

    def launch(self, measurement: bytes) -> Attester:
        """Return a guest that was launched with this 48-byte measurement and the faults."""
        ...

    @staticmethod
    def launch_value(measurement: bytes) -> bytes:
        """Return what evidence says was launched for this 48-byte measurement.

        The measurement itself where the TEE has room for it, a digest of it where it has not.
        """
        ...
