"""A simulated SGX machine in a folder: create it, load it, launch enclaves on it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from attestation.endorsements import Endorsements
from attestation.simulated.intel.folder import create_folder, load_folder
from attestation.simulated.intel.publish import bundle_of, endorsements_of, roots_of
from attestation.simulated.intel.silicon import IntelSilicon
from attestation.simulated.machine import Entropy
from attestation.simulated.sgx.faults import Fault
from attestation.simulated.sgx.guest import SimulatedSgxEnclave, launch_value
from attestation.simulated.store import FolderStore


@dataclass(frozen=True, slots=True)
class SimulatedSgxPlatform:
    """A processor with SGX, the vendor that certifies it, and what the vendor publishes."""

    silicon: IntelSilicon = field(repr=False)
    faults: frozenset[Fault] = frozenset()

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        now: datetime,
        faults: Iterable[str] = (),
        entropy: Entropy = secrets.token_bytes,
        pck_ca: str = "processor",
    ) -> SimulatedSgxPlatform:
        """Make a platform in a new or empty folder.

        `pck_ca` is "platform" or "processor": whose CA certifies it. Raises `FileExistsError` if
        something is there already, `ValueError` for an unknown fault or CA.
        """
        known = sorted(map(Fault, faults))
        create_folder(folder, tee="sgx", now=now, pck_ca=pck_ca, faults=known, entropy=entropy)
        platform = cls.load(folder)
        store = FolderStore(folder)
        store.save("root.pem", platform.roots_pem())
        store.save("endorsements.json", bundle_of(platform.silicon, platform.faults))
        return platform

    @classmethod
    def load(cls, folder: Path) -> SimulatedSgxPlatform:
        """Return the platform in `folder`; raise `EvidenceError` if it does not hold one."""
        identity, faults = load_folder(folder, tee="sgx", known=Fault)
        return cls(IntelSilicon(identity, tdx=False), faults)

    def roots_pem(self) -> bytes:
        """Return the root: what `TrustAnchors.with_simulated` takes."""
        return roots_of(self.silicon)

    def endorsements(self) -> Endorsements:
        """Return the collateral, ready for `attestation.verify`."""
        return endorsements_of(self.silicon, self.faults)

    def launch(
        self,
        measurement: bytes,
        *,
        isv_prod_id: int = 1,
        isv_svn: int = 1,
        version: int = 3,
        padding: int = 0,
    ) -> SimulatedSgxEnclave:
        """Return an enclave for this 48-byte measurement, with the platform's faults."""
        return SimulatedSgxEnclave(
            self.silicon, measurement, isv_prod_id, isv_svn, version, padding, self.faults
        )

    @staticmethod
    def launch_value(measurement: bytes) -> bytes:
        """Return MRENCLAVE: the SHA-256 of the measurement, as there are 32 bytes for it."""
        return launch_value(measurement)

    def with_fault(self, fault: Fault) -> SimulatedSgxPlatform:
        """Return this platform with one more fault; its folder stays as it is."""
        return replace(self, faults=self.faults | {fault})
